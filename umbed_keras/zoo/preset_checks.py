"""Reading preset folders without trusting them.

Nothing in a preset is run: objects are made from classes of this package, and networks from layers
of Keras and networks of KerasHub that are known by name. Nothing large is
allocated before it is known that the weights file is as large: the classes state what their
arguments may be at most, in two class attributes.

- `preset_sizes`: names of the arguments whose product is the size of the largest array that making
  an object computes. An argument that counts twice is named twice. The weights file must hold as
  many numbers.
- `preset_limits`: name to largest value of each argument that is no such factor, such as the
  number of layers. Numbers that a class does not declare are at most `MAX_NUMBER`.

A third one, `preset_role`, states where in a configuration an object of the class may stand, and a
fourth, `preset_networks`, names the arguments that are networks of Keras or KerasHub; see
`network_checks`.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from umbed_keras.backend.uninitialized import uninitialized_variables
from umbed_keras.zoo.arrays import plain_arrays
from umbed_keras.zoo.format import (
    CONFIG,
    FILES,
    MAX_CONFIG,
    METADATA,
    WEIGHTS,
    check_files,
    is_whole,
    newer_version_hint,
    read_json,
)
from umbed_keras.zoo.network_checks import check_dtype, check_network, check_tensors, portable
from umbed_keras.zoo.network_reference import networks

PACKAGE = "umbed_keras>"
# Keys of a serialised object. `compile_config` is not among them: it could name any class of Keras.
KEYS = {"module", "class_name", "config", "registered_name", "build_config"}
# Entries of a configuration that may hold an object, of the `preset_role` of the same name.
PARTS = ("bottleneck", "backbone", "context")
# Largest length of texts and of lists.
MAX_LENGTH = 256
# Largest values of seeds, of arguments in `preset_sizes`, and of those that no class declares.
MAX_SEED, MAX_SIZE, MAX_NUMBER = 1 << 63, 1 << 20, 256


def read_preset(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Reads and checks the configuration and the metadata of a preset folder.

    Args:
        folder: `pathlib.Path` of the folder.

    Returns:
        Tuple of two dictionaries: the serialised configuration of the model, and the metadata,
        empty if the folder has none.

    Raises:
        ValueError: if it is a file, or the configuration or the weights file is missing.
        ValueError: if a file is not the one whose checksum the metadata state.
        ValueError: if the configuration asks for something that a preset may not hold.

    Examples:
        >>> folder = Path(uk.PixelEmbedder.presets["natural_vae_d16"]["path"])
        >>> config, metadata = read_preset(folder)
        >>> config["class_name"], config["config"]["latent_dim"]
        ('PixelEmbedder', 16)
    """
    if folder.is_file():
        raise ValueError(
            f"A preset is a folder, and {folder} is a file: `save_to_preset` of the model that "
            "`from_preset` loads makes one."
        )
    missing = [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"The preset folder {folder} lacks {' and '.join(missing)}.")
    config = read_json(folder / CONFIG, MAX_CONFIG)
    metadata = read_json(folder / METADATA) if (folder / METADATA).is_file() else {}
    if not isinstance(metadata.get("card", {}), dict):
        raise ValueError(f"`card` of {folder / METADATA} must be an object.")
    files = metadata.get("files", {})
    check_files(files, folder / METADATA)
    for name, entry in files.items():
        if name in FILES and not is_whole(folder, {name: entry}):
            raise ValueError(
                f"{folder / name} is damaged: it is not the file that was saved (SHA-256)."
            )
    try:
        check_config(config)
    except ValueError as error:
        raise ValueError(f"{error}{newer_version_hint(metadata)}") from error
    return config, metadata


def known_classes() -> dict[str, type]:
    """Returns the classes that presets may be made of.

    Returns:
        Dictionary of registered name to class, of the classes of this package alone.

    Examples:
        >>> known_classes()["umbed_keras>PixelEmbedder"].__name__
        'PixelEmbedder'
    """
    return {
        name: registered
        for name, registered in keras.saving.get_custom_objects().items()
        if name.startswith(PACKAGE) and registered.__module__.startswith("umbed_keras.")
    }


def check_config(config: Mapping[str, Any]) -> None:
    """Checks that a serialised configuration is one that presets may hold.

    Args:
        config: dictionary, as `keras.saving.serialize_keras_object` returns it for a model.

    Raises:
        ValueError: if it asks for a class that is not known or may not stand there.
        ValueError: if an argument is too large, or not a plain value.

    Examples:
        >>> check_config({"class_name": "Lambda", "registered_name": None})
        Traceback (most recent call last):
        ValueError: config.json asks for None.Lambda (None), which is no class of umbed_keras ...
    """
    _check_object(config, "model")


def with_portable_networks(config: dict[str, Any]) -> dict[str, Any]:
    """Returns a configuration whose networks lack what is not needed to make them again.

    Args:
        config: dictionary, as `keras.saving.serialize_keras_object` returns it for a model.

    Examples:
        >>> network = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 1)])
        >>> config = keras.saving.serialize_keras_object(uk.layers.ModelBackbone(network))
        >>> "build_config" in config["config"]["model"]
        True
        >>> "build_config" in with_portable_networks(config)["config"]["model"]
        False
    """
    known = known_classes().get(config.get("registered_name"))
    inside = dict(config.get("config", {}))
    for name, value in inside.items():
        if name in getattr(known, "preset_networks", ()):
            inside[name] = portable(value)
        elif name in PARTS and isinstance(value, dict):
            inside[name] = with_portable_networks(value)
    return {**config, "config": inside}


def check_weights(path: Path, config: Mapping[str, Any], make: Callable[[], Any]) -> None:
    """Checks that a weights file holds as many numbers as its model needs.

    Args:
        path: `pathlib.Path` of the weights file.
        config: dictionary, the configuration of the model, which `check_config` has passed.
        make: function without arguments that makes the model.

    Raises:
        ValueError: if the file is not one of plain, finite arrays.
        ValueError: if the model has more numbers than the file holds.

    Examples:
        >>> folder = Path(uk.PixelEmbedder.presets["natural_vae_d16"]["path"])
        >>> config, _ = read_preset(folder)
        >>> make = lambda: keras.saving.deserialize_keras_object(config)
        >>> check_weights(folder / "model.weights.h5", config, make)
    """
    with plain_arrays(path) as arrays:
        stored = sum(item.size for item in arrays)
    if _largest_array(config) > stored:
        raise ValueError(f"{path} holds {stored:,} numbers, too few for {CONFIG}.")
    with uninitialized_variables():
        model = make()
        needed = sum(math.prod(weight.shape) for weight in model.weights)
        for _, network in networks(model):
            check_tensors(network)
    if needed > stored:
        raise ValueError(f"{path} holds {stored:,} numbers; the model of {CONFIG} has {needed:,}.")


def _largest_array(node):
    """Size of the largest array that making a serialised object or a part of it computes."""
    config = node["config"]
    names = known_classes()[node["registered_name"]].preset_sizes
    factors = [config.get(name) or 1 for name in names]  # 1: the default of the class
    if not all(isinstance(factor, int) for factor in factors):
        raise ValueError(f"Sizes in {CONFIG} must be integers: {', '.join(names)}.")
    parts = [config[name] for name in PARTS if isinstance(config.get(name), dict)]
    return max([math.prod(factors), *map(_largest_array, parts)])


def _check_object(node, role):
    """Raises ValueError unless a serialised object is of a known class and holds plain values.

    Args:
        node: dictionary, the serialised object.
        role: str, the `preset_role` that the class must have.
    """
    name = node.get("registered_name")
    known = known_classes().get(name) if isinstance(name, str) else None
    if (
        known is None
        or getattr(known, "preset_role", None) != role
        or node.get("class_name") != known.__name__
    ):
        raise ValueError(
            f"{CONFIG} asks for {node.get('module')}.{node.get('class_name')} ({name}), which is "
            "no class of umbed_keras that may stand there: no code is loaded from presets."
        )
    if not set(node) <= KEYS or not isinstance(node.get("config"), dict):
        raise ValueError(f"{CONFIG} must say {sorted(KEYS)} of {known.__name__}, and no more.")
    limits = {"seed": MAX_SEED, **dict.fromkeys(known.preset_sizes, MAX_SIZE)}
    limits |= known.preset_limits
    for name, value in node["config"].items():
        if name == "dtype":
            check_dtype(value)
        elif name in PARTS and isinstance(value, dict):
            _check_object(value, name)
        elif name in getattr(known, "preset_networks", ()):
            check_network(value)
        else:
            for part in _parts(value):
                _check_value(part, name, limits.get(name, MAX_NUMBER))


def _parts(value):
    """The values of a list and of lists in it, or a value alone."""
    for part in value if _is_short(value) else [value]:
        yield from part if _is_short(part) else [part]


def _is_short(value):
    return isinstance(value, list) and len(value) <= MAX_LENGTH


def _check_value(value, name, limit):
    """Raises ValueError unless a value is a small number, a short text, a truth value or None."""
    if isinstance(value, (int, float)):
        if not abs(value) <= limit:
            raise ValueError(f"`{name}` in {CONFIG} must be at most {limit}. Received: {value}")
    elif value is not None and not (isinstance(value, str) and len(value) <= MAX_LENGTH):
        raise ValueError(
            f"`{name}` in {CONFIG} must be a number, a text of at most {MAX_LENGTH} characters, "
            f"or a list of at most as many. Received: {type(value).__name__}"
        )
