"""Training and evaluation of models that learn from images alone."""

from typing import Any

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.devices import (
    device_count,
    process_share,
    share_of_loss,
    training_processes,
)
from umbed_keras.images.arrays import to_host
from umbed_keras.images.batches import EpochNumber, ImageBatches, batch_images
from umbed_keras.models.base.images_alone import check_images_alone
from umbed_keras.typing import Tensor


class FittingMixin:
    """`fit`, `evaluate` and `predict` for data without labels.

    The model is called on dictionaries with `images` and gives dictionaries of `targets`,
    `rebuilt`, `error`, `codes` and `loss`, see `ImageModel.call_batch`.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=4, latent_dim=2, filters=4, residual_blocks=0)
        >>> model.compile("adam")
        >>> images = np.random.default_rng(0).random((2, 8, 8, 3))
        >>> history = model.fit(images, epochs=1, verbose=0).history
        >>> sorted(history)[:3]
        ['bits_per_pixel', 'bottleneck_loss', 'fraction_used']
    """

    # The processes that `fit` shares its batches with, while it runs.
    _processes = None

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """Returns the error of reconstruction plus the bottleneck's loss, a float32 scalar.

        Args:
            x: dictionary of a batch, unused.
            y: unused.
            y_pred: dictionary of outputs from `call_batch`.
            sample_weight: unused.
            training: bool, unused.
        """
        return share_of_loss(y_pred["error"] + y_pred["loss"])

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Tensor]:
        """Updates the metrics by a batch and returns the value of each.

        Metrics that the model was compiled with compare targets with reconstructions that are
        clipped to 0..1.

        Args:
            x: dictionary of a batch.
            y: unused.
            y_pred: dictionary of outputs from `call_batch`.
            sample_weight: unused.
        """
        if self._compile_metrics is not None:
            clipped = ops.clip(ops.cast(y_pred["rebuilt"], "float32"), 0.0, 1.0)
            super().compute_metrics(x, y_pred["targets"], clipped)
        weight = ops.shape(x["images"])[0]
        measures = self._measures(x["images"], y_pred)
        for tracker in self.trackers:
            tracker.update_state(measures[tracker.name], sample_weight=weight)
        if self.bottleneck.num_entries:
            used, weights = self.bottleneck.used_entries(y_pred["codes"])
            self.code_usage.update_state(used, sample_weight=weights)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Tensor]:
        """Returns the value of each metric, over the images of all processes that train together.

        Returns:
            Dictionary of metric names to float32 scalar tensors.
        """
        if self._processes is None:
            return super().get_metrics_result()
        with self._processes.summed(self.metrics_variables):
            return super().get_metrics_result()

    def fit(
        self,
        x: Any = None,
        y: None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: None = None,
        sample_weight: None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
        **options: Any,
    ) -> keras.callbacks.History:
        """Trains the model on images alone. Calls `adapt` first if it has not been called.

        The other arguments are those of `keras.Model.fit`. The order of arrays, and the pixels
        that a `PixelEmbedder` samples, are functions of the model's seed and the number of the
        step. Devices or processes that train together share every batch, see
        `umbed_keras.backend.devices`. Of images in an array the features of a `PixelEmbedder`'s
        backbone are computed once for all epochs, if they fit into 2 GiB and one device trains.

        Args:
            x: array of images, `umbed_keras.ImageFolder`, `keras.utils.PyDataset`,
                `tf.data.Dataset`, torch `DataLoader`, grain loader or another iterable of batches
                of images. Of batches that are tuples the first part is the images; labels after it
                are ignored.
            y: must be None.
            batch_size: int, images per step where `x` is an array; None is 16.
            class_weight: must be None.
            sample_weight: must be None.
            **options: `pixels_per_image`, int, overrides that of a `PixelEmbedder` in this call.

        Returns:
            `keras.callbacks.History` of `loss`; `reconstruction`, the error without the
            bottleneck's loss, on values in 0..1; `bottleneck_loss`; `bits_per_pixel`
            (fixed-length, or by the density that the bottleneck learns); `perplexity` and
            `fraction_used` if the bottleneck has entries; and the metrics that the model was
            compiled with.

        Raises:
            TypeError: if images are neither uint8 nor floats, or an option does not exist.
            ValueError: if `y`, `sample_weight` or `class_weight` is given, or the data yield a
                `sample_weight`.
            ValueError: if images have another shape, or values outside 0..1.
            ValueError: if devices or processes cannot share a batch equally.
        """
        check_images_alone("fit", y=y, sample_weight=sample_weight, class_weight=class_weight)
        if validation_split and validation_data is None:
            if not hasattr(x, "shape"):
                raise ValueError("`validation_split` needs `x` to be an array.")
            x = to_host(x)
            start = int(len(x) * (1 - validation_split))
            x, validation_data = x[:start], x[start:]
        batches = self._batches(
            x,
            batch_size,
            shuffle=shuffle,
            steps_per_epoch=steps_per_epoch,
            **process_share(),
            **options,
        )
        if validation_data is not None:
            if isinstance(validation_data, tuple):  # (images,) or (images, labels)
                validation_data = batch_images(validation_data)
            validation_data = self._batches(
                validation_data,
                batch_size if validation_batch_size is None else validation_batch_size,
                steps_per_epoch=validation_steps,
                restart=True,
                **options,
            )
        self._prepare_to_learn(x)
        rounds = epochs - initial_epoch
        self._keep_for_epochs(batches, rounds)
        if validation_data is not None:
            self._keep_for_epochs(validation_data, rounds // validation_freq)
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks = [EpochNumber(batches), *keras.tree.flatten(callbacks or [])]
        else:
            callbacks.append(EpochNumber(batches))
        self._processes = training_processes(self, self._call_for_training)
        try:
            return super().fit(
                batches,
                epochs=epochs,
                verbose=0 if process_share().get("share") else verbose,
                callbacks=callbacks,
                validation_data=validation_data,
                shuffle=False,
                initial_epoch=initial_epoch,
                validation_freq=validation_freq,
            )
        finally:
            self._processes = None

    def evaluate(
        self,
        x: Any = None,
        y: None = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: None = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **options: Any,
    ) -> Any:
        """Computes the loss and metrics of images. The sampled pixels are the same every time.

        On PyTorch every process evaluates all images that it is given, also during `fit`, so that
        a callback may evaluate in one process alone.

        Args:
            x: images, as in `fit`.
            y: must be None.
            batch_size: int, images per step where `x` is an array; None is 16.
            verbose: as in `keras.Model.evaluate`.
            sample_weight: must be None.
            steps: int, batches to evaluate; None evaluates one pass over `x`.
            callbacks: as in `keras.Model.evaluate`.
            return_dict: bool; True returns a dictionary, False a list in the order of `metrics`.
            **options: as in `fit`.

        Returns:
            The values of loss and metrics, floats, see `fit`.

        Raises:
            TypeError: if images are neither uint8 nor floats, or an option does not exist.
            ValueError: if the model is not compiled.
            ValueError: if `y` or `sample_weight` is given, or the data yield a `sample_weight`.
            ValueError: if images have another shape, or values outside 0..1.
        """
        check_images_alone("evaluate", y=y, sample_weight=sample_weight)
        self._check_compiled("evaluate")
        # `fit` passes a private argument, by which Keras keeps the validation data between epochs.
        private = {name: options.pop(name) for name in list(options) if name.startswith("_")}
        if not isinstance(x, ImageBatches):
            x = self._batches(x, batch_size, steps_per_epoch=steps, **options)
        processes, self._processes = self._processes, None
        try:
            return super().evaluate(
                x, verbose=verbose, callbacks=callbacks, return_dict=return_dict, **private
            )
        finally:
            self._processes = processes

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> np.ndarray:
        """Calls the model on images from any source that `fit` takes.

        Args:
            x: images, as in `fit`.
            batch_size: int, images per step where `x` is an array; None is 16.
            verbose: as in `keras.Model.predict`.
            steps: int, batches to predict; None predicts one pass over `x`.
            callbacks: as in `keras.Model.predict`.

        Returns:
            NumPy array of what the model gives when it is called on images, batch first.

        Raises:
            TypeError: if images are neither uint8 nor floats.
            ValueError: if images have another shape, or values outside 0..1.
        """
        options = {"steps_per_epoch": steps, "replicas": device_count(self), "bare": True}
        batches = ImageBatches(x, self.channels, batch_size, **options)
        return super().predict(batches, verbose=verbose, callbacks=callbacks)

    def _measures(self, images: Tensor, outputs: dict[str, Any]) -> dict[str, Tensor]:
        """Returns what training reports beside the loss, from the outputs of `call_batch`."""
        return {
            "reconstruction": outputs["error"],
            "bottleneck_loss": outputs["loss"],
            "bits_per_pixel": self.bits_per_pixel(images, outputs),
        }

    def _call_for_training(self, batch):
        return self.call_batch(batch, training=True)

    def _keep_for_epochs(self, batches: ImageBatches, epochs: int) -> None:
        """Adds to batches what is the same in every epoch; by default nothing is."""

    def _prepare_to_learn(self, images):
        """Adapts the model if need be, and forgets the preset that its weights came from."""
        if not self.adapted_already:
            self.adapt(images)
        # The licence of the preset still holds for weights that are learned from it.
        self.origin = {name: text for name, text in self.origin.items() if name != "preset"}

    def _check_compiled(self, method):
        if not self.compiled:
            raise ValueError(f"Call `compile()` before `{method}()`.")

    def _batches(self, x, batch_size, **options):
        """Returns the `ImageBatches` that `fit` and `evaluate` read."""
        options = {"seed": self.seed, "replicas": device_count(self), **options}
        return ImageBatches(x, self.channels, batch_size, **options)
