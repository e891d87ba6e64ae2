"""Inputs and outputs of Keras models that serve as backbones."""

import difflib
import math
from collections.abc import Sequence
from typing import Any

import keras

from umbed_keras.typing import Shape

# Ending of a name that means the input of a layer.
_INPUT = ".input"
# Tokens of class, distillation and registers.
_MOST_PREFIX_TOKENS = 16
# So many names are listed in an error.
_LISTED = 12


def as_inputs(model: keras.Model, images: Any) -> Any:
    """Returns images in the structure that a model takes them in, such as `{"images": images}`.

    Args:
        model: `keras.Model` with one input.
        images: tensor or `KerasTensor`.

    Returns:
        `images`, or a list or dictionary of them alone.

    Examples:
        >>> model = keras.Sequential([keras.layers.ReLU()])
        >>> as_inputs(model, "images")
        'images'
    """
    names = getattr(model, "input", None)
    if isinstance(names, dict) and len(names) == 1:
        return dict.fromkeys(names, images)
    return images


def image_shape(model: keras.Model) -> tuple[int | None, int | None, int | None]:
    """Returns the height, the width and the channels of the images that a model takes.

    Args:
        model: `keras.Model`.

    Returns:
        Three ints, each None where the model takes any. A model that does not say what it takes is
        expected to take RGB images of any size.

    Raises:
        ValueError: if the model does not have one input with four axes.

    Examples:
        >>> image_shape(keras.Sequential([keras.Input((None, None, 3)), keras.layers.ReLU()]))
        (None, None, 3)
    """
    shapes = [
        tuple(part.shape) for part in keras.tree.flatten(getattr(model, "inputs", None) or [])
    ]
    if not shapes:
        return None, None, 3
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise ValueError(
            "`model` must have one input, images `(batch, height, width, channels)`. Received: "
            f"inputs of the shapes {shapes}"
        )
    return shapes[0][1:]


def output_shapes(model: keras.Model, height: int, width: int, channels: int = 3) -> list[Shape]:
    """Returns the shapes of a model's outputs for one image, without computing them.

    Args:
        model: `keras.Model` with one input.
        height: int, pixels.
        width: int, pixels.
        channels: int, channels of the image.

    Returns:
        List of tuples, the shape of each output.

    Examples:
        >>> model = keras.Sequential([keras.layers.MaxPooling2D(2)])
        >>> output_shapes(model, 4, 6)
        [(1, 2, 3, 3)]
    """
    image = keras.KerasTensor((1, height, width, channels))
    outputs = model.compute_output_spec(as_inputs(model, image))
    return [tuple(part.shape) for part in keras.tree.flatten(outputs)]


def map_length(model: keras.Model, tokens: int, side: int, patch_size: int | None = None) -> int:
    """Returns the rows of the square map that a number of tokens is, without those before it.

    Args:
        model: `keras.Model` whose output they are.
        tokens: int, number of tokens.
        side: int, pixels, side of the image.
        patch_size: int, pixels, side of the patch of a token. None takes the model's `patch_size`,
            or the largest square number of tokens.

    Examples:
        >>> model = keras.Sequential()
        >>> map_length(model, 17, 64), map_length(model, 17, 64, 32)
        (4, 2)
    """
    if patch_size:
        return side // patch_size
    patch_size = getattr(model, "patch_size", None)
    if isinstance(patch_size, Sequence):
        patch_size = patch_size[0]
    if patch_size:
        length = side // patch_size
        # Transformers with stages have patches of 4 pixels and fewer tokens in the end.
        if 0 <= tokens - length**2 <= _MOST_PREFIX_TOKENS:
            return length
    return math.isqrt(tokens)


def with_outputs(model: keras.Model, layers: Sequence[str] | None) -> keras.Model:
    """Returns a model of the same layers that gives the outputs of some of them.

    Args:
        model: functional or sequential `keras.Model`.
        layers: names of layers, or keys of the model's `pyramid_outputs`, or how one of these
            ends, after `_`; with `.input` behind the name, the input of the layer instead of its
            output. None takes the model as it is.

    Returns:
        `keras.Model` with a list of outputs, or `model`.

    Raises:
        TypeError: if `layers` is a string.
        ValueError: if `layers` is empty, or no layer or several have one of these names.

    Examples:
        >>> half = keras.layers.MaxPooling2D(name="half")
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), half])
        >>> with_outputs(model, ["half"]).outputs[0].shape
        (None, 4, 4, 3)
    """
    if layers is None:
        return model
    if isinstance(layers, str):
        raise TypeError(f"`layers` must be a list of names, such as [{layers!r}], not a string.")
    pyramid = getattr(model, "pyramid_outputs", {})
    known = [*pyramid, *(layer.name for layer in getattr(model, "layers", []))]
    chosen = []
    for full_name in layers:
        name = full_name if full_name in known else str(full_name).removesuffix(_INPUT)
        # A network of KerasHub that is loaded has its own name before those of its layers.
        same = [one for one in known if one == name] or [
            one for one in known if one.endswith(f"_{name}")
        ]
        chosen += [(one, "output" if full_name == name else "input") for one in same[:1]]
        if len(same) != 1:
            near = difflib.get_close_matches(str(name), known, _LISTED, cutoff=0.4)
            raise ValueError(
                "`layers` must be names of layers or outputs of the model. Received: "
                f"{full_name!r}. The most similar of {len(known)}: {near or known[-_LISTED:]}"
            )
    if not layers:
        raise ValueError("`layers` must have at least one name. Received: none")
    outputs = [
        pyramid[name] if name in pyramid else getattr(model.get_layer(name), which)
        for name, which in chosen
    ]
    # A `Sequential` has no `input`.
    return keras.Model(getattr(model, "input", model.inputs), outputs)
