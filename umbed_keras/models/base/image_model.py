"""The base class of all models."""

import os
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from keras import backend

from umbed_keras.backend.compiled import CompiledMethod
from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.files import written_whole
from umbed_keras.images.arrays import check_shape, to_float
from umbed_keras.metrics import CodeUsage
from umbed_keras.models.base.batch_steps import BatchStepsMixin
from umbed_keras.models.base.compression import CompressionMixin
from umbed_keras.models.base.fitting import FittingMixin
from umbed_keras.models.base.linear_start import LinearStartMixin
from umbed_keras.models.base.onnx_export import Graph, export_onnx
from umbed_keras.ops.checks import check_integers
from umbed_keras.typing import PathLike, Shape, Tensor
from umbed_keras.zoo.preset_mixin import PresetMixin
from umbed_keras.zoo.weights import check_finite


class ImageModel(  # pyright: ignore[reportIncompatibleVariableOverride]
    FittingMixin, BatchStepsMixin, LinearStartMixin, CompressionMixin, PresetMixin, keras.Model
):
    """Base class of models that encode images through a bottleneck and decode them again.

    A subclass implements `call_images` and `call_batch`, the hooks of `LinearStartMixin`,
    `latent_dim`, `encode`, `decode`, `graphs` and `get_config`.

    Args:
        bottleneck: a `umbed_keras.layers.Bottleneck`.
        channels: int, channels of the images.
        seed: int, seed of the order of the data and of what is sampled.
        **kwargs: `name`, `dtype` and `trainable` of `keras.Model`.

    Raises:
        ValueError: if `channels` or `seed` is not an integer, or out of range.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=4, latent_dim=2, filters=4, residual_units=2)
        >>> isinstance(model, ImageModel)
        True
        >>> model
        VQVAE(latent_dim=2, bottleneck=VectorQuantizer(num_embeddings=4, latent_dim=2))
    """

    # What training reports beside the loss, by the names that `_measures` gives.
    reported = ("reconstruction", "bottleneck_loss", "bits_per_pixel")

    def __init__(self, bottleneck: Bottleneck, channels: int, seed: int, **kwargs: Any) -> None:
        check_integers(channels=(1, channels), seed=(0, seed))
        # Images are float32 whatever the dtype policy, so that the layers cast them themselves.
        super().__init__(autocast=False, **kwargs)  # pyright: ignore[reportCallIssue]
        if bottleneck.returns_latents:
            raise ValueError("Models of images need a bottleneck with `output='all'`.")
        self.bottleneck = bottleneck
        self.channels = int(channels)
        self.seed = int(seed)
        self.trackers = [keras.metrics.Mean(name=name) for name in self.reported]
        if bottleneck.num_entries:
            self.code_usage = CodeUsage(bottleneck.num_entries)
        # In an object, because Keras tracks dictionaries, and PyTorch's exporter sorts their keys.
        self._compiled_methods = SimpleNamespace(by_method={})

    def build(self, input_shape: Shape) -> None:
        """Creates the weights of the bottleneck and the flag of `adapted_already`."""
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

    def call(self, inputs: Tensor | Mapping[str, Tensor], training: bool = False) -> Any:
        """Computes the model's output for images, or the outputs that training needs.

        Args:
            inputs: images `(batch, height, width, channels)`, uint8 or floats in 0..1; or a
                dictionary with such `images` and the other inputs of `call_batch`.
            training: bool.

        Returns:
            For images the result of `call_images`, for a dictionary that of `call_batch`.

        Raises:
            TypeError: if the images are neither uint8 nor floats.
            ValueError: if the images have another shape.
        """
        batch = inputs if isinstance(inputs, dict) else {"images": inputs}
        check_shape(batch["images"].shape, self.channels)
        batch = {**batch, "images": to_float(batch["images"])}
        if not isinstance(inputs, dict):
            return self.call_images(batch["images"], training)
        if training and self._processes is not None:
            return self._processes(batch)
        return self.call_batch(batch, training)

    def call_images(self, images: Tensor, training: bool) -> Tensor:
        """Computes the model's output for images.

        Args:
            images: float32 tensor `(batch, height, width, channels)` in 0..1.
            training: bool.

        Returns:
            Tensor, batch first.

        Raises:
            NotImplementedError: if the subclass does not implement it.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `call_images`.")

    def call_batch(self, batch: Mapping[str, Tensor], training: bool) -> dict[str, Any]:
        """Computes the outputs from which loss and metrics follow.

        Args:
            batch: dictionary of `images`, a float32 tensor `(batch, height, width, channels)` in
                0..1, and of what else the model's batches have.
            training: bool.

        Returns:
            Dictionary of at least `targets`, what is to be reconstructed; `rebuilt`, the
            reconstruction, of the same shape; `error`, the float32 scalar that measures their
            difference in the loss; and the bottleneck's `codes` and `loss`.

        Raises:
            NotImplementedError: if the subclass does not implement it.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `call_batch`.")

    def bits_per_pixel(self, images: Tensor, outputs: dict[str, Any]) -> Tensor:
        """Returns the bits that a pixel's codes take.

        Args:
            images: tensor `(batch, height, width, channels)`.
            outputs: dictionary that the bottleneck or `call_batch` gave for them.

        Returns:
            float32 scalar tensor, the mean over all pixels.
        """
        return self.bottleneck.spent_bits(outputs)

    def export_onnx(self, path: PathLike, what: str) -> None:
        """Writes one of the model's methods to an ONNX file, which runs without Keras.

        The exporter is PyTorch's. On other backends it runs in a separate process.

        The exported graph takes any batch, height and width, and computes a whole image at once.
        If that takes too much memory, the graph `"embed"` of a `PixelEmbedder` can be run on
        tiles: they begin at multiples of the metadata entry `stride` and are extended by `margin`
        pixels on each side, see `examples/onnx_embed.py`.

        Its input is `images`, float32 in 0..1, `(batch, height, width, channels)`, or the codes
        under the names that `encode` gives them. Metadata entries are `class`, `what`,
        `preprocessing`, and, of a model that was loaded from a preset, `preset` and `license`.

        Args:
            path: path of the file, which is replaced as a whole or not at all.
            what: `"encode"`, `"decode"`, `"reconstruct"`, or of a `PixelEmbedder` `"embed"`.

        Raises:
            ValueError: if the model has no graph of the name `what`, or the folder of `path` does
                not exist.
            ImportError: if torch, onnx or onnxscript is not installed.
            RuntimeError: if the separate process fails.
            RuntimeError: if ONNX Runtime, where it is installed, does not run the file, or
                computes other numbers than the model. An old file at `path` stays.
        """
        export_onnx(self, path, what)

    def save(
        self, filepath: PathLike, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
    ) -> None:
        """Writes the model to a `.keras` file, see `keras.Model.save`.

        An old file is replaced as a whole, once the new one is complete.

        Args:
            filepath, overwrite, zipped: as in `keras.Model.save`.
            **kwargs: as there.

        Raises:
            ValueError: if a weight is NaN or infinite, as after a training that diverged.
        """
        check_finite(self, self)
        name = str(filepath)
        asks = not overwrite and os.path.exists(name)
        if asks or zipped is False or not name.endswith(".keras") or "://" in name:
            super().save(filepath, overwrite=overwrite, zipped=zipped, **kwargs)
            return
        with written_whole(filepath, suffix=".keras") as new:
            super().save(new, **kwargs)

    def quantize(self, mode: Any = None, *args: Any, **kwargs: Any) -> None:
        """Refuses to quantise weights: these models compute with their weights as they are.

        Raises:
            NotImplementedError: always, before anything is changed.
        """
        raise NotImplementedError(
            f"{type(self).__name__} can't be quantized. Half the bytes on disk take "
            "`save_to_preset(folder, weights_dtype='float16')`, and half the memory dtype="
            f"'bfloat16' of `from_preset`. Received: mode={mode!r}"
        )

    def export(
        self,
        filepath: PathLike,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        **options: Any,
    ) -> None:
        """Writes the model as it is called on images by `keras.Model.export`, on TensorFlow.

        The SavedModel or LiteRT file takes any batch, height and width. For a bottleneck that has
        indices LiteRT needs its Flex delegate. On every backend `export_onnx` writes ONNX files.

        Args:
            filepath: path of the folder or file to write.
            format: `"tf_saved_model"` or `"litert"`.
            verbose: as in `keras.Model.export`.
            **options: as in `keras.Model.export`.

        Raises:
            ValueError: if the format is another, or the backend is not TensorFlow.
        """
        if backend.backend() != "tensorflow" or format not in ("tf_saved_model", "litert"):
            raise ValueError(
                "`export` writes the formats 'tf_saved_model' and 'litert' on the TensorFlow "
                "backend alone: save the model by `save_to_preset`, and load it with "
                "KERAS_BACKEND=tensorflow. ONNX is what `export_onnx` writes, on every backend. "
                f"Received: format={format!r} on the backend {backend.backend()!r}"
            )
        # Keras exports only models that have been called.
        self(np.zeros((1, 1, 1, self.channels), "float32"))
        super().export(filepath, format=format, verbose=verbose, **options)

    @property
    def graphs(self) -> dict[str, Graph]:
        """Name to `umbed_keras.models.base.onnx_export.Graph` of what can be exported."""
        raise NotImplementedError(f"{type(self).__name__} must implement `graphs`.")

    @property
    def tiling(self) -> dict[str, int]:
        """Metadata for running an exported graph on tiles. Empty if tiles would differ."""
        return {}

    def __repr__(self) -> str:
        fields = {name: getattr(self, name, None) for name in ("latent_dim", "bottleneck")}
        backbone = getattr(self, "backbone", None)
        texts = {name: repr(value) for name, value in fields.items() if value is not None}
        if backbone is not None:
            texts["backbone"] = type(backbone).__name__
        if "preset" in self.origin:
            texts["preset"] = repr(self.origin["preset"])
        arguments = ", ".join(f"{name}={text}" for name, text in texts.items())
        return f"{type(self).__name__}({arguments})"

    def _compiled(self, method: Callable[..., Any]) -> CompiledMethod:
        """Returns a method or function compiled for inference, which is compiled only once."""
        # Bound methods are equal if their function and object are; functions by identity.
        compiled = self._compiled_methods.by_method
        if method not in compiled:
            compiled[method] = CompiledMethod(self, method)
        return compiled[method]
