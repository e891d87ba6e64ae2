"""The layers of a network whose outputs serve as feature maps, where the user names none."""

import re
from collections.abc import Iterable

import keras

from umbed_keras.backbones.model_outputs import image_shape, output_shapes
from umbed_keras.typing import Shape

# Strides of features that describe what a pixel belongs to, yet still tell where it is.
STRIDES = (4, 8, 16)
# A network of any size is traced with an image of this height and width.
_ANY_SIZE = (256, 512)
# The end of a block, which later layers only widen to reduce it.
_MERGES = ("Add", "Concatenate")
_ACTIVATIONS = ("Activation", "ReLU")


def chosen_layers(network: keras.Model) -> list[str]:
    """Chooses the layers of a convolutional network whose outputs are the features of pixels.

    At each of the strides 4, 8 and 16 that the network has, it is the last block of the stride: the
    last output of `pyramid_outputs` (networks of KerasHub), else the last sum or concatenation,
    with the activation behind it, else the last layer.

    Args:
        network: functional `keras.Model` with one input, images.

    Returns:
        List of names, finest first.

    Raises:
        ValueError: if no output of the network is a map of one of these strides. The message lists
            the maps that there are.

    Examples:
        >>> network = keras.applications.MobileNetV2(
        ...     input_shape=(None, None, 3), alpha=0.35, include_top=False, weights=None
        ... )
        >>> chosen_layers(network)
        ['block_2_add', 'block_5_add', 'block_12_add']
    """
    height, width, channels = image_shape(network)
    if height is None or width is None:
        height, width = _ANY_SIZE
    pyramid = [
        (name, "", tensor) for name, tensor in getattr(network, "pyramid_outputs", {}).items()
    ]
    tried = []
    for known in (pyramid, _layer_outputs(network)):
        if not known:
            continue
        model = keras.Model(getattr(network, "input", network.inputs), [one[2] for one in known])
        try:
            shapes = output_shapes(model, height, width, channels or 3)
        except ValueError as error:
            raise ValueError(
                f"The network can't take images of {height}x{width} pixels. Give `image_shape`, "
                "such as (224, 224, 3), if it must be built for one size"
            ) from error
        by_stride = {}
        for (name, kind, _), shape in zip(known, shapes, strict=True):
            tried.append((name, shape))
            by_stride.setdefault(stride_of(shape, height, width), []).append((name, kind))
        chosen = [_last_block(by_stride[stride]) for stride in STRIDES if stride in by_stride]
        if chosen:
            return chosen
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


def _layer_outputs(network):
    """Returns the names, kinds and tensors of all maps in the order in which they are computed."""
    before = {}
    for layer in network.layers:
        tensor = _tensor(layer, "input")
        if tensor is not None:
            before.setdefault(id(tensor), layer)
    outputs = []
    for operation in network.operations:
        kind, tensor = type(operation).__name__, _tensor(operation, "output")
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


def _tensor(operation, which):
    """Returns the input or the output of a layer or operation if it is one map, or None."""
    try:
        tensor = getattr(operation, which)
        return tensor if len(tensor.shape) == 4 else None
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
