"""Training, evaluation and prediction of single batches."""

from typing import Any

import numpy as np
from keras import ops

from umbed_keras.backend.devices import process_share
from umbed_keras.images.arrays import check_images, to_host
from umbed_keras.images.batches import batch_images
from umbed_keras.models.base.images_alone import check_images_alone
from umbed_keras.typing import ArrayLike


class BatchStepsMixin:
    """`train_on_batch`, `test_on_batch` and `predict_on_batch` for data without labels.

    They belong to the methods of `FittingMixin`, on whose batches they do the same.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=4, latent_dim=2, filters=4, residual_blocks=0)
        >>> model.compile("adam")
        >>> images = np.random.default_rng(0).random((2, 8, 8, 3))
        >>> loss = model.train_on_batch(images, return_dict=True)["loss"]
        >>> bool(loss > 0)
        True
    """

    def train_on_batch(
        self,
        x: Any,
        y: None = None,
        sample_weight: None = None,
        class_weight: None = None,
        return_dict: bool = False,
        **options: Any,
    ) -> Any:
        """Trains the model on one batch, as a step of `fit` does.

        Calls `adapt` on the batch first if it has not been called. The pixels that a
        `PixelEmbedder` samples are a function of its seed and the steps that the optimizer has
        done.

        Args:
            x: images `(batch, height, width, channels)`, uint8 or floats in 0..1; a tuple that
                begins with them; or a dictionary that the model can be called on.
            y: must be None.
            sample_weight: must be None.
            class_weight: must be None.
            return_dict: bool; True returns a dictionary, False a list in the order of `metrics`.
            **options: as in `fit`.

        Returns:
            The values of loss and metrics, floats, see `fit`.

        Raises:
            TypeError: if images are neither uint8 nor floats, or an option does not exist.
            ValueError: if the model is not compiled.
            ValueError: if `y`, `sample_weight` or `class_weight` is given.
            ValueError: if images have another shape, or values outside 0..1.
            RuntimeError: if several processes train together on PyTorch, whose gradients only
                `fit` averages.
        """
        check_images_alone(
            "train_on_batch", y=y, sample_weight=sample_weight, class_weight=class_weight
        )
        self._check_compiled("train_on_batch")
        if process_share():
            raise RuntimeError(
                "`train_on_batch` does not average gradients over processes. Call `fit`."
            )
        step = int(ops.convert_to_numpy(self.optimizer.iterations))
        batch = self._one_batch(x, step, **options)
        self._prepare_to_learn(batch["images"])
        return super().train_on_batch(batch, return_dict=return_dict)

    def test_on_batch(
        self,
        x: Any,
        y: None = None,
        sample_weight: None = None,
        return_dict: bool = False,
        **options: Any,
    ) -> Any:
        """Computes the loss and metrics of one batch, as `evaluate` does of its first.

        Args:
            x: images, as in `train_on_batch`.
            y: must be None.
            sample_weight: must be None.
            return_dict: bool; True returns a dictionary, False a list in the order of `metrics`.
            **options: as in `fit`.

        Returns:
            The values of loss and metrics, floats, see `fit`.

        Raises:
            TypeError: if images are neither uint8 nor floats, or an option does not exist.
            ValueError: if the model is not compiled.
            ValueError: if `y` or `sample_weight` is given.
            ValueError: if images have another shape, or values outside 0..1.
        """
        check_images_alone("test_on_batch", y=y, sample_weight=sample_weight)
        self._check_compiled("test_on_batch")
        batch = self._one_batch(x, 0, **options)
        return super().test_on_batch(batch, return_dict=return_dict)

    def predict_on_batch(self, x: ArrayLike) -> np.ndarray:
        """Calls the model on one batch of images.

        Args:
            x: images `(batch, height, width, channels)`, uint8 or floats in 0..1.

        Returns:
            NumPy array of what the model gives when it is called on images, batch first.

        Raises:
            TypeError: if images are neither uint8 nor floats.
            ValueError: if images have another shape, or values outside 0..1.
        """
        return super().predict_on_batch(check_images(batch_images(x), self.channels))

    def _one_batch(self, x, step, **options):
        """Returns images as the dictionary that `fit` calls the model on in step number `step`."""
        if isinstance(x, dict):
            return x
        images = to_host(batch_images(x))
        batches = self._batches(images, max(1, len(images)), **options)
        batches.epoch = step
        return batches[0][0]
