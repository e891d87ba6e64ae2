"""Backbones from the names of pretrained networks."""

from collections.abc import Sequence
from typing import Any

import keras

from umbed_keras.backbones.applications import application, application_preprocessing
from umbed_keras.backbones.chosen_layers import chosen_layers, has_attention
from umbed_keras.backbones.hub_networks import hub_network, hub_preprocessing, is_preset
from umbed_keras.backbones.model_backbone import ModelBackbone
from umbed_keras.backbones.model_outputs import image_shape as image_shape_of
from umbed_keras.backbones.preprocessing import Preprocessing
from umbed_keras.backbones.vision_transformer_backbone import VisionTransformerBackbone
from umbed_keras.extras import import_extra

LIBRARIES = ("keras.applications", "keras_hub")
# Arguments of networks that `from_name` sets, and how.
_SET_OTHERWISE = {
    "include_top": "networks are made without their classifier; `layers` chooses the maps",
    "input_shape": "give `image_shape`",
}
# Share of the coarsest of several maps: coarse features describe objects, fine ones are closer to
# pixels.
_COARSEST_SHARE = 2 / 3


def from_name(
    name: str,
    layers: Sequence[str] | None = None,
    weights: str | None = "pretrained",
    image_shape: Sequence[int | None] | None = None,
    preprocessing: Preprocessing | None = None,
    shares: Sequence[float] | None = None,
    **options: Any,
) -> ModelBackbone:
    """Makes a backbone of a pretrained network from its name.

    The library downloads the weights when they are first asked for. What the network needs is
    chosen by what it is:

    - preprocessing: the values in which the network was trained to take images;
    - layers: of convolutional networks the last block at each of the strides 4, 8 and 16; of
      transformers the output, without the tokens of class and registers;
    - shares: of several maps, the coarsest has two thirds of the weight;
    - the class: `VisionTransformerBackbone` for networks with attention or of one image size, else
      `ModelBackbone`.

    KerasHub is the extra `umbed_keras[keras-hub]`. On Linux it brings TensorFlow along, which is
    not needed: `pip install --no-deps keras-hub` and `pip install kagglehub regex tokenizers` leave
    it out.

    InceptionV3 and InceptionResNetV2 have no maps that divide images by whole strides, and are
    refused.

    Args:
        name: str, the library and the network: `"keras.applications:"` and the name of a network,
            such as `"EfficientNetV2B0"`; or `"keras_hub:"` and the name of a preset, such as
            `"dinov2_small"`, the path of its folder, its address (`hf://`, `kaggle://`), or the
            name of a class, such as `"ViTBackbone"`. Of networks of images and text, and of SAM,
            it is the part that sees the image.
        layers: names of layers of the network, or of its `pyramid_outputs`, whose outputs are the
            maps, finest first. None chooses them.
        weights: `"pretrained"`, those that the library has for the name; the path of a file of
            weights; or None for random ones.
        image_shape: `(height, width, channels)` of the images that the network is built for. None
            takes that of a preset with attention, else RGB images of any size. Networks of KerasHub
            that interpolate positions, such as DINOv2 and DINOv3, keep their weights at another
            size.
        preprocessing: as in `ModelBackbone`, instead of the network's. A class of KerasHub with
            random weights takes images in 0..1.
        shares: as in `ModelBackbone`.
        **options: further arguments of the network, such as `alpha=0.35` for MobileNetV2, or those
            of a class of KerasHub.

    Returns:
        A `VisionTransformerBackbone` or `ModelBackbone`, whose `model` is the network of the
        library.

    Raises:
        TypeError: if `name` is not a string, or `layers` is one.
        TypeError: if an argument of the network is set by another one here.
        ImportError: if KerasHub is asked for and not installed.
        ValueError: if the library or the network is not known, with those that are.
        ValueError: if a class of KerasHub is to have pretrained weights, or a file of weights
            without `preprocessing`.
        ValueError: if a preset does not say in which values its network takes images.
        ValueError: if the weights do not fit images of `image_shape`.
        ValueError: if no layers suit, with those that were tried.

    Examples:
        >>> backbone = uk.backbones.from_name(
        ...     "keras.applications:MobileNetV2", weights=None, alpha=0.35
        ... )
        >>> backbone.layers, backbone.preprocessing
        (['block_2_add', 'block_5_add', 'block_12_add'], 'tf')
        >>> backbone.strides, backbone.channels
        ((4, 8, 16), (8, 16, 32))
    """
    library, network_name = _split(name)
    for option, instead in _SET_OTHERWISE.items():
        if option in options:
            raise TypeError(f"`{option}` is no argument here: {instead}.")
    if library == "keras_hub":
        network = hub_network(network_name, weights, image_shape, **options)
        if preprocessing is None:
            preprocessing = _hub_preprocessing(network_name, weights)
        return backbone_of(network, preprocessing, layers, shares)
    if preprocessing is None and options.get("include_preprocessing") is False:
        raise ValueError(
            "`include_preprocessing=False` leaves the values of images to you: give "
            "`preprocessing`, too."
        )
    network = application(network_name, weights, image_shape, **options)
    if preprocessing is None:
        preprocessing = application_preprocessing(network_name)
    return backbone_of(network, preprocessing, layers, shares)


def backbone_of(
    network: keras.Model,
    preprocessing: Preprocessing,
    layers: Sequence[str] | None,
    shares: Sequence[float] | None,
) -> ModelBackbone:
    """Makes a backbone of a network, with layers, shares and class chosen by what it is.

    Args:
        network: functional `keras.Model`.
        preprocessing, layers, shares: as in `from_name`.

    Returns:
        A `VisionTransformerBackbone` or `ModelBackbone`.

    Examples:
        >>> inputs = keras.Input((32, 32, 3))
        >>> network = keras.Model(inputs, keras.layers.Conv2D(5, 8, 8, name="patches")(inputs))
        >>> backbone = backbone_of(network, "unit", None, None)
        >>> type(backbone).__name__, backbone.window, backbone.layers
        ('VisionTransformerBackbone', 32, ['patches'])
    """
    layers = chosen_layers(network) if layers is None else layers
    make = ModelBackbone
    if image_shape_of(network)[0] is not None or has_attention(network):
        make = VisionTransformerBackbone
    backbone = make(network, preprocessing, layers, shares)
    distinct = len(set(backbone.strides)) == len(backbone.strides) > 1
    if shares is None and distinct:
        others = (1 - _COARSEST_SHARE) / (len(backbone.strides) - 1)
        backbone.shares = (*[others] * (len(backbone.strides) - 1), _COARSEST_SHARE)
    return backbone


def _hub_preprocessing(name, weights):
    """Returns the preprocessing of a preset, or, for random weights of a class, images in 0..1."""
    if is_preset(name, import_extra("keras_hub", "keras-hub")):
        return hub_preprocessing(name)
    if weights is None:
        return "unit"
    raise ValueError(
        f"{name} is a class, which does not say in which values its weights take images: give "
        "`preprocessing`."
    )


def _split(name):
    """Returns the library and the name of the network in it."""
    if not isinstance(name, str):
        raise TypeError(
            "`name` must be a string, such as 'keras.applications:EfficientNetV2B0'. For a network "
            f"of your own there is `ModelBackbone`. Received: {name!r}"
        )
    library, colon, network_name = name.partition(":")
    if not colon or library not in LIBRARIES:
        raise ValueError(
            f"`name` must begin with one of {[f'{one}:' for one in LIBRARIES]}, such as "
            f"'keras.applications:EfficientNetV2B0'. Received: {name!r}"
        )
    return library, network_name
