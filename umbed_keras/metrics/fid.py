"""Frechet Inception distance."""

import keras

from umbed_keras.metrics.frechet_distance import FrechetDistance

SIZE = 299


@keras.saving.register_keras_serializable(package="umbed_keras")
class FID(FrechetDistance):
    """Frechet distance between the features of Keras's Inception v3; lower is better.

    After Heusel et al. 2017, with the 2048 averaged features of `keras.applications.InceptionV3`
    of images resized (bilinear) to 299x299. Its ImageNet weights are not those of the original
    FID, so the values compare with one another and not with those in papers.

    The result takes seconds, and `model.compile(metrics=[...])` works it out in every step: use
    it stand-alone. Thousands of images are needed for a value that means something.

    Args:
        weights: `"imagenet"` (downloaded by Keras), the path of a weights file of Inception v3
            without its top, or None for random ones.
        value_range: two floats, `(low, high)` of floating images. uint8 images are always in
            0..255.

    Raises:
        OSError: the ImageNet weights can't be downloaded.
        ValueError: `weights` names no file, or a `value_range` without low < high.
    """

    def __init__(self, weights="imagenet", value_range=(0.0, 1.0), name="fid", **kwargs):
        super().__init__(_inception(weights), value_range, name=name, **kwargs)
        self.weights = None if weights is None else str(weights)

    def get_config(self):
        return {**super().get_config(), "weights": self.weights}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _inception(weights):
    """Inception v3 for images of any size in 0..1, channels last."""
    # Of Keras's applications, nothing but the setting says where channels are.
    data_format = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_last")
    try:
        inception = keras.applications.InceptionV3(
            include_top=False, weights=weights, pooling="avg", input_shape=(SIZE, SIZE, 3)
        )
    except Exception as error:  # Keras raises no narrower one
        if weights != "imagenet":
            raise
        raise OSError(
            f"Keras could not get the ImageNet weights of Inception v3: {error}. Pass `weights`, "
            "the path of a file with them, or use FrechetDistance with a model of your own."
        ) from error
    finally:
        keras.config.set_image_data_format(data_format)
    images = keras.Input((None, None, 3))
    resized = keras.layers.Resizing(SIZE, SIZE, data_format="channels_last")(images)
    return keras.Model(images, inception(keras.layers.Rescaling(2.0, offset=-1.0)(resized)))
