"""The convolutional autoencoder of images, with any bottleneck."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import keras
from keras import ops

from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.configs import with_parts
from umbed_keras.models.base.join_latents import join_latents
from umbed_keras.models.image_autoencoder.base_autoencoder import BaseAutoencoder
from umbed_keras.models.image_autoencoder.image_decoder import ImageDecoder
from umbed_keras.models.image_autoencoder.image_encoder import ImageEncoder
from umbed_keras.models.image_autoencoder.patch_transform import PatchTransform
from umbed_keras.ops.checks import check_integers
from umbed_keras.ops.latent_patches import from_patches, to_patches
from umbed_keras.typing import Tensor


@keras.saving.register_keras_serializable(package="umbed_keras")
class ImageAutoencoder(BaseAutoencoder):
    """Convolutional autoencoder that passes a map of latent vectors through a bottleneck.

    Encoder and decoder are those of LASER, after VQ-VAE (van den Oord, Vinyals & Kavukcuoglu
    2017): strided convolutions, residual blocks, transposed convolutions. They are added to a
    fixed linear transform of the image's patches, which `adapt` sets to their principal
    components. The networks start at zero, so that training begins at transform coding.

    The bottleneck may be any of `umbed_keras.layers`. `VQVAE`, `RVQVAE`, `DLVAE` and `FSQVAE` are
    this class with a bottleneck of their own.

    Images are uint8 (0..255) or floats in 0..1, `(batch, height, width, channels)`, of any height
    and width: they are extended by reflection to the next multiples of `stride`, and
    reconstructions are cropped again. Calling the model on images gives their reconstruction, a
    float32 tensor that is not clipped; `reconstruct` clips it to 0..1.

    Args:
        bottleneck: a `umbed_keras.layers.Bottleneck`. Its `latent_dim` is the size of a patch of
            the latent map: the channels of the map times `patch_size` squared.
        patch_size: int, side of the patches of the latent map that the bottleneck encodes as one
            vector.
        channels: int, channels of the images.
        filters: int, channels inside encoder and decoder.
        downsamplings: int, number of times that the resolution is halved.
        residual_blocks: int, number of residual blocks in each of encoder and decoder.
        residual_units: int, channels inside a residual block.
        mse_weight: float, weight of the mean squared error in the loss, on values in 0..1.
        l1_weight: float, weight of the mean absolute error.
        edge_weight: float, weight of the mean absolute error of the gradients (Sobel).
        lpips_weight: float, weight of LPIPS (AlexNet). It needs weights that are downloaded, see
            `umbed_keras.metrics.LPIPS`.
        seed: int, seed of the order of the data.
        **kwargs: `name`, `dtype` and `trainable` of `keras.Model`.

    Raises:
        ValueError: if a size is not an integer, or out of range.
        ValueError: if a weight of the loss is negative, or none is above 0.
        ValueError: if `bottleneck.latent_dim` is not a multiple of `patch_size` squared.

    Examples:
        >>> bottleneck = uk.layers.GaussianBottleneck(latent_dim=4)
        >>> model = uk.ImageAutoencoder(bottleneck, filters=4, residual_blocks=0)
        >>> images = np.random.default_rng(0).random((2, 9, 13, 3))
        >>> codes = model.encode(images)
        >>> codes["mean"].shape
        (2, 3, 4, 4)
        >>> model.decode(codes, size=(9, 13)).shape
        (2, 9, 13, 3)
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_limits: ClassVar[Mapping[str, int]] = {
        **BaseAutoencoder.preset_limits,
        "patch_size": 256,
        "filters": 1 << 20,
        "downsamplings": 16,
        "residual_blocks": 256,
        "residual_units": 1 << 20,
    }

    def __init__(
        self,
        bottleneck: Bottleneck,
        patch_size: int = 1,
        channels: int = 3,
        filters: int = 128,
        downsamplings: int = 2,
        residual_blocks: int = 2,
        residual_units: int = 64,
        mse_weight: float = 1.0,
        l1_weight: float = 0.0,
        edge_weight: float = 0.0,
        lpips_weight: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        check_integers(
            patch_size=(1, patch_size),
            filters=(1, filters),
            downsamplings=(1, downsamplings),
            residual_blocks=(0, residual_blocks),
            residual_units=(1, residual_units),
        )
        if bottleneck.latent_dim % patch_size**2:
            raise ValueError(
                "`bottleneck.latent_dim` must be a multiple of `patch_size`^2. Received: "
                f"latent_dim={bottleneck.latent_dim}, patch_size={patch_size}"
            )
        super().__init__(
            bottleneck,
            channels,
            seed,
            mse_weight=mse_weight,
            l1_weight=l1_weight,
            edge_weight=edge_weight,
            lpips_weight=lpips_weight,
            **kwargs,
        )
        self.patch_size = int(patch_size)
        self.filters = int(filters)
        self.downsamplings = int(downsamplings)
        self.residual_blocks = int(residual_blocks)
        self.residual_units = int(residual_units)
        blocks = {
            "residual_blocks": self.residual_blocks,
            "residual_units": self.residual_units,
            "dtype": self.dtype_policy,
        }
        self.encoder = ImageEncoder(
            bottleneck.input_dim // self.patch_size**2,
            self.filters,
            self.downsamplings,
            name="encoder",
            **blocks,
        )
        self.transform = PatchTransform(
            bottleneck.latent_dim,
            self.stride,
            self.channels,
            dtype="float32",
            name="transform",
        )
        self.decoder = ImageDecoder(
            self.channels, self.filters, self.downsamplings, name="decoder", **blocks
        )
        self.build((None, None, None, self.channels))

    @property
    def stride(self) -> int:
        """Pixels between the latent vectors that the bottleneck encodes, along each axis."""
        return self.patch_size * 2**self.downsamplings

    @property
    def latent_dim(self) -> int:
        """Channels of the latent map that the decoder takes."""
        return self.bottleneck.latent_dim // self.patch_size**2

    def _build_layers(self):
        self.transform.build()
        self.encoder.build((None, None, None, self.channels))
        self.decoder.build((None, None, None, self.latent_dim))
        for layer in (self.transform, self.encoder, self.decoder):
            layer.built = True
        # The encoder's channel c is the entries c * patch_size**2 and following of a patch.
        self.encoder.head.bias.assign(self.bottleneck.input_start[:: self.patch_size**2])

    def analysis(self, images: Tensor, training: bool = False) -> Tensor:
        """Maps images to the inputs of the bottleneck.

        Args:
            images: float32 tensor `(batch, height, width, channels)` in 0..1, with sizes that are
                multiples of `stride`.
            training: bool.

        Returns:
            float32 tensor `(batch, height / stride, width / stride, bottleneck.input_dim)`.
        """
        content = self.encoder(ops.cast(2 * images - 1, self.compute_dtype), training=training)
        content = to_patches(ops.cast(content, "float32"), self.patch_size)
        return join_latents(self.transform(images), content)

    def synthesis(self, latents: Tensor, training: bool = False) -> Tensor:
        """Maps the outputs of the bottleneck to images.

        Args:
            latents: tensor `(batch, rows, cols, bottleneck.latent_dim)`.
            training: bool.

        Returns:
            float32 tensor `(batch, stride * rows, stride * cols, channels)`, not clipped.
        """
        linear = self.transform.invert(ops.cast(latents, "float32"))
        latents = from_patches(ops.cast(latents, self.compute_dtype), self.patch_size)
        return linear + ops.cast(self.decoder(latents, training=training), "float32")

    def _blocks(self, images):
        return ops.space_to_depth(images, self.stride, "channels_last")

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "bottleneck": keras.saving.serialize_keras_object(self.bottleneck),
            "patch_size": self.patch_size,
            "filters": self.filters,
            "downsamplings": self.downsamplings,
            "residual_blocks": self.residual_blocks,
            "residual_units": self.residual_units,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Creates a model from the dictionary of `get_config`.

        Args:
            config: dictionary of arguments; `bottleneck` may be serialised.

        Returns:
            An instance of the class, with new weights.
        """
        return cls(**with_parts(config, "bottleneck"))
