"""Frechet Inception distance."""

from typing import Any

import keras

from umbed_keras.metrics.frechet_distance import FrechetDistance
from umbed_keras.typing import PathLike

SIZE = 299


@keras.saving.register_keras_serializable(package="umbed_keras")
class FID(FrechetDistance):
    """Frechet distance between features of Keras's Inception v3; lower is better.

    The features are the 2048 averages of `keras.applications.InceptionV3` for images resized
    bilinearly to 299x299. The ImageNet weights of Keras differ from those of the original FID, so
    that values can be compared with one another but not with published ones.

    Computing the result takes seconds, and `model.compile(metrics=[...])` would do so in every
    step: use the metric stand-alone. A meaningful value needs thousands of images.

    Reference: Heusel, Ramsauer, Unterthiner, Nessler & Hochreiter, "GANs trained by a two
    time-scale update rule converge to a local Nash equilibrium", 2017, arXiv:1706.08500.

    Args:
        weights: `"imagenet"` (downloaded by Keras), path of a weights file of Inception v3 without
            its top, or None for random weights.
        value_range: two floats, the range `(low, high)` of floating-point images. uint8 images are
            always in 0..255.
        name: str, name of the metric.
        **kwargs: other arguments of `keras.metrics.Metric`.

    Raises:
        OSError: if the ImageNet weights cannot be downloaded.
        ValueError: if `weights` is not the path of a file.
        ValueError: if `value_range` is not two numbers with low < high.

    Examples:
        Inception v3 takes seconds to build and is not built here:

        >>> images = np.random.default_rng(0).random((8, 64, 64, 3))
        >>> fid = uk.metrics.FID()  # doctest: +SKIP
        >>> fid.update_state(images, images)  # doctest: +SKIP
        >>> round(float(fid.result()), 3)  # doctest: +SKIP
        0.0
    """

    def __init__(
        self,
        weights: PathLike | None = "imagenet",
        value_range: tuple[float, float] = (0.0, 1.0),
        name: str = "fid",
        **kwargs: Any,
    ) -> None:
        super().__init__(_inception(weights), value_range, name=name, **kwargs)
        self.weights = None if weights is None else str(weights)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weights": self.weights}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "FID":
        return cls(**config)


def _inception(weights: PathLike | None) -> keras.Model:
    """Returns Inception v3 for images of any size in 0..1, channels last."""
    # Keras's applications have no argument for the data format, only the global setting.
    data_format = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_last")
    try:
        inception = keras.applications.InceptionV3(
            include_top=False, weights=weights, pooling="avg", input_shape=(SIZE, SIZE, 3)
        )
    except Exception as error:  # Keras raises no narrower class
        if weights != "imagenet":
            raise
        raise OSError(
            f"Keras could not get the ImageNet weights of Inception v3: {error}. Pass `weights`, "
            "the path of a file with them, or use FrechetDistance with another model."
        ) from error
    finally:
        keras.config.set_image_data_format(data_format)
    images = keras.Input((None, None, 3))
    resized = keras.layers.Resizing(SIZE, SIZE, data_format="channels_last")(images)
    return keras.Model(images, inception(keras.layers.Rescaling(2.0, offset=-1.0)(resized)))
