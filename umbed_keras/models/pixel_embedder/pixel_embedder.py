"""The pixel embedder: a small vector for every pixel."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import keras
import numpy as np
from keras import ops

from umbed_keras.backbones.backbone import Backbone
from umbed_keras.backend.devices import share_of_loss
from umbed_keras.backend.gradients import unrecorded
from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.bottlenecks.gaussian_bottleneck import GaussianBottleneck
from umbed_keras.configs import with_parts
from umbed_keras.models.base.image_model import ImageModel
from umbed_keras.models.base.join_latents import join_latents
from umbed_keras.models.pixel_embedder.backbone_weights import BackboneWeightsMixin
from umbed_keras.models.pixel_embedder.exported_graphs import ExportedGraphsMixin
from umbed_keras.models.pixel_embedder.feature_projection import FeatureProjection
from umbed_keras.models.pixel_embedder.guided_features import follow_edges
from umbed_keras.models.pixel_embedder.kept_features import KeptFeaturesMixin
from umbed_keras.models.pixel_embedder.patch_decoder import PatchDecoder
from umbed_keras.models.pixel_embedder.pyramid_projection import PyramidProjection
from umbed_keras.models.pixel_embedder.pyramid_start import PyramidStartMixin
from umbed_keras.models.pixel_embedder.reconstruction import ReconstructionMixin
from umbed_keras.models.pixel_embedder.tiled_embedding import TiledEmbeddingMixin
from umbed_keras.models.pixel_embedder.unet import UNet
from umbed_keras.ops.checks import check_integers
from umbed_keras.ops.patch_pyramid import (
    check_geometry,
    pad_for_pyramid,
    patch_pyramid,
    pyramid_radius,
)
from umbed_keras.ops.reflect import reflect_to_multiples
from umbed_keras.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="umbed_keras")
class PixelEmbedder(
    BackboneWeightsMixin,
    TiledEmbeddingMixin,
    ReconstructionMixin,
    PyramidStartMixin,
    KeptFeaturesMixin,
    ExportedGraphsMixin,
    ImageModel,
):
    """Computes a small vector for every pixel that describes its neighbourhood at several scales.

    A pixel's neighbourhood is its patch pyramid: square windows around it, each twice as wide as
    the one before, all reduced to `patch_size` x `patch_size` values
    (`umbed_keras.ops.patch_pyramid`). The model is an autoencoder of these pyramids. The encoder
    adds a linear map of the pyramid and a U-Net over the image, the bottleneck compresses the
    sum, and the decoder, a linear map plus a perceptron, rebuilds the pyramid. The vector of a
    pixel is what the decoder receives. `adapt`, which `fit` calls, starts the linear maps at the
    principal components of the pyramids; the networks add nothing at first, so that training
    starts where PCA ends.

    With a `backbone`, a frozen pretrained network, a vector also describes the features of that
    network at its pixel: the encoder adds a linear map of the bilinearly enlarged features, and
    the decoder rebuilds their principal components as well, whose error joins the loss. With
    `features_only` the encoder is that linear map of features alone: such vectors know more about
    what an image shows, take less time, and rebuild the pyramids less exactly.

    Args:
        latent_dim: int, size of the vectors.
        patch_size: even int, side of the patches in a pyramid.
        pyramid_levels: int. Level l sees a window of `patch_size * 2**l` pixels.
        bottleneck: `umbed_keras.layers.Bottleneck` with the same `latent_dim`. None is
            `GaussianBottleneck(latent_dim)`.
        channels: int, channels of the images.
        widths: ints, channels of the U-Net at 1/2, 1/4, 1/8, ... of the resolution.
        hidden_units: ints, widths of the decoder's hidden layers.
        pixels_per_image: int, number of pixels that a training step samples from each image.
        seed: int, for the order of the data and the sampled pixels.
        backbone: `umbed_keras.backbones.Backbone` for images of these `channels`, such as
            `EfficientNetLite0`, `ModelBackbone` or `VisionTransformerBackbone`, or one of them in
            a `MultiScaleBackbone`. None describes pyramids only. If its `reach` is None, the
            vectors of an image depend on the tiles in which it is embedded.
        feature_weight: float, weight of the error of the features in the loss.
        feature_components: int, number of principal components of the features that the decoder
            rebuilds.
        features_only: bool, True makes the encoder a linear map of the backbone's features, without
            a map of the pyramid and without U-Net.
        guided_features: bool, True smooths enlarged features by a filter that the image guides, so
            that they change where the image does: vectors of a coarse backbone follow edges. It
            concerns the vectors of whole images and tiles; training samples pixels without it.
        **kwargs: `name`, `dtype` and further arguments of `keras.Model`.

    Call arguments:
        inputs: tensor `(batch, height, width, channels)`, uint8 (0..255) or floats in 0..1, of
            any height and width.

    A call returns a tensor `(batch, height, width, latent_dim)`. `embed` returns the same as a
    NumPy array and computes large images tile by tile.

    `fit` and `evaluate` report `reconstruction`, `bottleneck_loss`, `bits_per_pixel` and, with a
    backbone, `feature_error`: the share of the variance of the features' components that is not
    rebuilt.

    Raises:
        TypeError: if `backbone` is not a `Backbone`.
        ValueError: if a size is not a positive integer, or `patch_size` is odd.
        ValueError: if `feature_weight` is not positive and finite.
        ValueError: if `bottleneck` has another `latent_dim`.
        ValueError: if `backbone` takes images of other `channels`.
        ValueError: if `features_only` or `guided_features` is True without a `backbone`.

    Examples:
        Training on a batch of images:

        >>> images = np.random.default_rng(0).integers(0, 256, (2, 16, 24, 3), dtype="uint8")
        >>> model = uk.PixelEmbedder(latent_dim=8, patch_size=4, pyramid_levels=2, widths=(8,))
        >>> model.compile(optimizer="adam")
        >>> history = model.fit(images, epochs=1, verbose=0)
        >>> vectors = model.embed(images)
        >>> vectors.shape, vectors.dtype.name
        ((2, 16, 24, 8), 'float32')

        A preset, whose vectors are entries of a codebook of 256:

        >>> model = uk.PixelEmbedder.from_preset("natural_vq_k256")
        >>> model.embed(images).shape
        (2, 16, 24, 16)
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_sizes = ("latent_dim", "patch_size", "patch_size")
    preset_limits: ClassVar = {
        "patch_size": 256,
        "pyramid_levels": 16,
        "channels": 1 << 20,
        "widths": 1 << 20,
        "hidden_units": 1 << 20,
        "pixels_per_image": 1 << 20,
        "feature_weight": 1 << 20,
        "feature_components": 1 << 20,
    }

    usage = ("vectors = model.embed(images)  # (batch, height, width, latent_dim)",)

    def __init__(
        self,
        latent_dim: int = 16,
        patch_size: int = 8,
        pyramid_levels: int = 3,
        bottleneck: Bottleneck | None = None,
        channels: int = 3,
        widths: Sequence[int] = (32, 64, 128),
        hidden_units: Sequence[int] = (128, 128),
        pixels_per_image: int = 512,
        seed: int = 0,
        backbone: Backbone | None = None,
        feature_weight: float = 0.02,
        feature_components: int = 64,
        features_only: bool = False,
        guided_features: bool = False,
        **kwargs: Any,
    ):
        check_geometry(patch_size, pyramid_levels)
        check_integers(
            latent_dim=(1, latent_dim),
            pixels_per_image=(1, pixels_per_image),
            feature_components=(1, feature_components),
        )
        if not 0 < feature_weight < math.inf:
            raise ValueError(f"`feature_weight` must be above 0. Received: {feature_weight}")
        for name, sizes in (("widths", widths), ("hidden_units", hidden_units)):
            if not tuple(sizes) or min(sizes) < 1:
                raise ValueError(f"`{name}` must be integers >= 1, one or more. Received: {sizes}")
        bottleneck = bottleneck or GaussianBottleneck(latent_dim, seed=seed)
        if bottleneck.latent_dim != latent_dim:
            raise ValueError(
                "`bottleneck` must have the model's `latent_dim`. Received: "
                f"latent_dim={latent_dim}, bottleneck.latent_dim={bottleneck.latent_dim}"
            )
        if backbone is not None:
            _check_backbone(backbone, channels)
        elif features_only:
            raise ValueError("`features_only=True` needs a `backbone`. Received: backbone=None")
        elif guided_features:
            raise ValueError("`guided_features=True` needs a `backbone`. Received: backbone=None")
        super().__init__(bottleneck, channels, seed, **kwargs)
        self.latent_dim = int(latent_dim)
        self.patch_size = int(patch_size)
        self.pyramid_levels = int(pyramid_levels)
        self.widths = tuple(widths)
        self.hidden_units = tuple(hidden_units)
        self.pixels_per_image = int(pixels_per_image)
        dtype = self.dtype_policy
        self.features_only = bool(features_only)
        self.guided_features = bool(guided_features)
        self.projection = self.unet = None
        if not self.features_only:
            self.projection = PyramidProjection(
                self.latent_dim,
                self.patch_size,
                self.pyramid_levels,
                self.channels,
                dtype=dtype,
                name="projection",
            )
            self.unet = UNet(bottleneck.input_dim, self.widths, dtype=dtype, name="unet")
        patch_shape = (self.pyramid_levels, self.patch_size, self.patch_size, self.channels)
        features = feature_components if backbone else 0
        self.decoder = PatchDecoder(
            patch_shape, self.hidden_units, features, dtype=dtype, name="decoder"
        )
        self.backbone = backbone
        self.feature_weight = float(feature_weight)
        self.feature_components = int(feature_components)
        if backbone is not None:
            self.features = FeatureProjection(
                bottleneck.input_dim if self.features_only else self.latent_dim,
                self.feature_components,
                backbone.strides,
                backbone.channels,
                use_bias=self.features_only,
                dtype=dtype,
                name="features",
            )
            self.trackers.append(keras.metrics.Mean(name="feature_error"))
        self.build((None, None, None, self.channels))

    def build(self, input_shape: Shape) -> None:
        if self.built:
            return
        parts = [self.decoder]
        if self.unet:
            self.projection.build()
            self.unet.build((None, None, None, self.channels))
            parts += [self.projection, self.unet]
        self.decoder.build((None, self.latent_dim))
        if self.backbone:
            if not self.backbone.built:
                self.backbone.build((None, None, None, self.channels))
            self.features.build()
            parts += [self.backbone, self.features]
        for layer in parts:
            layer.built = True
        if self.unet:
            # The head computes the latents of 2 x 2 pixels.
            self.unet.head.bias.assign(np.tile(self.bottleneck.input_start, 4))
        else:
            self.features.bias.assign(self.bottleneck.input_start)
        super().build(input_shape)

    def call_images(self, images: Tensor, training: bool) -> Tensor:
        """Computes the vectors of images.

        Args:
            images: float32 tensor `(batch, height, width, channels)` in 0..1.
            training: bool.

        Returns:
            Tensor `(batch, height, width, latent_dim)`.
        """
        latents = self._latents(*self._as_one_tile(images))
        return self.bottleneck(latents, training=training)["latents"]

    def call_batch(self, batch: Mapping[str, Tensor], training: bool) -> dict[str, Any]:
        """Computes what training needs of sampled pixels.

        Args:
            batch: dictionary of `images`, float32 `(batch, height, width, channels)` in 0..1; of
                `rows` and `cols`, integers `(batch, pixels)`; and optionally of `features`, the
                maps that the backbone gives for the images.
            training: bool.

        Returns:
            Dictionary with the pyramids of the pixels
            `(batch, pixels, levels, patch_size, patch_size, channels)` as `targets` and as
            `rebuilt`, their mean squared `error`, the bottleneck's `codes` and `loss`, and with a
            backbone the `feature_error`.
        """
        images, (rows, cols) = (
            batch["images"],
            (ops.cast(batch[name], "int32") for name in ("rows", "cols")),
        )
        padded = self._padded(images)
        pyramid = patch_pyramid(images, rows, cols, self.patch_size, self.pyramid_levels)
        linear = self.projection.project(pyramid) if self.projection else 0.0
        if self.backbone:
            maps = batch["features"] if "features" in batch else self._feature_maps(padded)
            features = self.features.gather(maps, rows, cols)
            linear = linear + self.features.project(features)
        latents = linear
        if self.unet:
            latents = join_latents(linear, self.unet.at_pixels(padded, rows, cols))
        bottleneck = self.bottleneck(latents, training=training)
        patches, rebuilt_features = self.decoder.with_features(bottleneck["latents"])
        outputs = {
            "targets": pyramid,
            "rebuilt": patches,
            "error": ops.mean(ops.square(ops.cast(patches, "float32") - pyramid)),
            "codes": bottleneck["codes"],
            "loss": bottleneck["loss"],
        }
        if self.backbone:
            difference = ops.square(ops.cast(rebuilt_features, "float32") - features)
            outputs["feature_error"] = ops.mean(ops.sum(difference, axis=-1))
        return outputs

    def compute_output_spec(
        self, inputs: Tensor | Mapping[str, Tensor], training: bool = False
    ) -> Any:
        if not isinstance(inputs, dict):
            return keras.KerasTensor((*inputs.shape[:-1], self.latent_dim), self.compute_dtype)
        return super().compute_output_spec(inputs, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if self.backbone:
            loss = loss + share_of_loss(self.feature_weight * y_pred["feature_error"])
        return loss

    def _measures(self, images, outputs):
        measures = super()._measures(images, outputs)
        return {**measures, "feature_error": outputs.get("feature_error")}

    def _padded(self, images):
        """Returns images reflected to the sides that U-Net and backbone take."""
        return reflect_to_multiples(images, self._coarsest)

    def _feature_maps(self, padded):
        """Returns the maps of the frozen backbone."""
        with unrecorded():
            return [ops.stop_gradient(features) for features in self.backbone(padded)]

    def _as_one_tile(self, images):
        """Returns the first two arguments of `_latents` for images that are not divided."""
        return self._padded(images), pad_for_pyramid(images, self.patch_size, self.pyramid_levels)

    def _latents(self, view, surrounded, top=0, left=0, units=None):
        """Computes the continuous latents of all pixels of a tile.

        Args:
            view: float32 images `(batch, rows, cols, channels)` that contain the tile and the
                pixels around it. Rows and columns are those of `_padded` images.
            surrounded: float32 images of the tile with the surroundings that pyramids need.
            top: int, row of `view` at which the tile starts.
            left: int, column of `view` at which the tile starts.
            units: int, number of leading entries of the latents to compute; None is all.

        Returns:
            float32 tensor `(batch, height, width, units)`.
        """
        batch, *sides = ops.shape(surrounded)[:3]
        margin = 2 * pyramid_radius(self.patch_size, self.pyramid_levels) - 1
        size = batch, *(side - margin for side in sides)

        def inside(vectors):
            return ops.slice(vectors, (0, top, left, 0), (*size, vectors.shape[-1]))

        if self.features_only:
            return inside(self._projected_features(view, units))
        linear = self.projection(surrounded)
        if self.backbone:
            linear += inside(self._projected_features(view))  # in place on PyTorch
        return join_latents(linear, inside(self.unet(view, units=units)))

    def _projected_features(self, view, units=None):
        """Returns what the features of all pixels of a view add to the latents."""
        vectors = self.features(self._feature_maps(view), units=units)
        return follow_edges(view, vectors) if self.guided_features else vectors

    def _batches(self, x, batch_size, pixels_per_image=None, **options):
        if pixels_per_image is None:
            pixels_per_image = self.pixels_per_image
        return super()._batches(x, batch_size, pixels_per_image=pixels_per_image, **options)

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "patch_size": self.patch_size,
            "pyramid_levels": self.pyramid_levels,
            "bottleneck": keras.saving.serialize_keras_object(self.bottleneck),
            "channels": self.channels,
            "widths": self.widths,
            "hidden_units": self.hidden_units,
            "pixels_per_image": self.pixels_per_image,
            "seed": self.seed,
        }
        if self.backbone:
            config["backbone"] = keras.saving.serialize_keras_object(self.backbone)
            config["feature_weight"] = self.feature_weight
            config["feature_components"] = self.feature_components
            config["features_only"] = self.features_only
            if self.guided_features:  # earlier versions do not know it
                config["guided_features"] = True
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        config = dict(config)
        if isinstance(config.get("backbone"), dict):
            # The backbone takes the model's dtype policy.
            inner = {**config["backbone"]["config"], "dtype": config.get("dtype")}
            config["backbone"] = {**config["backbone"], "config": inner}
        return cls(**with_parts(config, "bottleneck", "backbone"))


def _check_backbone(backbone, channels):
    if not isinstance(backbone, Backbone):
        raise TypeError(
            "`backbone` must be a `umbed_keras.backbones.Backbone`. There, `ModelBackbone` makes "
            f"one of a Keras model, and `from_name` of a name. Received: {backbone!r}"
        )
    if backbone.image_channels != channels:
        raise ValueError(
            f"`backbone` takes images of {backbone.image_channels} channels. "
            f"Received: channels={channels}"
        )
