"""Autoencoders of images with a bottleneck between their convolutional halves."""

from typing import ClassVar

import keras
import numpy as np
from keras import ops

from umbed_keras.configs import with_parts
from umbed_keras.images.arrays import check_images, to_float
from umbed_keras.metrics.lpips_network import LPIPSNetwork
from umbed_keras.models.base.codes_check import check_codes
from umbed_keras.models.base.image_model import ImageModel
from umbed_keras.models.base.join_latents import join_latents
from umbed_keras.models.base.onnx_export import Graph
from umbed_keras.models.image_autoencoder.image_decoder import ImageDecoder
from umbed_keras.models.image_autoencoder.image_encoder import ImageEncoder
from umbed_keras.models.image_autoencoder.patch_transform import PatchTransform
from umbed_keras.ops.checks import check_at_least, check_integers
from umbed_keras.ops.latent_patches import from_patches, to_patches
from umbed_keras.ops.reflect import reflect_to_multiples
from umbed_keras.ops.sobel_edges import sobel_edges


@keras.saving.register_keras_serializable(package="umbed_keras")
class ImageAutoencoder(ImageModel):
    """Codes images as a map of latent vectors that pass a bottleneck.

    Encoder and decoder are those of LASER (after VQ-VAE, van den Oord, Vinyals & Kavukcuoglu
    2017): strided convolutions, residual blocks, transposed convolutions. Beside them lies a
    fixed linear transform of the image's patches, which `adapt` sets to their principal
    components; the networks add nothing at first, so that training begins at transform coding.
    The bottleneck is any of `umbed_keras.layers`; `VQVAE`, `RVQVAE` and `DLVAE` are this class
    with theirs.

    Images are uint8 (0..255) or floats in 0..1, `(batch, height, width, channels)`, of any height
    and width: they are reflected to the next multiple of `stride` and cut again.

    Args:
        bottleneck: a `umbed_keras.layers.Bottleneck`, whose `latent_dim` is that of a patch of
            the latent map, `latent_dim * patch_size^2`.
        patch_size: int, side of the patches of the latent map that the bottleneck codes as one
            vector.
        channels: int, channels of the images.
        filters: int, channels inside encoder and decoder.
        downsamplings: int, times that the resolution is halved.
        residual_blocks: int, of encoder and decoder each.
        residual_units: int, channels inside a residual block.
        mse_weight, l1_weight: floats, weights of the mean squared and absolute error in the loss,
            on values in 0..1.
        edge_weight: float, weight of the mean absolute error of the image's gradients (Sobel).
        lpips_weight: float, weight of LPIPS (AlexNet); needs its weights, see
            `umbed_keras.metrics.LPIPS`.
        seed: int, of the order of the data.

    Call it on images for their reconstruction `(batch, height, width, channels)`, or use
    `reconstruct`, which clips it to 0..1.
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_limits: ClassVar = {
        "patch_size": 256,
        "channels": 1 << 20,
        "filters": 1 << 20,
        "downsamplings": 16,
        "residual_blocks": 256,
        "residual_units": 1 << 20,
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
        bottleneck,
        patch_size=1,
        channels=3,
        filters=128,
        downsamplings=2,
        residual_blocks=2,
        residual_units=64,
        mse_weight=1.0,
        l1_weight=0.0,
        edge_weight=0.0,
        lpips_weight=0.0,
        seed=0,
        **kwargs,
    ):
        weights = {
            "mse_weight": mse_weight,
            "l1_weight": l1_weight,
            "edge_weight": edge_weight,
            "lpips_weight": lpips_weight,
        }
        check_integers(
            patch_size=(1, patch_size),
            filters=(1, filters),
            downsamplings=(1, downsamplings),
            residual_blocks=(0, residual_blocks),
            residual_units=(1, residual_units),
        )
        check_at_least(**{name: (0, weight) for name, weight in weights.items()})
        if not any(weights.values()):
            raise ValueError(f"One of {', '.join(weights)} must be above 0.")
        if bottleneck.latent_dim % patch_size**2:
            raise ValueError(
                "`bottleneck.latent_dim` must be a multiple of `patch_size`^2. Received: "
                f"latent_dim={bottleneck.latent_dim}, patch_size={patch_size}"
            )
        super().__init__(bottleneck, channels, seed, **kwargs)
        self.patch_size = int(patch_size)
        self.filters = int(filters)
        self.downsamplings = int(downsamplings)
        self.residual_blocks = int(residual_blocks)
        self.residual_units = int(residual_units)
        self.loss_weights = {name: float(weight) for name, weight in weights.items()}
        self.lpips_network = LPIPSNetwork() if lpips_weight else None
        self._make_networks()
        self.build((None, None, None, self.channels))

    @property
    def stride(self):
        """Pixels between the latent vectors that the bottleneck codes."""
        return self.patch_size * 2**self.downsamplings

    @property
    def latent_dim(self):
        """Channels of the latent map that the decoder takes."""
        return self.bottleneck.latent_dim // self.patch_size**2

    def code_size(self, height, width):
        return -(-height // self.stride), -(-width // self.stride)

    def build(self, input_shape):
        if self.built:
            return
        self._build_networks()
        super().build(input_shape)

    def _make_networks(self):
        """The linear path, and encoder and decoder beside it."""
        inside = {
            "residual_blocks": self.residual_blocks,
            "residual_units": self.residual_units,
            "dtype": self.dtype_policy,
        }
        self.encoder = ImageEncoder(
            self.bottleneck.input_dim // self.patch_size**2,
            self.filters,
            self.downsamplings,
            name="encoder",
            **inside,
        )
        self.transform = PatchTransform(
            self.bottleneck.latent_dim,
            self.stride,
            self.channels,
            dtype="float32",
            name="transform",
        )
        self.decoder = ImageDecoder(
            self.channels, self.filters, self.downsamplings, name="decoder", **inside
        )

    def _build_networks(self):
        self.transform.build()
        self.encoder.build((None, None, None, self.channels))
        self.decoder.build((None, None, None, self.latent_dim))
        for layer in (self.transform, self.encoder, self.decoder):
            layer.built = True
        # All places of a patch have the bias of their channel.
        self.encoder.head.bias.assign(self.bottleneck.input_start[:: self.patch_size**2])

    # Graph: what runs on tensors.

    def call_images(self, images, training):
        outputs = self.bottleneck(self._latents(images, training), training=training)
        return self._cut(self._rebuilt(outputs["latents"], training), images)

    def call_batch(self, batch, training):
        images = batch["images"]
        outputs = self.bottleneck(self._latents(images, training), training=training)
        rebuilt = self._cut(self._rebuilt(outputs["latents"], training), images)
        return {
            "targets": images,
            "rebuilt": rebuilt,
            "error": self._error(images, rebuilt),
            "codes": outputs["codes"],
            "loss": outputs["loss"],
        }

    def compute_output_spec(self, inputs, training=False):
        if not isinstance(inputs, dict):
            return keras.KerasTensor(inputs.shape, "float32")
        return super().compute_output_spec(inputs, training=training)

    def bits_per_pixel(self, images, outputs):
        # The latents of what reflection adds cost bits, too.
        _, height, width, _ = ops.shape(images)
        rows, cols = self.code_size(height, width)
        bits = super().bits_per_pixel(images, outputs)
        return bits * (ops.cast(rows * cols, "float32") / ops.cast(height * width, "float32"))

    def _fitted(self, images):
        """Images reflected to the next multiple of `stride`."""
        return reflect_to_multiples(images, self.stride)

    def _latents(self, images, training=False):
        """The bottleneck's inputs `(batch, height / stride, width / stride, input_dim)`."""
        fitted = self._fitted(images)
        content = self.encoder(ops.cast(2 * fitted - 1, self.compute_dtype), training=training)
        content = to_patches(ops.cast(content, "float32"), self.patch_size)
        return join_latents(self.transform(fitted), content)

    def _rebuilt(self, latents, training=False):
        """Images, float32, from what the bottleneck hands on."""
        linear = self.transform.invert(ops.cast(latents, "float32"))
        latents = from_patches(ops.cast(latents, self.compute_dtype), self.patch_size)
        return linear + ops.cast(self.decoder(latents, training=training), "float32")

    @staticmethod
    def _cut(rebuilt, images):
        _, height, width, _ = ops.shape(images)
        return rebuilt[:, :height, :width]

    def _error(self, images, rebuilt):
        """The mean error of reconstruction, by the loss's weights."""
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

    def _batches(self, x, batch_size, **options):
        if "pixels_per_image" in options:
            raise TypeError("`pixels_per_image` is an option of `PixelEmbedder` alone.")
        return super()._batches(x, batch_size, **options)

    def sample_for_start(self, images, count, random):
        """Random patches of one image, `(count, values)` float32."""
        grid = ops.space_to_depth(self._fitted(images), self.stride, "channels_last")
        patches = ops.convert_to_numpy(grid).reshape(-1, self.transform.values)
        return patches[random.integers(len(patches), size=count)]

    def set_linear_start(self, mean, components, deviations, scale):
        self.transform.set_components(mean, components, scale)

    # Using what was learned.

    def encode(self, images, batch_size=16):
        """The codes of images.

        Args:
            images: uint8 or floats in 0..1, `(batch, height, width, channels)`.
            batch_size: int, images at once.

        Returns:
            Dictionary of NumPy arrays that begin with `(batch, latent height, latent width)`,
            sizes rounded up by `stride`; which ones is the bottleneck's affair: `indices` int32,
            and `coefficients` float32 where there are any.

        Raises:
            TypeError, ValueError: `images` or `batch_size` not as described.
        """
        return self._in_batches(self._codes, check_images(images, self.channels), batch_size)

    def decode(self, codes, size=None, batch_size=16):
        """Images from codes.

        Args:
            codes: what `encode` gives: integers in 0..K-1 as indices, finite numbers elsewhere.
            size: `(height, width)` of the images; None gives all that the codes cover, whole
                multiples of `stride`.
            batch_size: int, images at once.

        Returns:
            NumPy float32 array `(batch, height, width, channels)` in 0..1.

        Raises:
            ValueError: arguments not as described.
        """
        codes = check_codes(codes, self.bottleneck)
        covered = [side * self.stride for side in next(iter(codes.values())).shape[1:3]]
        height, width = covered if size is None else size
        if not (0 < height <= covered[0] and 0 < width <= covered[1]):
            raise ValueError(
                f"`size` must be from (1, 1) to the {tuple(covered)} that the codes cover. "
                f"Received: {size}"
            )
        return self._in_batches(self._decoded, codes, batch_size)[:, :height, :width]

    def reconstruct(self, images, batch_size=16):
        """The images as the codes know them: `decode(encode(images))` in their own size.

        Args:
            images, batch_size: as in `encode`.

        Returns:
            NumPy float32 array `(batch, height, width, channels)` in 0..1.
        """
        return self._in_batches(
            self._reconstructed, check_images(images, self.channels), batch_size
        )

    @property
    def graphs(self):
        images, codes = {"images": ((self.channels,), "float32")}, self.bottleneck.code_spec()
        return {
            "encode": Graph(images, tuple(codes), self._codes),
            "decode": Graph(codes, ("rebuilt",), lambda **codes: self._decoded(codes)),
            "reconstruct": Graph(images, ("rebuilt",), self._reconstructed),
        }

    def get_config(self):
        return {
            **super().get_config(),
            "bottleneck": keras.saving.serialize_keras_object(self.bottleneck),
            "patch_size": self.patch_size,
            "channels": self.channels,
            "filters": self.filters,
            "downsamplings": self.downsamplings,
            "residual_blocks": self.residual_blocks,
            "residual_units": self.residual_units,
            **self.loss_weights,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**with_parts(config, "bottleneck"))

    def _decode(self, codes, size):
        return self.decode(codes, size=size)

    # What runs compiled on batches.

    def _codes(self, images):
        return self.bottleneck.encode(self._latents(to_float(images)))

    def _decoded(self, codes):
        return ops.clip(self._rebuilt(self.bottleneck.decode(codes)), 0.0, 1.0)

    def _reconstructed(self, images):
        return ops.clip(self(images), 0.0, 1.0)

    def _in_batches(self, method, arrays, batch_size):
        """Runs a method over an array, or a dictionary of them, some images at a time."""
        check_integers(batch_size=(1, batch_size))
        count = len(keras.tree.flatten(arrays)[0])
        if not count:
            # Not every backend convolves an empty batch: one image tells the outputs' shapes.
            one = keras.tree.map_structure(
                lambda part: np.zeros((1, *part.shape[1:]), part.dtype), arrays
            )
            outputs = self._in_batches(method, one, 1)
            return keras.tree.map_structure(lambda part: part[:0], outputs)
        method, batch_size = self._compiled(method), int(batch_size)
        parts = []
        for start in range(0, count, batch_size):
            batch = keras.tree.map_structure(
                lambda part, place=slice(start, start + batch_size): part[place], arrays
            )
            parts.append(keras.tree.map_structure(ops.convert_to_numpy, method(batch)))
        return keras.tree.map_structure(lambda *pieces: np.concatenate(pieces), *parts)
