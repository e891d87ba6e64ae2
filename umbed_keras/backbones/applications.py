"""Networks of `keras.applications` with the values in which they take images."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from umbed_keras.backbones.names import check_known
from umbed_keras.backbones.preprocessing import MODES, preprocessed


def network_names() -> list[str]:
    """Returns the names of all networks of `keras.applications`.

    Examples:
        >>> network_names()[:2]
        ['ConvNeXtBase', 'ConvNeXtLarge']
    """
    known = vars(keras.applications).items()
    return sorted(name for name, value in known if name[0].isupper() and callable(value))


def application(
    name: str, weights: str | None, image_shape: Sequence[int | None] | None, **options: Any
) -> keras.Model:
    """Builds a network of `keras.applications` without its classifier.

    Args:
        name: str, name of the network.
        weights: `"pretrained"`, those of ImageNet; None, random ones; or the path of a file.
        image_shape: shape of an image, or None for RGB images of any size.
        **options: further arguments of the network.

    Returns:
        `keras.Model`.

    Raises:
        ValueError: if there is no network of the name, with those that are.

    Examples:
        >>> application("MobileNetV2", None, (64, 64, 3), alpha=0.35).output.shape
        (None, 2, 2, 1280)
    """
    check_known("network of keras.applications", name, network_names())
    return getattr(keras.applications, name)(
        include_top=False,
        weights="imagenet" if weights == "pretrained" else weights,
        input_shape=(None, None, 3) if image_shape is None else tuple(image_shape),
        **options,
    )


def application_preprocessing(name: str) -> str:
    """Returns the mode of `preprocess_input` of a network's family.

    Families with a rescaling inside the network take images in 0..255.

    Args:
        name: str, name of a network of `keras.applications`.

    Returns:
        One of `umbed_keras.backbones.preprocessing.MODES`.

    Examples:
        >>> [application_preprocessing(name) for name in ["EfficientNetB0", "ResNet50"]]
        ['byte', 'caffe']
    """
    function = preprocess_input(name)
    values = np.linspace(0, 1, 12, dtype="float32").reshape(1, 2, 2, 3)
    expected = function(255 * values, data_format="channels_last")
    for mode in MODES:
        if np.allclose(preprocessed(values, mode), expected, atol=1e-3):
            return mode
    raise NotImplementedError(
        f"{name} takes images in other values than those of {MODES}: give `preprocessing`"
    )


def preprocess_input(name: str) -> Callable[..., Any]:
    """Returns `preprocess_input` of the family of a network of `keras.applications`.

    Args:
        name: str, name of the network.

    Examples:
        >>> preprocess_input("VGG16") is keras.applications.vgg16.preprocess_input
        True
    """
    family = inspect.getmodule(getattr(keras.applications, name)).__name__.rpartition(".")[2]
    return getattr(keras.applications, family).preprocess_input
