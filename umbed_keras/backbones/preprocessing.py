"""The values in which pretrained networks take images."""

from collections.abc import Sequence
from typing import TypeAlias

import keras
import numpy as np

from umbed_keras.typing import Tensor

MODES = ("unit", "byte", "tf", "torch", "caffe")
_RGB_MODES = ("torch", "caffe")
# A mode, or the mean and the standard deviation of images in 0..1.
Preprocessing: TypeAlias = str | tuple[float | Sequence[float], float | Sequence[float]]


def checked_preprocessing(preprocessing: Preprocessing, channels: int = 3) -> Preprocessing:
    """Checks a preprocessing and turns its arrays into tuples.

    Args:
        preprocessing: one of `MODES`, or a pair `(mean, standard deviation)`, each a float or one
            for each channel.
        channels: int, channels of the images.

    Returns:
        The mode, or a pair of floats or tuples of floats.

    Raises:
        ValueError: if it is neither, or a standard deviation is not above 0.
        ValueError: if it is a mode for three channels, and images have others.

    Examples:
        >>> checked_preprocessing((0.5, [0.2, 0.2, 0.25]))
        (0.5, (0.2, 0.2, 0.25))
    """
    if isinstance(preprocessing, str):
        if channels != 3 and preprocessing in _RGB_MODES:
            raise ValueError(
                f"`preprocessing` must not be one of {_RGB_MODES} for images of {channels} "
                f"channels, as they have values for three. Received: {preprocessing!r}"
            )
        if preprocessing in MODES:
            return preprocessing
    elif isinstance(preprocessing, Sequence) and len(preprocessing) == 2:
        try:
            pair = [np.asarray(part, "float64") for part in preprocessing]
        except (TypeError, ValueError):
            pair = []
        shaped = pair and all(part.shape in ((), (channels,)) for part in pair)
        if shaped and all(np.isfinite(part).all() for part in pair) and (pair[1] > 0).all():
            mean, deviation = (tuple(part.tolist()) if part.ndim else float(part) for part in pair)
            return mean, deviation
    raise ValueError(
        f"`preprocessing` must be one of {MODES}, or a pair of the mean and the standard deviation "
        f"of images in 0..1, each a float or {channels}, the second above 0. "
        f"Received: {preprocessing!r}"
    )


def preprocessed(images: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Turns images into the values that a network takes.

    Args:
        images: tensor `(batch, height, width, channels)`, floats in 0..1.
        preprocessing: what `checked_preprocessing` returned.

    Returns:
        Tensor of the same shape.

    Examples:
        >>> image = keras.ops.ones((1, 1, 1, 3))
        >>> values = preprocessed(image, (0.5, (0.5, 0.25, 1.0)))
        >>> keras.ops.convert_to_numpy(values).ravel().tolist()
        [1.0, 2.0, 0.5]
    """
    if not isinstance(preprocessing, str):
        mean, deviation = (np.array(part, "float32") for part in preprocessing)
        return (images - mean) / deviation
    if preprocessing == "unit":
        return images
    images = 255.0 * images
    if preprocessing == "byte":
        return images
    return keras.applications.imagenet_utils.preprocess_input(
        images, data_format="channels_last", mode=preprocessing
    )
