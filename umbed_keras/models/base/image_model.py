"""What models that learn from images alone have in common."""

import keras
import numpy as np
from keras import backend, ops

from umbed_keras.backend.compiled import CompiledMethod
from umbed_keras.backend.devices import (
    device_count,
    process_share,
    processes_together,
    share_of_loss,
)
from umbed_keras.images.arrays import to_host
from umbed_keras.images.batches import EpochNumber, ImageBatches, batch_images
from umbed_keras.metrics import CodeUsage
from umbed_keras.models.base.compression import CompressionMixin
from umbed_keras.models.base.linear_start import LinearStartMixin
from umbed_keras.models.base.onnx_export import export_onnx
from umbed_keras.ops.checks import check_integers
from umbed_keras.zoo.preset_mixin import PresetMixin


class ImageModel(LinearStartMixin, CompressionMixin, PresetMixin, keras.Model):
    """A model of images with a bottleneck: its data, its training and its metrics.

    Called on a dictionary with `images`, a subclass gives at least `targets`, what is to be
    rebuilt; `rebuilt`, what has been; the `error` between them; and the bottleneck's `codes` and
    `loss`. It has a linear path of its own beside its networks, which `set_linear_start` sets.

    Args:
        bottleneck: a `umbed_keras.layers.Bottleneck`.
        channels: int, channels of the images.
        seed: int, of the order of the data and of what is sampled.
    """

    # What training reports beside the loss, by the names that `_measures` gives.
    reported = ("reconstruction", "bottleneck_loss", "bits_per_pixel")

    def __init__(self, bottleneck, channels, seed, **kwargs):
        check_integers(channels=(1, channels), seed=(0, seed))
        # Images come as float32, whatever the policy.
        super().__init__(autocast=False, **kwargs)
        if bottleneck.returns_latents:
            raise ValueError("Models of images need a bottleneck with `output='all'`.")
        self.bottleneck = bottleneck
        self.channels = int(channels)
        self.seed = int(seed)
        self.trackers = [keras.metrics.Mean(name=name) for name in self.reported]
        if bottleneck.num_entries:
            self.code_usage = CodeUsage(bottleneck.num_entries)
        self._compiled_methods = {}

    def bits_per_pixel(self, images, outputs):
        """Bits spent on a pixel of images by what the bottleneck gave, a scalar tensor."""
        return self.bottleneck.spent_bits(outputs)

    def build(self, input_shape):
        if not self.bottleneck.built:
            self.bottleneck.build()
            self.bottleneck.built = True
        if not self.trainable:  # parts of a frozen model that was loaded are not frozen yet
            for layer in self.layers:
                layer.trainable = False
        self.adapted = self.add_weight(
            shape=(), dtype="float32", initializer="zeros", trainable=False, name="adapted"
        )
        super().build(input_shape)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return share_of_loss(y_pred["error"] + y_pred["loss"])

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if self._compile_metrics is not None:
            # What the model was compiled with sees values as they would be shown.
            shown = ops.clip(ops.cast(y_pred["rebuilt"], "float32"), 0.0, 1.0)
            super().compute_metrics(x, y_pred["targets"], shown)
        weight = ops.shape(x["images"])[0]
        measures = self._measures(x["images"], y_pred)
        for tracker in self.trackers:
            tracker.update_state(measures[tracker.name], sample_weight=weight)
        if self.bottleneck.num_entries:
            used, weights = self.bottleneck.used_entries(y_pred["codes"])
            self.code_usage.update_state(used, sample_weight=weights)
        return self.get_metrics_result()

    def _measures(self, images, outputs):
        """Name to value of what training reports, from what `call` gave."""
        return {
            "reconstruction": outputs["error"],
            "bottleneck_loss": outputs["loss"],
            "bits_per_pixel": self.bits_per_pixel(images, outputs),
        }

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
        **options,
    ):
        """Learns from images alone. Calls `adapt` first if it has not been called.

        Args:
            x: array of images, `umbed_keras.ImageFolder`, `keras.utils.PyDataset`,
                `tf.data.Dataset`, torch `DataLoader`, grain loader or another iterable of batches
                of images.
            **options: what the class has beyond the arguments of `keras.Model.fit`:
                `pixels_per_image`, of `PixelEmbedder`, overrides the model's for this call.

        The other arguments are those of `keras.Model.fit`; `batch_size` is 16 by default. The
        order of arrays, and what is sampled, are functions of the model's seed and the number of
        the step. Where several devices train together, as `umbed_keras.backend.devices` tells,
        they share every batch.

        Returns:
            `keras.callbacks.History` of `loss`, `reconstruction` (the error without the
            bottleneck's loss, on values in 0..1), `bottleneck_loss`, `bits_per_pixel`
            (fixed-length, or by the density that the bottleneck learns), `perplexity` and
            `fraction_used` where the bottleneck has entries, and the metrics that the model was
            compiled with, of what is rebuilt.

        Raises:
            TypeError, ValueError: data that are not images as the class describes them, or
                batches that the devices can't share equally.
        """
        if y is not None:
            raise ValueError("`fit` learns from images alone. Received: `y`")
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
        if not self.adapted_already:
            self.adapt(x)
        # Of what was that preset, its licence is still to be kept.
        self.origin = {name: text for name, text in self.origin.items() if name != "preset"}
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks = [EpochNumber(batches), *keras.tree.flatten(callbacks or [])]
        else:
            callbacks.append(EpochNumber(batches))
        with processes_together(self):
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

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        steps=None,
        callbacks=None,
        return_dict=False,
        **options,
    ):
        """The loss and metrics of images; what is sampled is the same every time.

        Arguments and errors are those of `fit`. On PyTorch every process evaluates all images.
        """
        if y is not None:
            raise ValueError("`evaluate` takes images alone. Received: `y`")
        if not self.compiled:
            raise ValueError("Call `compile()` before `evaluate()`.")
        # Keras keeps what it evaluates during `fit` under a name that begins with an underscore.
        inner = {name: options.pop(name) for name in list(options) if name.startswith("_")}
        if not isinstance(x, ImageBatches):
            x = self._batches(x, batch_size, steps_per_epoch=steps, **options)
        return super().evaluate(
            x, verbose=verbose, callbacks=callbacks, return_dict=return_dict, **inner
        )

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """What the model gives of images, from any source that `fit` takes, with its errors."""
        options = {"steps_per_epoch": steps, "replicas": device_count(self), "bare": True}
        batches = ImageBatches(x, self.channels, batch_size, **options)
        return super().predict(batches, verbose=verbose, callbacks=callbacks)

    def export_onnx(self, path, what):
        """Writes the model as an ONNX file, which runs without Keras.

        Batch, height and width are free, and results are those of the method `what`. All of an
        image is computed at once. Where that is more than memory, a `PixelEmbedder`'s file says
        how it may be cut up: tiles that begin at multiples of the metadata `stride`, seen with
        `margin` pixels more on each side, have the vectors of the whole
        (`examples/onnx_embed.py`). The exporter is PyTorch's; on another backend it runs in a
        process of its own.

        Args:
            path: of the file, replaced whole or not at all.
            what: `"embed"` (of a `PixelEmbedder` alone), `"encode"`, `"decode"` or
                `"reconstruct"`. Images are called `images`, float32 in 0..1, `(batch, height,
                width, channels)`, embeddings `vectors`, codes as `encode` calls them.

        The file's metadata tell `class`, `what`, `preprocessing`, and of a model loaded from a
        preset `preset` and `license`.

        Raises:
            ValueError: another `what`, or a path in no folder.
            ImportError: torch, onnx or onnxscript is missing.
        """
        export_onnx(self, path, what)

    def export(self, filepath, format="tf_saved_model", verbose=None, **options):
        """Writes what the model gives when it is called: `keras.Model.export`, where that works.

        On TensorFlow that is a SavedModel of any batch, height and width, and, with `format`
        `"litert"`, a LiteRT file, whose input can be resized (with a bottleneck that has indices
        it needs LiteRT's Flex delegate). `export_onnx` writes ONNX, on every backend.

        Raises:
            ValueError: another format, or another backend.
        """
        if backend.backend() != "tensorflow" or format not in ("tf_saved_model", "litert"):
            raise ValueError(
                "`export` writes the formats 'tf_saved_model' and 'litert' on the TensorFlow "
                "backend alone: save the model by `save_to_preset`, and load it with "
                "KERAS_BACKEND=tensorflow. ONNX is what `export_onnx` writes, on every backend. "
                f"Received: format={format!r} on the backend {backend.backend()!r}"
            )
        self(np.zeros((1, 1, 1, self.channels), "float32"))  # Keras exports what has been called
        return super().export(filepath, format=format, verbose=verbose, **options)

    @property
    def graphs(self):
        """Name to `umbed_keras.models.base.onnx_export.Graph` of what can be exported."""
        raise NotImplementedError

    @property
    def tiling(self):
        """Name to number of what one must know to cut images into tiles; none for no way."""
        return {}

    def _batches(self, x, batch_size, **options):
        """The batches that `fit` and `evaluate` learn from: dictionaries with `images`."""
        options = {"seed": self.seed, "replicas": device_count(self), **options}
        return ImageBatches(x, self.channels, batch_size, **options)

    def _compiled(self, method):
        """Returns a method or function compiled for inference, which is compiled only once."""
        # Bound methods are equal if their function and object are; functions by identity.
        if method not in self._compiled_methods:
            self._compiled_methods[method] = CompiledMethod(self, method)
        return self._compiled_methods[method]
