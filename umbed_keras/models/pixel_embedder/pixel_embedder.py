"""A small vector for every pixel."""

import math
import warnings

import keras
import numpy as np
from keras import ops

from umbed_keras.backbones.backbone import Backbone
from umbed_keras.backend.devices import share_of_loss
from umbed_keras.bottlenecks.gaussian_bottleneck import GaussianBottleneck
from umbed_keras.configs import with_parts
from umbed_keras.images.arrays import check_images, check_shape, to_float, to_host
from umbed_keras.images.stored_image import StoredImage
from umbed_keras.images.tiled_map import largest_tile, output_array, tiled_map
from umbed_keras.images.tiles import tile_views
from umbed_keras.models.base.codes_check import check_codes
from umbed_keras.models.base.image_model import ImageModel
from umbed_keras.models.base.join_latents import join_latents
from umbed_keras.models.base.onnx_export import Graph
from umbed_keras.models.base.principal_components import principal_components
from umbed_keras.models.pixel_embedder.feature_projection import FeatureProjection
from umbed_keras.models.pixel_embedder.patch_decoder import PatchDecoder
from umbed_keras.models.pixel_embedder.pyramid_projection import PyramidProjection
from umbed_keras.models.pixel_embedder.unet import UNet
from umbed_keras.ops.bilinear import enlarged_at
from umbed_keras.ops.checks import check_integers
from umbed_keras.ops.overlap_add import coverage, overlap_sum
from umbed_keras.ops.patch_pyramid import (
    check_geometry,
    patch_pyramid,
    pyramid_radius,
    reflected,
)
from umbed_keras.ops.reflect import reflect_to_multiples

# Latent vectors decoded at once: what they decode to stays in cache.
DECODE_CHUNK = 4096
# What embedding a tile needs whatever its size: compiling it, and a sparse coder's chunk.
WORKING_BYTES = 192 << 20


@keras.saving.register_keras_serializable(package="umbed_keras")
class PixelEmbedder(ImageModel):
    """Gives every pixel a small vector that describes its neighbourhood at several scales.

    An autoencoder of patch pyramids (see `umbed_keras.ops.patch_pyramid`). Encoder: a linear map
    of the pixel's pyramid plus a U-Net over the image. Bottleneck: any of `umbed_keras.layers`.
    Decoder, pixel by pixel: a linear map plus a perceptron. `adapt` starts the linear maps at the
    pyramids' principal components, and the rest adds nothing at first, so that training begins
    where PCA ends.

    Beside a `backbone`, a frozen pretrained network, a vector describes what that network sees at
    its pixel, too: the encoder adds a linear map of the network's features, bilinearly enlarged,
    and the decoder answers with their principal components as well, whose error joins the loss.

    Images are uint8 (0..255) or floats in 0..1, `(batch, height, width, channels)`, of any
    height and width from 1 pixel up.

    Args:
        latent_dim: int, size of the vector.
        patch_size: even int, side of the patches in the pyramid.
        pyramid_levels: int; level l sees windows of `patch_size * 2^l` pixels.
        bottleneck: a `umbed_keras.layers.Bottleneck` with this `latent_dim`; None is
            `GaussianBottleneck(latent_dim)`.
        channels: int, channels of the images.
        widths: ints, channels of the U-Net at 1/2, 1/4, 1/8 of the resolution.
        hidden_units: ints, widths of the decoder's hidden layers.
        pixels_per_image: int, pixels of each image that a training step learns from.
        seed: int, of the order of the data and of the pixels sampled.
        backbone: a `umbed_keras.layers.Backbone` that takes images of these `channels`, such as
            `EfficientNetLite0` or `ModelBackbone`; None for pyramids alone. Where its `reach` is
            None, images embedded tile by tile are not what the whole would give.
        feature_weight: float, what the `feature_error` counts in the loss; without a backbone,
            nothing.
        feature_components: int, principal components of the features that the decoder answers
            with.

    Beside a backbone `fit` and `evaluate` also report `feature_error`, the share of the features'
    variance (of these components, over what `adapt` saw) that is not rebuilt.

    Call it on images for the embedding, a tensor `(batch, height, width, latent_dim)`, or use
    `embed`, which takes images of any size and tiles them.

    Example:

    ```python
    model = umbed_keras.PixelEmbedder(latent_dim=16)
    model.compile(optimizer="adam")
    model.fit(images, epochs=5)
    vectors = model.embed(images)
    ```
    """

    usage = ("vectors = model.embed(images)  # (batch, height, width, latent_dim)",)

    def __init__(
        self,
        latent_dim=16,
        patch_size=8,
        pyramid_levels=3,
        bottleneck=None,
        channels=3,
        widths=(32, 64, 128),
        hidden_units=(128, 128),
        pixels_per_image=512,
        seed=0,
        backbone=None,
        feature_weight=0.02,
        feature_components=64,
        **kwargs,
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
        super().__init__(bottleneck, channels, seed, **kwargs)
        self.latent_dim = int(latent_dim)
        self.patch_size = int(patch_size)
        self.pyramid_levels = int(pyramid_levels)
        self.widths = tuple(widths)
        self.hidden_units = tuple(hidden_units)
        self.pixels_per_image = int(pixels_per_image)
        patch_shape = (self.pyramid_levels, self.patch_size, self.patch_size, self.channels)
        self.projection = PyramidProjection(
            self.latent_dim,
            self.patch_size,
            self.pyramid_levels,
            self.channels,
            dtype=self.dtype_policy,
            name="projection",
        )
        self.unet = UNet(bottleneck.input_dim, self.widths, dtype=self.dtype_policy, name="unet")
        self.decoder = PatchDecoder(
            patch_shape,
            self.hidden_units,
            feature_components if backbone else 0,
            dtype=self.dtype_policy,
            name="decoder",
        )
        self.backbone = backbone
        self.feature_weight = float(feature_weight)
        self.feature_components = int(feature_components)
        if backbone is not None:
            self.features = FeatureProjection(
                self.latent_dim,
                self.feature_components,
                backbone.strides,
                backbone.channels,
                dtype=self.dtype_policy,
                name="features",
            )
            self.trackers.append(keras.metrics.Mean(name="feature_error"))
        self.build((None, None, None, self.channels))

    @property
    def stride(self):
        """Tiles begin and end at multiples of this."""
        return math.lcm(self.unet.stride, *(self.backbone.strides if self.backbone else ()))

    @property
    def radius(self):
        """A vector depends on no pixel further away than this, a multiple of `stride`.

        Beside those of its pyramid; and None where the backbone looks at the whole image.
        """
        reach = self.unet.radius
        if self.backbone:
            if self.backbone.reach is None:
                return None
            # Enlarging reads the neighbouring places, too.
            reach = max(reach, self.backbone.reach + 2 * self.backbone.strides[-1])
        return -(-reach // self.stride) * self.stride

    def build(self, input_shape):
        if self.built:
            return
        self.projection.build()
        self.unet.build((None, None, None, self.channels))
        self.decoder.build((None, self.latent_dim))
        parts = [self.projection, self.unet, self.decoder]
        if self.backbone:
            if not self.backbone.built:
                self.backbone.build((None, None, None, self.channels))
            self.features.build()
            parts += [self.backbone, self.features]
        for layer in parts:
            layer.built = True
        # The head has four outputs a channel, one for each pixel that it unfolds into.
        self.unet.head.bias.assign(np.tile(self.bottleneck.input_start, 4))
        super().build(input_shape)

    # Graph: what runs on tensors.

    def call(self, inputs, training=False):
        """The embedding of images, or what training needs of sampled pixels.

        Args:
            inputs: images; or a dictionary of `images`, `rows` and `cols`, the latter int
                `(batch, pixels)`.
            training: bool.

        Returns:
            For images `(batch, height, width, latent_dim)`. For a dictionary: the pixels'
            pyramids `(batch, pixels, levels, patch, patch, channels)` as `targets` and as
            `rebuilt`, their mean squared `error`, and the bottleneck's `codes` and `loss`.
        """
        if not isinstance(inputs, dict):
            check_shape(inputs.shape, self.channels)
            images = to_float(inputs)
            latents = self._latents(self._fitted(images), self._with_surroundings(images))
            return self.bottleneck(latents, training=training)["latents"]
        images, rows, cols = to_float(inputs["images"]), inputs["rows"], inputs["cols"]
        pyramid = self.projection.gather(self._with_surroundings(images), rows, cols)
        linear = self.projection.project(pyramid)
        rows, cols = ops.cast(rows, "int32"), ops.cast(cols, "int32")
        fitted = self._fitted(images)
        if self.backbone:
            features = self.features.gather(self._maps(fitted), rows, cols)
            linear = linear + self.features.project(features)
        latents = join_latents(linear, self.unet.at_pixels(fitted, rows, cols))
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
            missed = ops.square(ops.cast(rebuilt_features, "float32") - features)
            outputs["feature_error"] = ops.mean(ops.sum(missed, axis=-1))
        return outputs

    def compute_output_spec(self, inputs, training=False):
        if not isinstance(inputs, dict):
            return keras.KerasTensor((*inputs.shape[:-1], self.latent_dim), self.compute_dtype)
        return super().compute_output_spec(inputs, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if self.backbone:
            loss = loss + share_of_loss(self.feature_weight * y_pred["feature_error"])
        return loss

    def _measures(self, images, outputs):
        measures = super()._measures(images, outputs)
        return {**measures, "feature_error": outputs.get("feature_error")}

    def _fitted(self, images):
        """Images reflected to the next multiple of `stride`."""
        return reflect_to_multiples(images, self.stride)

    def _maps(self, fitted):
        """The backbone's feature maps; nothing in it learns."""
        return [ops.stop_gradient(features) for features in self.backbone(fitted)]

    def _with_surroundings(self, images):
        return reflected(images, self.patch_size, self.pyramid_levels)

    def _latents(self, fitted, surrounded, top=0, left=0, units=None):
        """The continuous latents of all pixels, float32.

        Args:
            fitted: images whose sizes are multiples of `stride`.
            surrounded: the images with their surroundings, as the projection takes them.
            top, left: where in `fitted` the images begin.
            units: int, asks for the latents' first entries alone.
        """
        linear = self.projection(surrounded)
        size = ops.shape(linear)[:3]

        def inside(vectors):
            return ops.slice(vectors, (0, top, left, 0), (*size, vectors.shape[-1]))

        if self.backbone:
            linear += inside(self.features(self._maps(fitted)))  # in place where tensors can be
        return join_latents(linear, inside(self.unet(fitted, units=units)))

    # Learning.

    def _batches(self, x, batch_size, pixels_per_image=None, **options):
        if pixels_per_image is None:
            pixels_per_image = self.pixels_per_image
        return super()._batches(x, batch_size, pixels_per_image=pixels_per_image, **options)

    def sample_for_start(self, images, count, random):
        """Pyramids of random pixels of one image and their features, `(count, values)` float32."""
        rows, cols = (
            random.integers(size, size=(1, count), dtype="int32") for size in images.shape[1:3]
        )
        pyramids = patch_pyramid(images, rows, cols, self.patch_size, self.pyramid_levels)
        samples = [ops.convert_to_numpy(pyramids).reshape(count, -1)]
        if self.backbone:
            maps = self._compiled(self._maps)(self._fitted(images))
            for features, stride in zip(maps, self.backbone.strides, strict=True):
                features = ops.cast(features, "float32")
                samples.append(ops.convert_to_numpy(enlarged_at(features, stride, rows, cols))[0])
        return np.concatenate(samples, axis=1)

    def weigh_samples(self, samples):
        values = math.prod(self.decoder.patch_shape)
        if not self.backbone:
            return samples, values
        pyramids, features = samples[:, :values], samples[:, values:]
        # A map counts as much as its share says, however many its channels and of whatever size.
        maps = np.split(features, np.cumsum(self.backbone.channels)[:-1], axis=1)
        variances = np.maximum([part.var(axis=0).sum() for part in maps], 1e-12)
        weights = np.repeat(np.sqrt(self.backbone.shares / variances), self.backbone.channels)
        weights = weights.astype("float32")
        mean, components, deviations = principal_components(
            features * weights, self.feature_components
        )
        # All the components' variance is 1, so that an error is the share that is not rebuilt.
        components /= max(np.sqrt(np.sum(deviations**2)), 1e-3)
        self.features.set_analysis(weights[:, None] * components, mean @ components)
        features = (features * weights - mean) @ components
        return np.concatenate([pyramids, self._feature_gain * features], axis=1), values

    @property
    def _feature_gain(self):
        """What features are multiplied by for their error to count as much as in the loss."""
        return math.sqrt(self.feature_weight * math.prod(self.decoder.patch_shape))

    def set_linear_start(self, mean, components, deviations, scale):
        values = math.prod(self.decoder.patch_shape)
        # Undone on the way in and out: pyramids are as they come, features larger than they come.
        gains = np.ones(len(mean), "float32")
        if self.backbone:
            gains[values:] = self._feature_gain
        analysis = components / scale
        self.projection.set_map(analysis[:values], -mean @ analysis)
        if self.backbone:
            self.features.set_map(gains[values:, None] * analysis[values:])
        spread = np.maximum(deviations / scale, 1e-2 * max(deviations[0] / scale[0], 1e-6))
        self.decoder.set_map((components * scale).T / gains, mean / gains, spread)

    # Using what was learned.

    def embed(self, images, quantized=True, tile_size=512):
        """The vectors of every pixel.

        Args:
            images: uint8 or floats in 0..1, `(batch, height, width, channels)`.
            quantized: bool; True gives what the decoder receives, False the continuous latents
                before the bottleneck (of the Gaussian bottleneck, the mean in both cases).
            tile_size: int, pixels; larger images are embedded tile by tile, with the same result
                (but see `backbone`).

        Returns:
            NumPy float32 array `(batch, height, width, latent_dim)`.

        Raises:
            TypeError, ValueError: `images` or `tile_size` not as described.
        """
        return self._map_tiles(self._embedding(quantized), images, tile_size)

    def embed_large(self, image, out=None, memory_budget=1 << 30, quantized=True, verbose=1):
        """The vectors of every pixel of an image larger than memory, tile by tile.

        The same as `embed` gives, with tiles as large as the budget allows: the larger, the less
        is computed twice where their surroundings overlap. Beside a backbone whose `reach` is None
        tiles are not what the whole image would give, of which it warns.

        Args:
            image: `(height, width, channels)`, uint8 or floats in 0..1: a NumPy array or memory
                map, a Zarr array, or anything else with `shape`, `dtype` and slices.
            out: the same kind of thing, float32 `(height, width, latent_dim)`, to write to, such
                as `numpy.lib.format.open_memmap(path, "w+", "float32", shape)`; None makes a
                NumPy array.
            memory_budget: int, bytes to work with, beyond the model, `image` and `out`.
            quantized: as in `embed`.
            verbose: 1 shows a progress bar, 0 nothing.

        Returns:
            `out`.

        Raises:
            TypeError, ValueError: arguments not as described, or a budget too small for any tile.
        """
        source = StoredImage(image, self.channels)
        size = source.shape[1:3]
        out = output_array(out, (*size, self.latent_dim), "float32")
        tile_size = self.largest_tile(memory_budget)
        if self.radius is None and max(size) > tile_size:
            warnings.warn(
                f"The backbone {self.backbone.name!r} ({type(self.backbone).__name__}) may look at "
                "the whole image (its `reach` is None): its tiles are not what the whole would "
                "give.",
                stacklevel=2,
            )
        run = self._on_windows(self._embedding(quantized), source)
        return tiled_map(
            lambda rows, cols: run(slice(0, 1), rows, cols)[0],
            size,
            (tile_size, tile_size),
            out,
            verbose=verbose,
        )

    def embed_window(self, image, rows, cols, codes=False):
        """The vectors of a window of an image that may be larger than memory.

        The window's surroundings are read too, so that this is what `embed` gives there (but see
        `backbone`). It is computed at once: of a large image take one window after the other.

        Args:
            image: as in `embed_large`.
            rows, cols: slices of the image that begin at multiples of `stride`.
            codes: bool; True gives the codes instead, as `encode` does.

        Returns:
            NumPy float32 array `(rows, cols, latent_dim)`, or a dictionary of arrays
            `(rows, cols, ...)`.

        Raises:
            TypeError, ValueError: arguments not as described.
        """
        source = StoredImage(image, self.channels)
        for name, side, size in zip(("rows", "cols"), (rows, cols), source.shape[1:3], strict=True):
            inside = None not in (side.start, side.stop) and 0 <= side.start < side.stop <= size
            if not inside or side.start % self.stride:
                raise ValueError(
                    f"`{name}` must be a slice within 0..{size} that begins at a multiple of "
                    f"{self.stride}. Received: {side}"
                )
        method = self._codes if codes else self._embedding(quantized=True)
        outputs = self._on_windows(method, source)(slice(0, 1), rows, cols)
        return keras.tree.map_structure(lambda part: part[0], outputs)

    def encode(self, images, tile_size=512):
        """The codes of every pixel.

        Args:
            images, tile_size: as in `embed`.

        Returns:
            Dictionary of NumPy arrays that begin with `(batch, height, width)`; which ones is the
            bottleneck's affair: `indices`, `coefficients`, or `mean` and `log_variance`.
        """

        return self._map_tiles(self._codes, images, tile_size)

    def decode(self, codes):
        """Images from codes: level 0 of the decoded patches, averaged where they overlap.

        Args:
            codes: what `encode` gives: integers in 0..K-1 as indices, finite numbers elsewhere.

        Returns:
            NumPy float32 array `(batch, height, width, channels)` in 0..1.

        Raises:
            ValueError: `codes` not as described.
        """
        codes = check_codes(codes, self.bottleneck)
        shape = next(iter(codes.values())).shape[:3]
        return self._overlapped(self._sum_of_codes, codes, *shape)

    def reconstruct(self, images, tile_size=512):
        """The images as the embedding knows them: `decode(encode(images))`.

        Args:
            images, tile_size: as in `embed`.

        Returns:
            NumPy float32 array `(batch, height, width, channels)` in 0..1.
        """
        vectors = self.embed(images, tile_size=tile_size)
        return self._overlapped(self._sum_of_latents, vectors, *vectors.shape[:3])

    def reconstruct_patches(self, images, rows, cols):
        """The patch pyramids of chosen pixels as the embedding knows them.

        Args:
            images: as in `embed`.
            rows, cols: integers `(batch, pixels)`.

        Returns:
            NumPy float32 array `(batch, pixels, levels, patch, patch, channels)` in 0..1.

        Raises:
            TypeError, ValueError: arguments not as described, or pixels outside the images.
        """
        images = check_images(images, self.channels)
        rows, cols = (
            _check_pixels(name, places, len(images), size)
            for name, places, size in zip(
                ("rows", "cols"), (rows, cols), images.shape[1:3], strict=True
            )
        )
        if rows.shape != cols.shape:
            raise ValueError(
                f"`rows` and `cols` must have one shape. Received: {rows.shape} and {cols.shape}"
            )
        vectors = self.embed(images)
        chosen = vectors[np.arange(len(images))[:, None], rows, cols]
        flat = chosen.reshape(-1, self.latent_dim)
        decode = self._compiled(self._clipped_patches)
        patches = np.empty((len(flat), *self.decoder.patch_shape), "float32")
        for start in range(0, len(flat), DECODE_CHUNK):
            part = slice(start, start + DECODE_CHUNK)
            patches[part] = ops.convert_to_numpy(decode(flat[part]))
        return patches.reshape(*rows.shape, *self.decoder.patch_shape)

    @property
    def graphs(self):
        images, codes = {"images": ((self.channels,), "float32")}, self.bottleneck.code_spec()
        embed = self._embedding(quantized=True)

        def reconstruct(images):
            return self._averaged(self._sum_of_latents(embed(*self._whole(images))))

        return {
            "embed": Graph(images, ("vectors",), lambda images: embed(*self._whole(images))),
            "encode": Graph(images, tuple(codes), lambda images: self._codes(*self._whole(images))),
            "decode": Graph(
                codes, ("rebuilt",), lambda **codes: self._averaged(self._sum_of_codes(codes))
            ),
            "reconstruct": Graph(images, ("rebuilt",), reconstruct),
        }

    @property
    def tiling(self):
        if self.radius is None:
            return {}
        reach = max(self.radius, pyramid_radius(self.patch_size, self.pyramid_levels))
        return {"stride": self.stride, "margin": -(-reach // self.stride) * self.stride}

    def get_config(self):
        return {
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
            **self._feature_config(),
        }

    def _feature_config(self):
        if not self.backbone:
            return {}
        return {
            "backbone": keras.saving.serialize_keras_object(self.backbone),
            "feature_weight": self.feature_weight,
            "feature_components": self.feature_components,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if isinstance(config.get("backbone"), dict):
            # It is stored and computes in the model's types.
            inner = {**config["backbone"]["config"], "dtype": config.get("dtype")}
            config["backbone"] = {**config["backbone"], "config": inner}
        return cls(**with_parts(config, "bottleneck", "backbone"))

    # What is exported: whole images at once, of sizes that aren't known.

    def _whole(self, images):
        """Images as `_latents` takes a tile that is all there is."""
        return self._fitted(images), self._with_surroundings(images)

    def _averaged(self, sums):
        """Images, from what `overlap_sum` gives of all their pixels."""
        half, rest = self.patch_size // 2, self.patch_size - 1
        height, width = (size - rest for size in ops.shape(sums)[1:3])
        rows, cols = (
            ops.cast(coverage(size, self.patch_size), "float32") for size in (height, width)
        )
        inside = sums[:, half : half + height, half : half + width]
        return inside / (rows[:, None, None] * cols[:, None])

    # What runs compiled on tiles and chunks.

    def _continuous(self, *tile):
        return self._latents(*tile, units=self.latent_dim)

    def _quantized(self, *tile):
        return ops.cast(self.bottleneck(self._latents(*tile))["latents"], "float32")

    def _codes(self, *tile):
        return self.bottleneck.encode(self._latents(*tile))

    def _clipped_patches(self, latents):
        return ops.clip(ops.cast(self.decoder(latents), "float32"), 0.0, 1.0)

    def _sum_of_latents(self, latents):
        patches = self.decoder.finest(latents)
        return overlap_sum(ops.clip(ops.cast(patches, "float32"), 0.0, 1.0))

    def _sum_of_codes(self, codes):
        return self._sum_of_latents(self.bottleneck.decode(codes))

    def _embedding(self, quantized):
        """The method that gives a tile's vectors."""
        changes = quantized and not self.bottleneck.keeps_vectors
        return self._quantized if changes else self._continuous

    def _map_tiles(self, method, images, tile_size):
        """Runs a method over tiles of images in memory and puts its outputs together."""
        images = check_images(images, self.channels)
        stride = self.stride
        check_integers(tile_size=(stride, tile_size))
        if not len(images):
            # Not every backend convolves an empty batch: one image tells the outputs' shapes.
            one = self._map_tiles(method, np.zeros((1, *images.shape[1:]), "uint8"), tile_size)
            return keras.tree.map_structure(lambda part: part[:0], one)
        tile_size -= tile_size % stride
        # As many whole images at once as make up a tile.
        together = max(1, tile_size**2 // math.prod(images.shape[1:3]))
        return tiled_map(
            self._on_windows(method, images), images.shape[:3], (together, tile_size, tile_size)
        )

    def _on_windows(self, method, images):
        """Returns the function of slices of batch, rows and columns that runs a method there.

        Args:
            method: takes what `_latents` takes.
            images: NumPy array or `StoredImage`.
        """
        compiled = self._compiled(method)

        def run(*window):
            outputs = compiled(*tile_views(images, window, *self._surroundings))
            return keras.tree.map_structure(ops.convert_to_numpy, outputs)

        return run

    @property
    def _surroundings(self):
        """What a tile sees, as `tile_views` takes it: stride, halo and reach."""
        return self.stride, self._halo, pyramid_radius(self.patch_size, self.pyramid_levels)

    def largest_tile(self, memory_budget):
        """The side, in pixels, of the largest tile that can be embedded within a budget in bytes.

        Raises:
            TypeError, ValueError: a budget that is no integer, or too small for any tile.
        """
        # Floats a pixel that live at once, by measurement (most on JAX): the vectors of the two
        # paths and their sum, images, and the U-Net's features at half the resolution.
        floats = 4 * self.latent_dim + self.bottleneck.input_dim
        floats += 6 * self.channels + max(self.widths) // 2
        if self.backbone:
            floats += 2 * self.latent_dim + self.backbone.floats_per_pixel
        return largest_tile(memory_budget, 4 * floats, WORKING_BYTES, self._halo, self.stride)

    @property
    def _halo(self):
        """How far a tile's view reaches beyond it, a multiple of `stride`."""
        if self.radius is None:
            return -(-self.unet.radius // self.stride) * self.stride
        return self.radius

    def _overlapped(self, method, source, batch, height, width):
        """Streams the decoded patches of every pixel into images, some rows at a time.

        Args:
            method: gives the sum of overlapping patches of a block of pixels.
            source: array or dictionary of arrays `(batch, height, width, ...)` that it takes.
        """
        method = self._compiled(method)
        half = self.patch_size // 2
        step = max(1, DECODE_CHUNK // width)
        images = np.empty((batch, height, width, self.channels), "float32")
        count = np.outer(
            *(ops.convert_to_numpy(coverage(size, self.patch_size)) for size in (height, width))
        )
        for image in range(batch):
            total = np.zeros(
                (height + self.patch_size - 1, width + self.patch_size - 1, self.channels),
                "float32",
            )
            for start in range(0, height, step):
                stop = min(start + step, height)
                block = keras.tree.map_structure(
                    lambda part, place=np.s_[image : image + 1, start:stop]: part[place], source
                )
                sums = ops.convert_to_numpy(method(block))[0]
                total[start : stop + self.patch_size - 1] += sums
            inside = total[half : half + height, half : half + width]
            images[image] = inside / count[..., None]
        return images


def _check_backbone(backbone, channels):
    if not isinstance(backbone, Backbone):
        raise TypeError(
            "`backbone` must be a `umbed_keras.layers.Backbone`; `umbed_keras.layers.ModelBackbone`"
            f" makes one of a Keras model. Received: {backbone!r}"
        )
    if backbone.image_channels != channels:
        raise ValueError(
            f"`backbone` takes images of {backbone.image_channels} channels. "
            f"Received: channels={channels}"
        )


def _check_pixels(name, places, batch, size):
    """Rows or columns of pixels, as int64 on the host."""
    places = to_host(places)
    if places.ndim != 2 or len(places) != batch or places.dtype.kind not in "iu":
        raise ValueError(
            f"`{name}` must be integers of shape (batch, pixels) with batch {batch}. "
            f"Received: shape={places.shape}, dtype={places.dtype}"
        )
    if places.size and not 0 <= places.min() <= places.max() < size:
        raise ValueError(
            f"`{name}` must lie in 0..{size - 1}. "
            f"Received values from {places.min()} to {places.max()}"
        )
    return places.astype("int64")
