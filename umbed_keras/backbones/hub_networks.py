"""Networks of KerasHub with the values in which they take images."""

import inspect
import os
import tempfile
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import keras
import numpy as np

from umbed_keras.backbones.chosen_layers import has_attention
from umbed_keras.backbones.model_outputs import image_shape as image_shape_of
from umbed_keras.backbones.names import check_known
from umbed_keras.extras import import_extra

# Parts of networks of images and text, and of detectors, that see the image.
_IMAGE_PARTS = ("vision_encoder", "image_encoder", "vit_encoder")
# Arguments that classes of networks of images have.
_SHAPE_ARGUMENTS = ("image_shape", "input_shape")
_LISTED_PRESETS = 8


def hub_network(
    name: str,
    weights: str | None = "pretrained",
    image_shape: Sequence[int | None] | None = None,
    **options: Any,
) -> keras.Model:
    """Builds a network of KerasHub, or the part of one that sees the image.

    Args:
        name: str, name of a preset, its folder or address, or the name of a class.
        weights: `"pretrained"`, those of the preset; None, random ones; or the path of a file.
        image_shape: shape of an image. None takes that of the preset, or images of any size for
            networks without attention.
        **options: further arguments of the network.

    Returns:
        `keras.Model` with one input.

    Raises:
        ImportError: if KerasHub is not installed.
        ValueError: if there is no preset or class of the name, with those that are.
        ValueError: if a class is to have pretrained weights.
        ValueError: if the weights do not fit images of `image_shape`.

    Examples:
        >>> hub_network("dinov2_small")  # doctest: +SKIP
        <DINOV2Backbone name=dino_v2_backbone, built=True>
    """
    hub = import_extra("keras_hub", "keras-hub")
    if is_preset(name, hub):
        loaded = hub.models.Backbone.from_preset(
            name, load_weights=weights == "pretrained", **options
        )
    else:
        classes = image_classes(hub)
        check_known(
            "preset or class of keras_hub for images", name, [*_image_presets(hub), *classes]
        )
        if weights == "pretrained":
            presets = list(getattr(classes[name], "presets", {}))[:_LISTED_PRESETS]
            raise ValueError(
                f"{name} is a class, which has no weights: name one of its presets, such as "
                f"{presets}, or pass `weights=None` for random ones."
            )
        if image_shape is not None and _shape_argument(classes[name]):
            options[_shape_argument(classes[name])] = tuple(image_shape)
        loaded = classes[name](**options)
    network = _image_part(loaded)
    if weights not in (None, "pretrained"):
        network.load_weights(weights)
    shape = image_shape_of(network)
    if image_shape is not None:
        image_shape = tuple(image_shape)
        same = image_shape == shape
        return network if same else _rebuilt(network, image_shape, weights is not None)
    if None not in shape and not has_attention(network) and _shape_argument(type(network)):
        return _rebuilt(network, (None, None, shape[-1]), weights is not None)
    return network


def hub_preprocessing(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns mean and standard deviation with which the image converter of a preset works.

    Args:
        name: str, name, folder or address of a preset of KerasHub.

    Returns:
        Two tuples of three floats, of images in 0..1.

    Raises:
        ValueError: if the preset has no image converter, or one that does more.

    Examples:
        >>> hub_preprocessing("dinov2_small")  # doctest: +SKIP
        ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    """
    hub = import_extra("keras_hub", "keras-hub")
    try:
        converter = hub.layers.ImageConverter.from_preset(name)
    except (FileNotFoundError, ValueError) as error:
        raise ValueError(
            f"The preset {name!r} does not say in which values its network takes images: give "
            "`preprocessing`."
        ) from error
    converter.image_size = None
    levels = np.array([0, 51, 255], "float32")
    values = np.broadcast_to(levels[:, None, None, None], (3, 2, 2, 3))
    try:
        values = keras.ops.convert_to_numpy(converter(values))
        black, dark, white = values[:, 0, 0].astype("float64")
    except (TypeError, ValueError):  # dictionaries, or other shapes
        black = dark = white = np.zeros(3)
    deviation = white - black
    if values.shape != (3, 2, 2, 3) or not np.allclose(dark, black + 0.2 * deviation, atol=1e-5):
        deviation = np.zeros(3)
    if (deviation <= 0).any():
        raise ValueError(
            f"The image converter of {name!r} does more than to scale and to shift: give "
            "`preprocessing`."
        )
    return tuple((-black / deviation).tolist()), tuple((1 / deviation).tolist())


def is_preset(name: str, hub: ModuleType) -> bool:
    """Whether a name is that of a preset of KerasHub, of its folder or of its address.

    Args:
        name: the name.
        hub: the module `keras_hub`.

    Examples:
        >>> is_preset("hf://keras/dinov2_small", hub=None)
        True
    """
    return "://" in name or os.path.isdir(name) or name in hub.models.Backbone.presets


def image_classes(hub: ModuleType) -> dict[str, type]:
    """Returns the classes of KerasHub's networks that see images, by name.

    Args:
        hub: the module `keras_hub`.

    Examples:
        >>> import keras_hub  # doctest: +SKIP
        >>> sorted(image_classes(keras_hub))[:2]  # doctest: +SKIP
        ['BASNetBackbone', 'BLIP2Backbone']
    """
    return {
        name: value
        for name, value in sorted(vars(hub.models).items())
        if inspect.isclass(value)
        and issubclass(value, keras.Model)
        and name.endswith(("Backbone", "Encoder"))
        and {*_SHAPE_ARGUMENTS, *_IMAGE_PARTS} & _arguments(value)
    }


def _arguments(network_class):
    return set(inspect.signature(network_class.__init__).parameters)


def _shape_argument(network_class):
    """Returns the name of the argument that is the shape of an image, or None."""
    known = _arguments(network_class)
    return next((name for name in _SHAPE_ARGUMENTS if name in known), None)


def _image_presets(hub):
    """Returns the names of all presets of networks that see images."""
    return [
        preset for value in image_classes(hub).values() for preset in getattr(value, "presets", {})
    ]


def _image_part(network):
    """Returns a network that takes images alone: itself, or its part that sees them."""
    parts = [network, *(getattr(network, name, None) for name in _IMAGE_PARTS)]
    for part in parts:
        if isinstance(part, keras.Model) and _takes_images(part):
            return part
    raise ValueError(
        f"{type(network).__name__} has no part that takes images alone: looked at its inputs and "
        f"at {', '.join(_IMAGE_PARTS)}."
    )


def _takes_images(network):
    try:
        return bool(image_shape_of(network))
    except ValueError:
        return False


def _rebuilt(network, image_shape, pretrained):
    """Returns a network for images of another shape, with the same weights if `pretrained`."""
    argument = _shape_argument(type(network))
    if argument is None:
        raise ValueError(
            f"`image_shape` must be {image_shape_of(network)} or None: {type(network).__name__} is "
            f"built for no other. Received: {image_shape}"
        )
    rebuilt = type(network).from_config({**network.get_config(), argument: image_shape})
    if not pretrained:
        return rebuilt
    # Networks that interpolate positions do so when they load weights.
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "network.weights.h5")
        network.save_weights(file)
        try:
            rebuilt.load_weights(file)
        except ValueError as error:
            raise ValueError(
                f"`image_shape` must be {image_shape_of(network)} or None: the weights of "
                f"{type(network).__name__} for positions fit no other size. Received: {image_shape}"
            ) from error
    return rebuilt
