"""A pixel classifier as one model, from images to probabilities."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from umbed_keras.configs import with_parts
from umbed_keras.models import PixelEmbedder
from umbed_keras.models.base.onnx_export import Graph
from umbed_keras.segmentation.export.class_mixture import ClassMixture
from umbed_keras.segmentation.export.smoothing_graph import smoothed
from umbed_keras.segmentation.smoothing import as_smoothing, smoothing_config, smoothing_from_config
from umbed_keras.typing import Tensor


@keras.saving.register_keras_serializable(package="umbed_keras")
class ExportedClassifier(keras.Model):
    """Computes what `PixelClassifier.predict_proba` does of images that have data everywhere.

    Args:
        embedder: `PixelEmbedder` that computes in float32.
        mixture: `ClassMixture` of the features.
        limits: pairs of floats that become 0 and 1, one, or one for each channel.
        channels: int, channels of the images.
        dtype_of_images: `"uint8"` or `"float32"`.
        guide: floats `(channels, at most 3)`, the matrix that reduces channels to the guide of the
            filter; None for images of one channel.
        smoothing: as in `PixelClassifier`.
        notes: further entries of the metadata of an exported file.
        **kwargs: further arguments of `keras.Model`.

    Call arguments:
        images: tensor `(batch, height, width, channels)`.

    A call returns a float32 tensor `(batch, height, width, classes)`.

    Examples:
        >>> embedder = uk.PixelEmbedder(latent_dim=4, widths=(4, 4), hidden_units=(4,))
        >>> from umbed_keras.segmentation.export.class_mixture import Part
        >>> mixture = ClassMixture(7, [Part(1.0, 0, keras.layers.Dense(2, "softmax"))])
        >>> model = ExportedClassifier(embedder, mixture, [(0, 255)], 1, "uint8", None, "guided")
        >>> tuple(model(np.zeros((1, 9, 12, 1), "uint8")).shape)
        (1, 9, 12, 2)
    """

    def __init__(
        self,
        embedder: PixelEmbedder,
        mixture: ClassMixture,
        limits: Sequence[tuple[float, float]],
        channels: int,
        dtype_of_images: str,
        guide: Sequence[Sequence[float]] | None,
        smoothing: Any,
        notes: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **{**kwargs, "dtype": "float32"})
        self.embedder, self.mixture = embedder, mixture
        self.limits = [(float(low), float(high)) for low, high in limits]
        self.channels = int(channels)
        self.dtype_of_images = dtype_of_images
        self.guide = guide
        self.smoothing = smoothing
        self.notes = dict(notes or {})
        self.origin = embedder.origin
        self.built = True

    def call(self, images: Tensor) -> Tensor:
        """Computes probabilities `(batch, height, width, classes)` of images."""
        values = self._scaled(images)
        features, guide = self._features(values), self._guide(values)
        shape = ops.shape(features)
        flat = self.mixture(ops.reshape(features, (-1, self.mixture.num_features)))
        probabilities = ops.reshape(flat, (*shape[:3], flat.shape[-1]))
        return smoothed(probabilities, guide, self.smoothing)

    @property
    def graphs(self) -> dict[str, Graph]:
        """Name to graph of what `export_onnx` writes."""
        images = {"images": ((self.channels,), self.dtype_of_images)}
        lows, highs = zip(*self.limits, strict=True)
        limits = min(lows), max(highs)
        size = self.embedder.graphs["embed"].traced_size
        graph = Graph(images, ("probabilities",), self.call, limits, self.notes, size)
        return {"predict_proba": graph}

    @property
    def tiling(self) -> dict[str, int]:
        """`stride` and `margin` in pixels by which an exported graph may be run on tiles.

        Empty if a probability may depend on the whole image.
        """
        tiling = self.embedder.tiling
        if not tiling or isinstance(self.smoothing, str):
            return {}
        stride = tiling["stride"]
        halo = -(-as_smoothing(self.smoothing).halo // stride) * stride
        return {"stride": stride, "margin": tiling["margin"] + halo}

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "embedder": keras.saving.serialize_keras_object(self.embedder),
            "mixture": keras.saving.serialize_keras_object(self.mixture),
            "limits": self.limits,
            "channels": self.channels,
            "dtype_of_images": self.dtype_of_images,
            "guide": self.guide,
            "smoothing": smoothing_config(self.smoothing),
            "notes": self.notes,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "ExportedClassifier":
        smoothing = smoothing_from_config(config["smoothing"])
        parts = with_parts(config, "embedder", "mixture")
        return cls(**{**parts, "smoothing": smoothing})

    def _scaled(self, images: Tensor) -> Tensor:
        low, high = np.array(self.limits, "float64").T
        values = ops.cast(images, "float32")
        if np.any(low != 0):
            values = values - ops.convert_to_tensor(low, "float32")
        return ops.clip(values / ops.convert_to_tensor(high - low, "float32"), 0, 1)

    def _features(self, values: Tensor) -> Tensor:
        """Returns channels and vectors side by side."""
        embed = self.embedder.graphs["embed"].run
        together, size = self.embedder.channels, self.embedder.latent_dim
        if self.mixture.num_features == together + size:
            values = self._repeated(values)
            return ops.concatenate([values, embed(values)], axis=-1)
        # Channels are embedded one by one, and their vectors stand one after the other.
        batch, height, width, count = ops.shape(values)
        each = ops.reshape(ops.moveaxis(values, -1, 1), (batch * count, height, width, 1))
        vectors = ops.reshape(embed(self._repeated(each)), (batch, count, height, width, size))
        vectors = ops.reshape(ops.moveaxis(vectors, 1, 3), (batch, height, width, count * size))
        return ops.concatenate([values, vectors], axis=-1)

    def _repeated(self, values: Tensor) -> Tensor:
        """Returns one channel as often as the embedder takes it."""
        if values.shape[-1] == self.embedder.channels:
            return values
        return ops.concatenate([values] * self.embedder.channels, axis=-1)

    def _guide(self, values: Tensor) -> Tensor:
        if self.guide is None:
            return math.sqrt(3) * values
        return ops.matmul(values, ops.convert_to_tensor(self.guide, "float32"))
