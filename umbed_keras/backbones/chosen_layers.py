"""The layers of a network whose outputs serve as feature maps, where the user names none."""

import re
from collections.abc import Iterable

import keras

from umbed_keras.backbones.model_outputs import image_shape, map_length, output_shapes
from umbed_keras.backbones.windows import WINDOW
from umbed_keras.typing import Shape

# Strides of features that describe what a pixel belongs to, yet still tell where it is.
STRIDES = (4, 8, 16)
# A network of any size is traced with an image of this height and width.
_ANY_SIZE = (256, 512)
# The end of a block, which later layers only widen to reduce it.
_MERGES = ("Add", "Concatenate")
_ACTIVATIONS = ("Activation", "ReLU")


def chosen_layers(network: keras.Model) -> list[str] | None:
    """Chooses the layers of a network whose outputs are the features of pixels.

    At each of the strides 4, 8 and 16 that the network has, it is the last block of the stride: the
    last output of `pyramid_outputs` (networks of KerasHub), else the last sum or concatenation,
    with the activation behind it, else the last layer. Of transformers it is the output, if its
    stride is at most 16, and where they have none of these strides, the last tokens or map.

    Args:
        network: functional `keras.Model` with one input, images.

    Returns:
        List of names, finest first; None for the network's own output.

    Raises:
        ValueError: if no output of a convolutional network is a map of one of these strides, or
            none of a transformer is a map. The message lists the outputs that there are.

    Examples:
        >>> network = keras.applications.MobileNetV2(
        ...     input_shape=(None, None, 3), alpha=0.35, include_top=False, weights=None
        ... )
        >>> chosen_layers(network)
        ['block_2_add', 'block_5_add', 'block_12_add']
    """
    height, width, channels = image_shape(network)
    attention = has_attention(network)
    if height is None or width is None:
        height, width = (WINDOW, WINDOW) if attention else _ANY_SIZE
    inputs = getattr(network, "input", network.inputs)

    def traced(model):
        """Returns shapes and strides of the outputs of a model."""
        try:
            shapes = output_shapes(model, height, width, channels or 3)
        except ValueError as error:
            raise ValueError(
                f"The network can't take images of {height}x{width} pixels. Give `image_shape`, "
                "such as (224, 224, 3), if it must be built for one size"
            ) from error
        if not attention:
            return shapes, [stride_of(shape, height, width) for shape in shapes]
        maps = [shape_of_map(network, shape, height) for shape in shapes]
        return shapes, [stride_of(shape, height, width) for shape in maps]

    if attention:
        _, own = traced(network)
        if None not in own and own[0] <= STRIDES[-1]:
            return None
    pyramid = [
        (name, "", tensor) for name, tensor in getattr(network, "pyramid_outputs", {}).items()
    ]
    tried, others = [], []
    for known in (pyramid, _layer_outputs(network, (3, 4) if attention else (4,))):
        if not known:
            continue
        shapes, strides = traced(keras.Model(inputs, [tensor for _, _, tensor in known]))
        by_stride = {}
        for (name, kind, _), shape, stride in zip(known, shapes, strides, strict=True):
            tried.append((name, shape))
            by_stride.setdefault(stride, []).append((name, kind))
        chosen = [_last_block(by_stride[stride]) for stride in STRIDES if stride in by_stride]
        if chosen:
            return chosen
        others = [(name, stride) for (name, _, _), stride in zip(known, strides, strict=True)]
    if attention and None not in own:
        return None
    last = [name for name, stride in others if stride]
    if attention and last:
        return last[-1:]
    raise ValueError(
        f"The network has no feature maps at strides {STRIDES}: where others suit, name their "
        f"layers in `layers`. Tried: of {len(tried)} outputs for an image of {height}x{width} "
        f"pixels, the last of each size are {_last_of_each_size(tried)}"
    )


def stride_of(shape: Shape, height: int, width: int) -> int | None:
    """Returns the pixels from one position of a map to the next, or None if they are not whole.

    Args:
        shape: shape of an output.
        height: int, pixels of the image.
        width: int, pixels of the image.

    Examples:
        >>> [stride_of(shape, 32, 64) for shape in [(1, 4, 8, 3), (1, 3, 7, 3), (1, 4, 4, 3)]]
        [8, None, None]
    """
    if len(shape) != 4 or not shape[1] or not shape[2]:
        return None
    stride = height // shape[1]
    return stride if stride and shape[1:3] == (height / stride, width / stride) else None


def has_attention(network: keras.Model) -> bool:
    """Whether a network has a layer of attention.

    Args:
        network: `keras.Model`.

    Examples:
        >>> has_attention(keras.Sequential([keras.layers.Conv2D(2, 3)]))
        False
    """
    kinds = [type(layer).__name__ for layer in network._flatten_layers()]
    return any("Attention" in kind or "attention" in kind for kind in kinds)


def shape_of_map(network: keras.Model, shape: Shape, side: int) -> Shape:
    """Returns the shape of the square map that tokens are.

    Args:
        network: `keras.Model` whose output they are.
        shape: shape of the tokens, `(batch, tokens, channels)`, or of anything else, which is
            returned as it is.
        side: int, pixels, side of the image.

    Examples:
        >>> shape_of_map(keras.Sequential(), (1, 17, 8), 64)
        (1, 4, 4, 8)
    """
    if len(shape) != 3:
        return shape
    length = map_length(network, shape[1] or 0, side)
    return (shape[0], length, length, shape[2])


def _layer_outputs(network, ranks):
    """Returns the names, kinds and tensors of all outputs with so many axes, as computed."""
    before = {}
    for layer in network.layers:
        tensor = _tensor(layer, "input", ranks)
        if tensor is not None:
            before.setdefault(id(tensor), layer)
    outputs = []
    for operation in network.operations:
        kind, tensor = type(operation).__name__, _tensor(operation, "output", ranks)
        if tensor is None:
            continue
        is_layer = isinstance(operation, keras.Layer)
        following = before.get(id(tensor))
        if is_layer and (following is None or _is_named(operation) or not _is_named(following)):
            outputs.append((operation.name, kind, tensor))
        elif following is not None:
            # Operations have no names of their own.
            outputs.append((f"{following.name}.input", kind, tensor))
    return outputs


def _is_named(layer):
    """Whether the name of a layer is its own, not one that depends on what was built before."""
    kind = re.sub(
        "([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)
    )
    return not re.fullmatch(rf"{kind.lower()}(_\d+)?", layer.name)


def _tensor(operation, which, ranks):
    """Returns the input or the output of a layer or operation if it is one of so many axes."""
    try:
        tensor = getattr(operation, which)
        return tensor if len(tensor.shape) in ranks else None
    except (AttributeError, ValueError):  # several of them, or calls
        return None


def _last_block(maps):
    """Returns the name of the last of some maps that ends a block, or else of the last."""
    kinds = [kind for _, kind in maps]
    for index in reversed(range(len(maps))):
        if kinds[index] in _MERGES:
            following = kinds[index + 1 : index + 2]
            return maps[index + 1 if following and following[0] in _ACTIVATIONS else index][0]
    return maps[-1][0]


def _last_of_each_size(shapes: Iterable[tuple[str, Shape]]) -> str:
    last = {shape[1:3]: (name, shape) for name, shape in shapes}
    return ", ".join(f"{name} {shape}" for name, shape in last.values()) or "none"
