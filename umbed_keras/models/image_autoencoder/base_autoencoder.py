"""The base class of image autoencoders."""

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.images.arrays import check_images, to_float
from umbed_keras.images.batches import ImageBatches
from umbed_keras.metrics.lpips_network import LPIPSNetwork
from umbed_keras.models.base.codes_check import check_codes
from umbed_keras.models.base.image_model import ImageModel
from umbed_keras.models.base.onnx_export import Graph
from umbed_keras.models.image_autoencoder.batched_map import batched_map
from umbed_keras.ops.checks import check_at_least
from umbed_keras.ops.reflect import reflect_to_multiples
from umbed_keras.ops.sobel_edges import sobel_edges
from umbed_keras.typing import ArrayLike, Codes, Shape, Tensor


class BaseAutoencoder(ImageModel):
    """Base class of autoencoders that encode an image as a map of latent vectors.

    A subclass implements `stride`, `analysis`, `synthesis`, `_blocks` and `_build_layers`, and has
    an attribute `transform`, the linear path, with `set_components`. Its constructor ends with
    `self.build((None, None, None, self.channels))`.

    Images of any height and width are extended by reflection to the next multiples of `stride`,
    and reconstructions are cropped again.

    Args:
        bottleneck: a `umbed_keras.layers.Bottleneck`.
        channels: int, channels of the images.
        seed: int, seed of the order of the data.
        mse_weight: float, weight of the mean squared error in the loss, on values in 0..1.
        l1_weight: float, weight of the mean absolute error.
        edge_weight: float, weight of the mean absolute error of the gradients (Sobel).
        lpips_weight: float, weight of LPIPS (AlexNet).
        **kwargs: `name`, `dtype` and `trainable` of `keras.Model`.

    Raises:
        ValueError: if a weight is negative, or none is above 0.
        ValueError: if `channels` or `seed` is not an integer, or out of range.

    Examples:
        >>> issubclass(uk.ImageAutoencoder, BaseAutoencoder)
        True
        >>> issubclass(uk.LappedAutoencoder, BaseAutoencoder)
        True
    """

    preset_limits: ClassVar[Mapping[str, int]] = {
        "channels": 1 << 20,
        "mse_weight": 1 << 20,
        "l1_weight": 1 << 20,
        "edge_weight": 1 << 20,
        "lpips_weight": 1 << 20,
    }

    usage = (
        "codes = model.encode(images)",
        "rebuilt = model.decode(codes)  # (batch, height, width, channels)",
    )

    def __init__(
        self,
        bottleneck: Bottleneck,
        channels: int,
        seed: int,
        mse_weight: float,
        l1_weight: float,
        edge_weight: float,
        lpips_weight: float,
        **kwargs: Any,
    ) -> None:
        weights = {
            "mse_weight": mse_weight,
            "l1_weight": l1_weight,
            "edge_weight": edge_weight,
            "lpips_weight": lpips_weight,
        }
        check_at_least(**{name: (0, weight) for name, weight in weights.items()})
        if not any(weights.values()):
            raise ValueError(f"One of {', '.join(weights)} must be above 0.")
        super().__init__(bottleneck, channels, seed, **kwargs)
        self.loss_weights = {name: float(weight) for name, weight in weights.items()}
        self.lpips_network = LPIPSNetwork() if lpips_weight else None

    @property
    def stride(self) -> int:
        """Pixels between the latent vectors that the bottleneck encodes, along each axis."""
        raise NotImplementedError(f"{type(self).__name__} must implement `stride`.")

    @property
    def latent_dim(self) -> int:
        """Channels of the latent map that the decoder takes."""
        return self.bottleneck.latent_dim

    def code_size(self, height: int, width: int) -> tuple[int, int]:
        """Returns the rows and columns of the map of codes of an image.

        Args:
            height: int, in pixels.
            width: int, in pixels.
        """
        return -(-height // self.stride), -(-width // self.stride)

    def build(self, input_shape: Shape) -> None:
        """Creates all weights."""
        if self.built:
            return
        self._build_layers()
        super().build(input_shape)

    def _build_layers(self) -> None:
        """Builds the layers of the subclass."""
        raise NotImplementedError(f"{type(self).__name__} must implement `_build_layers`.")

    # The graph.

    def analysis(self, images: Tensor, training: bool = False) -> Tensor:
        """Maps images to the inputs of the bottleneck.

        Args:
            images: float32 tensor `(batch, height, width, channels)` in 0..1, with sizes that are
                multiples of `stride`.
            training: bool.

        Returns:
            float32 tensor `(batch, height / stride, width / stride, bottleneck.input_dim)`.

        Raises:
            NotImplementedError: if the subclass does not implement it.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `analysis`.")

    def synthesis(self, latents: Tensor, training: bool = False) -> Tensor:
        """Maps the outputs of the bottleneck to images.

        Args:
            latents: tensor `(batch, rows, cols, bottleneck.latent_dim)`.
            training: bool.

        Returns:
            float32 tensor `(batch, stride * rows, stride * cols, channels)`, not clipped.

        Raises:
            NotImplementedError: if the subclass does not implement it.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `synthesis`.")

    def call_images(self, images: Tensor, training: bool) -> Tensor:
        """Computes the reconstruction of images.

        Args:
            images: float32 tensor `(batch, height, width, channels)` in 0..1.
            training: bool.

        Returns:
            float32 tensor `(batch, height, width, channels)`, not clipped.
        """
        return self._outputs(images, training)[1]

    def call_batch(self, batch: Mapping[str, Tensor], training: bool) -> dict[str, Any]:
        """Computes the outputs from which loss and metrics follow.

        Args:
            batch: dictionary of `images`, a float32 tensor `(batch, height, width, channels)` in
                0..1.
            training: bool.

        Returns:
            Dictionary of the images as `targets`; their reconstruction as `rebuilt`, not clipped;
            `error`, the sum of errors by the weights of the loss; and the bottleneck's `codes` and
            `loss`.
        """
        images = batch["images"]
        outputs, rebuilt = self._outputs(images, training)
        return {
            "targets": images,
            "rebuilt": rebuilt,
            "error": self._error(images, rebuilt),
            "codes": outputs["codes"],
            "loss": outputs["loss"],
        }

    def compute_output_spec(self, inputs: Any, training: bool = False) -> Any:
        """Returns the `keras.KerasTensor`s of what `call` returns.

        Args:
            inputs: as in `call`.
            training: bool.
        """
        if not isinstance(inputs, dict):
            return keras.KerasTensor(inputs.shape, "float32")
        return super().compute_output_spec(inputs, training=training)

    def bits_per_pixel(self, images: Tensor, outputs: dict[str, Any]) -> Tensor:
        """Returns the bits that a pixel's codes take.

        Latents of pixels that were added by reflection count too.

        Args:
            images: tensor `(batch, height, width, channels)`.
            outputs: dictionary that the bottleneck or `call_batch` gave for them.

        Returns:
            float32 scalar tensor, the mean over the pixels of the images.
        """
        _, height, width, _ = ops.shape(images)
        rows, cols = self.code_size(height, width)
        bits = super().bits_per_pixel(images, outputs)
        return bits * (ops.cast(rows * cols, "float32") / ops.cast(height * width, "float32"))

    def _outputs(self, images, training):
        """Returns the outputs of the bottleneck, and the reconstruction of images."""
        latents = self.analysis(self._padded(images), training)
        outputs = self.bottleneck(latents, training=training)
        _, height, width, _ = ops.shape(images)
        return outputs, self.synthesis(outputs["latents"], training)[:, :height, :width]

    def _padded(self, images):
        """Returns images reflected to the next multiples of `stride`."""
        return reflect_to_multiples(images, self.stride)

    def _error(self, images, rebuilt):
        """Returns the error of reconstruction, by the weights of the loss."""
        measures = {
            "mse_weight": lambda: ops.mean(ops.square(rebuilt - images)),
            "l1_weight": lambda: ops.mean(ops.abs(rebuilt - images)),
            "edge_weight": lambda: ops.mean(ops.abs(sobel_edges(rebuilt - images))),
            "lpips_weight": lambda: ops.mean(self.lpips_network(images, rebuilt)),
        }
        return sum(
            weight * measures[name]() for name, weight in self.loss_weights.items() if weight
        )

    # Learning.

    def _batches(self, x: Any, batch_size: int | None, **options: Any) -> ImageBatches:
        if "pixels_per_image" in options:
            raise TypeError("`pixels_per_image` is an option of `PixelEmbedder` alone.")
        return super()._batches(x, batch_size, **options)

    def _blocks(self, images: Tensor) -> Tensor:
        """Returns what the principal components are components of.

        Args:
            images: float32 tensor with sizes that are multiples of `stride`.

        Returns:
            float32 tensor `(batch, height / stride, width / stride, values)`.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `_blocks`.")

    def sample_for_start(
        self, images: Tensor, count: int, random: np.random.Generator
    ) -> np.ndarray:
        """Draws blocks of `stride` x `stride` pixels from one image.

        Args:
            images: float32 tensor `(1, height, width, channels)` in 0..1.
            count: int, number of blocks, drawn with replacement.
            random: generator to draw with.

        Returns:
            float32 array `(count, stride * stride * channels)`.
        """
        blocks = ops.convert_to_numpy(self._blocks(self._padded(images)))
        blocks = blocks.reshape(-1, blocks.shape[-1])
        return blocks[random.integers(len(blocks), size=count)]

    def set_linear_start(
        self,
        mean: np.ndarray,
        components: np.ndarray,
        deviations: np.ndarray,
        scale: np.ndarray,
    ) -> None:
        """Sets the linear path to principal components of blocks.

        Args:
            mean: float32 array `(values,)`.
            components: float32 array `(values, bottleneck.latent_dim)`.
            deviations: float32 array `(bottleneck.latent_dim,)`, unused.
            scale: float32 array `(bottleneck.latent_dim,)`.
        """
        self.transform.set_components(mean, components, scale)

    # Inference.

    def encode(self, images: ArrayLike, batch_size: int = 16) -> dict[str, np.ndarray]:
        """Encodes images.

        Args:
            images: array or tensor `(batch, height, width, channels)`, uint8 (0..255) or floats
                in 0..1.
            batch_size: int, images that are computed at once.

        Returns:
            Dictionary of NumPy arrays `(batch, rows, cols, ...)` with the bottleneck's codes: for
            most bottlenecks `indices`, int32, and of a dictionary also `coefficients`, float32.
            Rows and columns are height and width divided by `stride`, rounded up.

        Raises:
            TypeError: if `images` are neither uint8 nor floats.
            ValueError: if `images` have another shape, or values outside 0..1.
            ValueError: if `batch_size` is not an integer of at least 1.
        """
        images = check_images(images, self.channels)
        return batched_map(self._compiled(self._codes), images, batch_size)

    def decode(
        self, codes: Codes, size: tuple[int, int] | None = None, batch_size: int = 16
    ) -> np.ndarray:
        """Decodes images.

        Args:
            codes: dictionary of arrays as `encode` returns it.
            size: `(height, width)` of the images; None gives all pixels that the codes cover,
                whole multiples of `stride`.
            batch_size: int, images that are computed at once.

        Returns:
            NumPy float32 array `(batch, height, width, channels)` in 0..1.

        Raises:
            ValueError: if `codes` do not have the keys and shapes that `encode` gives, or hold
                indices out of range or numbers that are not finite.
            ValueError: if `size` is larger than what the codes cover, or not positive.
            ValueError: if `batch_size` is not an integer of at least 1.
        """
        codes = check_codes(codes, self.bottleneck)
        covered = [side * self.stride for side in next(iter(codes.values())).shape[1:3]]
        height, width = covered if size is None else size
        if not (0 < height <= covered[0] and 0 < width <= covered[1]):
            raise ValueError(
                f"`size` must be from (1, 1) to the {tuple(covered)} that the codes cover. "
                f"Received: {size}"
            )
        images = batched_map(self._compiled(self._decoded), codes, batch_size)
        return images[:, :height, :width]

    def reconstruct(self, images: ArrayLike, batch_size: int = 16) -> np.ndarray:
        """Encodes images and decodes them again: `decode(encode(images))` in their own size.

        Args:
            images: as in `encode`.
            batch_size: int, images that are computed at once.

        Returns:
            NumPy float32 array `(batch, height, width, channels)` in 0..1.

        Raises:
            TypeError: if `images` are neither uint8 nor floats.
            ValueError: if `images` have another shape, or values outside 0..1.
            ValueError: if `batch_size` is not an integer of at least 1.
        """
        images = check_images(images, self.channels)
        return batched_map(self._compiled(self._reconstructed), images, batch_size)

    @property
    def graphs(self) -> dict[str, Graph]:
        """Name to graph of what `export_onnx` writes."""
        images, codes = {"images": ((self.channels,), "float32")}, self.bottleneck.code_spec()
        return {
            "encode": Graph(images, tuple(codes), self._codes),
            "decode": Graph(codes, ("rebuilt",), lambda **codes: self._decoded(codes)),
            "reconstruct": Graph(images, ("rebuilt",), self._reconstructed),
        }

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "channels": self.channels,
            **self.loss_weights,
            "seed": self.seed,
        }

    def _decode(self, codes, size):
        return self.decode(codes, size=size)

    # Compiled on batches.

    def _codes(self, images):
        return self.bottleneck.encode(self.analysis(self._padded(to_float(images))))

    def _decoded(self, codes):
        return ops.clip(self.synthesis(self.bottleneck.decode(codes)), 0.0, 1.0)

    def _reconstructed(self, images):
        return ops.clip(self(images), 0.0, 1.0)
