"""Pictures of images, as classifiers see them."""

from collections.abc import Sequence

import numpy as np

from umbed_keras.images.image import Image
from umbed_keras.segmentation.pixel_classifier import PixelClassifier


def picture(classifier: PixelClassifier, image: Image, plane: Sequence[int] = ()) -> np.ndarray:
    """Returns a plane as a classifier sees it.

    Args:
        classifier: `PixelClassifier`, whose scaling and channels count.
        image: `umbed_keras.Image`.
        plane: index of the plane along the image's `plane_axes`.

    Returns:
        uint8 array `(height, width, 3)`. Of more than three channels the first three are shown as
        colours. Pixels without data are white.

    Examples:
        >>> classifier = uk.segmentation.PixelClassifier("celeba_vq_k16")
        >>> picture(classifier, uk.Image(np.full((4, 5), 9, "uint8"), "yx"))[0, 0].tolist()
        [9, 9, 9]
    """
    vectors = classifier.features.of_image(image)
    values = vectors.values(plane)
    if values.shape[-1] == 1:
        values = np.repeat(values, 3, axis=-1)
    missing = max(0, 3 - values.shape[-1])
    values = np.pad(values[..., :3], [(0, 0), (0, 0), (0, missing)])
    return np.where(vectors.valid(plane)[..., None], np.rint(255 * values), 255).astype("uint8")
