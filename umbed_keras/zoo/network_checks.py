"""Checks of the networks of other libraries in presets, before any of their layers is made."""

import math
from collections.abc import Iterator
from typing import Any

import keras

from umbed_keras.extras import import_extra
from umbed_keras.zoo.network_classes import kind_of

# Keys of a serialised object; of a layer in a graph, also its name and what it is called on.
KEYS = {"module", "class_name", "config", "registered_name", "shared_object_id"}
LAYER_KEYS = KEYS | {"name", "inbound_nodes"}
# Keys that a network needs no more: it is built by its graph, and compiled by nobody.
DROPPED = ("build_config", "compile_config")
POLICIES = ("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16")
# Types that an input may have beside.
INTEGERS = ("uint8", "int32", "int64", "bool")
# Largest values: of numbers, of sides of images, of layers, and of models inside models.
MAX_NUMBER, MAX_SIDE, MAX_LAYERS, MAX_DEPTH = 1 << 16, 1 << 12, 1 << 12, 4
# Largest lengths of texts and lists, and how deeply lists may be nested.
MAX_LENGTH, MAX_LIST, MAX_NESTED = 256, 1 << 12, 6
# Largest values in networks of KerasHub: of numbers, of sides of images, of what is repeated, of
# windows whose pairs of positions are listed, and of weights of attention: heads times the square
# of the number of patches.
HUB_NUMBER, HUB_SIDE, HUB_REPEATS, HUB_WINDOW, HUB_ATTENTION = 1 << 14, 1 << 11, 256, 64, 1 << 30
# Most pairs of positions in the windows of all blocks of a network of KerasHub: each block lists
# those of a window, and the weights file does not count them.
HUB_PAIRS = 1 << 24
# Largest tensor inside a network for one image, where sizes that are free count as `FREE_SIDE`.
MAX_TENSOR, FREE_SIDE = 1 << 30, 32
_SIDES = {"batch_shape", "build_input_shape", "image_shape", "input_shape"}
_SIDES |= {"position_embedding_shape", "height", "width"}
_REPEATS = ("layers", "depth", "blocks", "repeats")
# Objects that calls may hold beside tensors of the graph: slices and arrays of numbers.
_ARRAYS = {"__tensor__", "__numpy__"}
_VALUES = _ARRAYS | {"__slice__", "__ellipsis__"}
_GRAPH_TENSOR = "__keras_tensor__"
# What replaces an initializer that presets do not hold: the weights are read from the preset.
_INITIALIZER = {
    "module": "keras.initializers",
    "class_name": "GlorotUniform",
    "config": {"seed": None},
    "registered_name": None,
}


def portable(config: Any) -> Any:
    """Returns the configuration of a network without what is not needed to make it again.

    Initializers that presets do not hold, such as `Orthogonal` or a function of your own, become
    `GlorotUniform`: the weights are those of the preset.

    Args:
        config: what `keras.saving.serialize_keras_object` returned.

    Examples:
        >>> portable({"class_name": "Dense", "build_config": {"input_shape": [None, 3]}})
        {'class_name': 'Dense'}
        >>> layer = keras.layers.Dense(3, kernel_initializer="orthogonal")
        >>> config = portable(keras.saving.serialize_keras_object(layer))["config"]
        >>> config["kernel_initializer"]["class_name"]
        'GlorotUniform'
    """
    if isinstance(config, dict):
        return {
            key: _portable_initializer(value)
            if str(key).endswith("_initializer")
            else portable(value)
            for key, value in config.items()
            if key not in DROPPED
        }
    return [portable(part) for part in config] if isinstance(config, list | tuple) else config


def _portable_initializer(value):
    if not isinstance(value, dict):
        return value
    try:
        _check_part(value, "initializer", "layer")
    except ValueError:
        return dict(_INITIALIZER)
    return value


def check_network(config: Any) -> None:
    """Checks that the configuration of a network is one that presets may hold.

    It may be a functional or sequential model of the layers and functions of Keras that
    `network_classes` lists, or a network of KerasHub that it lists. Nothing is made or imported,
    except KerasHub where the configuration needs it.

    Args:
        config: dictionary, as `portable` returns it.

    Raises:
        ValueError: if it names another class, such as a `Lambda` or one of a user's own.
        ValueError: if a number, a list or the number of layers is too large.
        ImportError: if it is a network of KerasHub, which is not installed.

    Examples:
        >>> network = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 1)])
        >>> check_network(portable(keras.saving.serialize_keras_object(network)))
        >>> check_network({"module": "os", "class_name": "system", "config": {}})
        Traceback (most recent call last):
        ValueError: The network is of the class os.system, ...
    """
    _check_model(config, _Counter(), 0, "The network")


class _Counter:
    """Counts the layers of a network and those of the models in it."""

    def __init__(self) -> None:
        self.layers = 0

    def add(self, layers: Any) -> None:
        self.layers += len(layers)
        if self.layers > MAX_LAYERS:
            raise ValueError(f"The network has more than {MAX_LAYERS:,} layers.")


def _check_model(node, counter, depth, what):
    """Raises ValueError unless a serialised object is a network of known classes."""
    kind = _kind(node, ("graph", "sequence", "hub"), what)
    config = node["config"]
    if depth > MAX_DEPTH:
        raise ValueError(f"The network has models inside models more than {MAX_DEPTH} deep.")
    if kind == "hub":
        _check_hub(node, depth)
        return
    layers = config.get("layers")
    if not isinstance(layers, list):
        raise ValueError(f"{what} must list its `layers`. Received: {type(layers).__name__}")
    counter.add(layers)
    for layer in layers:
        _check_layer(layer, counter, depth)
    for name, value in config.items():
        if name == "dtype":
            check_dtype(value, POLICIES + INTEGERS)
        elif name != "layers":
            _check_value(value, name, what, values=name in ("input_layers", "output_layers"))


def _check_layer(node, counter, depth):
    """Raises ValueError unless an entry of `layers` is of a known class, with plain arguments."""
    config = node.get("config") if isinstance(node, dict) else None
    name = config.get("name") if isinstance(config, dict) else None
    what = f"The layer {str(name)[:MAX_LENGTH]!r} of the network"
    kind = _kind(node, ("layer", "operation", "graph", "sequence", "hub"), what)
    if kind in ("layer", "operation"):
        for key, value in config.items():
            if key == "dtype":
                check_dtype(value, POLICIES + INTEGERS)
            elif isinstance(value, dict):
                _check_part(value, key, what)
            elif isinstance(value, str) and key.endswith(
                ("_initializer", "_regularizer", "_constraint")
            ):
                raise ValueError(f"{what} must have an object as `{key}`. Received: {value!r}")
            else:
                _check_value(value, key, what)
        if node["class_name"] == "Normalization":
            _check_normalization(config, what)
    else:
        _check_model(node, counter, depth + 1, what)
    _check_value(node.get("name"), "name", what)
    calls = node.get("inbound_nodes", [])
    if not isinstance(calls, list):
        raise ValueError(f"{what} must have a list of `inbound_nodes`.")
    # A layer that is called often is as much work as many layers.
    counter.add(calls)
    for call in calls:
        _check_call(call, what)


def _check_call(call, what):
    """Raises ValueError unless a layer is called on tensors of the graph and plain values."""
    if not isinstance(call, dict) or set(call) != {"args", "kwargs"}:
        raise ValueError(f"{what} must be called on `args` and `kwargs`.")
    # A call on constants alone would be computed while the network is made.
    if not sum(_graph_tensors(value, what) for value in call.values()):
        raise ValueError(f"{what} must be called on a tensor of the network.")


def _graph_tensors(value, what, nested=0):
    """Returns how many tensors of the graph are in an argument; ValueError for other objects."""
    if nested > MAX_NESTED:
        raise ValueError(f"{what} must be called on lists that are nested less deeply.")
    name = value.get("class_name") if isinstance(value, dict) else None
    if name is not None or not isinstance(value, list | dict):
        known = isinstance(name, str) and (name == _GRAPH_TENSOR or name in _VALUES)
        if known or not isinstance(value, dict):
            if name in _ARRAYS:
                _check_array(value.get("config"), what)
            for part in value.values() if isinstance(value, dict) else [value]:
                _check_value(part, "inbound_nodes", what, values=True)
            return int(name == _GRAPH_TENSOR)
        raise ValueError(f"{what} is called on an object of the class {str(name)[:MAX_LENGTH]}.")
    if len(value) > MAX_LIST:
        raise ValueError(f"{what} is called on more than {MAX_LIST:,} values.")
    parts = value if isinstance(value, list) else value.values()
    return sum(_graph_tensors(part, what, nested + 1) for part in parts)


def _check_array(config, what):
    """Raises ValueError unless an array of numbers has a plain type: others can be any size."""
    if not isinstance(config, dict) or set(config) != {"value", "dtype"}:
        raise ValueError(f"{what} must be called on arrays that have `value` and `dtype`.")
    if config["dtype"] not in POLICIES + INTEGERS:
        raise ValueError(
            f"{what} must be called on arrays whose `dtype` is one of {POLICIES + INTEGERS}. "
            f"Received: {config['dtype']!r:.80}"
        )


def _kind(node, kinds, what):
    """Returns the kind of a serialised object; raises ValueError unless it is one of `kinds`."""
    if not isinstance(node, dict) or not isinstance(node.get("config"), dict):
        raise ValueError(f"{what} must be a serialised object with a configuration.")
    module, name = node.get("module"), node.get("class_name")
    kind = kind_of(module, name, node.get("registered_name"))
    if kind not in kinds:
        raise ValueError(
            f"{what} is of the class {str(module)[:MAX_LENGTH]}.{str(name)[:MAX_LENGTH]}, which "
            "presets do not hold. They take networks of the layers and functions of Keras, and "
            "networks of KerasHub, that `umbed_keras.zoo.network_classes` lists, and no `Lambda` "
            "or class of your own: no code is loaded from presets."
        )
    if not set(node) <= LAYER_KEYS:
        raise ValueError(f"{what} must have the keys {sorted(LAYER_KEYS)}, and no more.")
    return kind


def _check_part(node, key, what):
    """Raises ValueError unless a dictionary is an initializer or another known part of a layer."""
    _kind(node, ("part",), f"`{key}` of {what[0].lower()}{what[1:]}")
    for name, value in node["config"].items():
        _check_value(value, name, what)


def _check_normalization(config, what):
    # The layer enlarges them to the number of channels when it is made.
    for name in ("mean", "variance"):
        values = config.get(name)
        single = not isinstance(values, list) or len(values) < 2
        if values is not None and config.get("axis") is not None and single:
            raise ValueError(f"{what} must have one number for each of several channels: `{name}`.")
    axis = config.get("axis")
    if isinstance(axis, list) and len(axis) > 1:
        raise ValueError(f"{what} must normalise one axis. Received: axis={axis}")


def _check_hub(node, depth):
    """Raises ValueError unless a network of KerasHub has plain arguments of bounded size."""
    name, config = node["class_name"], node["config"]
    what = f"The network {name} of KerasHub"
    models = import_extra("keras_hub", "keras-hub").models
    network = getattr(models, name, None)
    if network is None:
        raise ValueError(f"{what} is not in the version of KerasHub that is installed.")
    if keras.saving.get_registered_object(node["registered_name"]) is not network:
        raise ValueError(f"{what} is replaced by another class in this process.")
    for key, value in config.items():
        if key == "dtype":
            check_dtype(value, POLICIES + INTEGERS)
        elif key == "image_encoder" and isinstance(value, dict):
            _kind(value, ("hub",), f"`{key}` of {name}")
            if depth >= MAX_DEPTH:
                raise ValueError(f"{what} has models more than {MAX_DEPTH} deep.")
            _check_hub(value, depth + 1)
        else:
            limit = HUB_NUMBER
            if any(part in key for part in _REPEATS):
                limit = HUB_REPEATS
            elif "window" in key:
                limit = HUB_WINDOW
            elif key in _SIDES:
                limit = HUB_SIDE
            elif "theta" in key:
                limit = 1 << 30
            _check_value(value, key, what, limit)
    if isinstance(config.get("num_heads"), int):
        _check_tokens(config, what)
    if "window_size" in config and "depths" in config:
        _check_windows(config["window_size"], config["depths"], what)


def _check_windows(window, depths, what):
    depths = depths if isinstance(depths, list) else [depths]
    if not all(isinstance(number, int) and number >= 0 for number in [window, *depths]):
        raise ValueError(f"{what} must have integers as `window_size` and `depths`.")
    pairs = window**4 * sum(depths)
    if pairs > HUB_PAIRS:
        raise ValueError(
            f"{what} must have a smaller `window_size` or `depths`: `window_size`**4 * "
            f"sum(`depths`) must be at most {HUB_PAIRS:,}. Received: {pairs:,}"
        )


def _check_tokens(config, what):
    patch = config.get("patch_size")
    patches = patch if isinstance(patch, list) else [patch, patch]
    for name in ("image_shape", "position_embedding_shape"):
        sides = config.get(name)
        sides = [size for size in sides[:2] if size] if isinstance(sides, list) else []
        plain = all(isinstance(size, int) and size > 0 for size in [*sides, *patches])
        tokens = math.prod(sides) / math.prod(patches) if plain else math.inf
        if tokens**2 * config["num_heads"] > HUB_ATTENTION:
            raise ValueError(f"{what} must have larger patches or smaller images as `{name}`.")


def check_dtype(value: Any, allowed: tuple[str, ...] = POLICIES) -> None:
    """Checks that a `dtype` in a configuration is a plain policy, serialised or by name.

    Args:
        value: what the configuration holds.
        allowed: names of policies.

    Raises:
        ValueError: if it is anything else.

    Examples:
        >>> check_dtype("float32")
        >>> check_dtype("complex64")
        Traceback (most recent call last):
        ValueError: `dtype` must be one of ...
    """
    if isinstance(value, dict):
        policy = value.get("config")
        plain = (value.get("module"), value.get("class_name")) == ("keras", "DTypePolicy")
        plain &= set(value) <= KEYS and value.get("registered_name") is None
        plain &= isinstance(policy, dict) and set(policy) <= {"name", "source_name"}
        value = policy.get("name") if plain else NotImplemented
    if value is not None and value not in allowed:
        raise ValueError(f"`dtype` must be one of {allowed} in a preset.")


def _check_value(value, name, what, limit=None, values=False, nested=0):
    """Raises ValueError unless a value is plain and small.

    Args:
        value: what the configuration holds.
        name: str, its key.
        what: str, the object that it belongs to.
        limit: int, largest number; None is that of the key.
        values: bool, whether dictionaries of plain values may stand there.
        nested: int, number of lists and dictionaries around it.
    """
    if limit is None:
        limit = MAX_SIDE if name in _SIDES else 1 << 64 if "seed" in name else MAX_NUMBER
    if nested > MAX_NESTED:
        raise ValueError(f"{what} must have lists that are nested less deeply: `{name}`.")
    inside = (what, None if values else limit, values, nested + 1)
    if isinstance(value, list) and len(value) <= MAX_LIST:
        for part in value:
            _check_value(part, name, *inside)
    elif isinstance(value, dict) and values and len(value) <= MAX_LIST:
        if "class_name" in value:
            raise ValueError(f"{what} must have plain values as `{name}`.")
        for key, part in value.items():
            _check_value(part, key, *inside)
    elif isinstance(value, int | float):
        if not abs(value) <= limit:
            raise ValueError(f"{what} must have `{name}` of at most {limit:,}. Received: {value}")
    elif isinstance(value, str):
        # A registered name has `>`. Nothing that this process has registered may be asked for.
        if len(value) > MAX_LENGTH or (">" in value and name != "equation"):
            raise ValueError(f"{what} must have a short, plain text as `{name}`: {value!r:.80}")
    elif value is not None:
        raise ValueError(
            f"{what} must have plain values as `{name}`, in lists of at most {MAX_LIST:,}. "
            f"Received: {type(value).__name__}"
        )


def check_tensors(network: keras.Model) -> None:
    """Checks that no tensor inside a network is too large to be computed.

    Args:
        network: `keras.Model`.

    Raises:
        ValueError: if one image needs a tensor of more than `MAX_TENSOR` numbers.

    Examples:
        >>> inputs = keras.Input((8, 8, 3))
        >>> check_tensors(keras.Model(inputs, keras.layers.UpSampling2D(2)(inputs)))
        >>> outputs = keras.layers.UpSampling2D(1 << 12)(inputs)
        >>> check_tensors(keras.Model(inputs, outputs))
        Traceback (most recent call last):
        ValueError: The network computes 3,221,225,472 numbers at once in ...
    """
    for operation, shape in _shapes(network):
        size = math.prod(FREE_SIDE if side is None else side for side in shape[1:])
        if size > MAX_TENSOR:
            raise ValueError(f"The network computes {size:,} numbers at once in {operation!r}.")


def _shapes(network: keras.Model) -> Iterator[tuple[str, tuple[int | None, ...]]]:
    """Yields the name of each operation of a network, and the shapes of what it returns."""
    for operation in getattr(network, "operations", network.layers):
        if isinstance(operation, keras.Model):
            yield from _shapes(operation)
        # An operation that is called more than once has no single `output`.
        for call in operation._inbound_nodes:
            for tensor in call.output_tensors:
                yield operation.name, tensor.shape
