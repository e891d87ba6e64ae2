"""Peak signal-to-noise ratio."""

import keras
from keras import ops

from umbed_keras.metrics._image_mean import ImageMean

# The mean squared error, in a range of size 1, below which images count as equal: 100 dB.
LEAST_ERROR = 1e-10


@keras.saving.register_keras_serializable(package="umbed_keras")
class PSNR(ImageMean):
    """Peak signal-to-noise ratio in dB, the mean over images; higher is better.

    An image's ratio is `10 log10(range^2 / mean squared error)`. It counts 100 dB at most, which
    is what equal images get: one of them doesn't make the mean infinite. 0 before any image.

    Args:
        value_range: two floats, `(low, high)` of floating images. uint8 images are always in
            0..255.

    Raises:
        ValueError: a `value_range` without low < high.
    """

    def __init__(self, value_range=(0.0, 1.0), name="psnr", **kwargs):
        super().__init__(value_range, name, **kwargs)

    def _values(self, references, images):
        # Not `keras.ops.psnr`, which takes the error over the whole batch.
        errors = ops.mean(ops.square(images - references), axis=(1, 2, 3))
        return -10 * ops.log10(ops.maximum(errors, LEAST_ERROR))
