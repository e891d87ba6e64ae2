"""Vision transformers and networks of one input size as backbones."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from umbed_keras.backbones.model_backbone import ModelBackbone, check_model
from umbed_keras.backbones.model_outputs import image_shape, map_length, output_shapes
from umbed_keras.backbones.preprocessing import Preprocessing
from umbed_keras.backbones.windows import WINDOW, blend_windows, cut_windows, window_starts
from umbed_keras.backend.exporting import exporting, larger
from umbed_keras.ops.checks import check_integers
from umbed_keras.typing import ArrayLike, Tensor


@keras.saving.register_keras_serializable(package="umbed_keras")
class VisionTransformerBackbone(ModelBackbone):
    """A backbone made of a vision transformer, or of any `keras.Model` of one input size.

    The model sees square windows, as large as the size that it was built for. Larger images are cut
    into windows that overlap by half, and the features of overlapping windows are blended with
    weights that fall linearly towards the borders of a window, so that no seam is seen. Windows
    start at fixed positions of an image, so that tiles of it have the features of the whole:
    attention is global inside a window, and never looks beyond it.

    Tokens of classes and registers, which come first, are dropped; those of patches become a map.

    As in `ModelBackbone`, a model with such a backbone becomes a preset, a `.keras` file or an ONNX
    file (with onnx 1.18 or later), which takes images of any size, too: all their windows at once.

    Args:
        model: `keras.Model` that maps images to tokens `(batch, tokens, channels)` or to a map
            `(batch, height, width, channels)`, or to a list or dictionary of them, finest first.
            Networks of KerasHub may be passed as they are.
        preprocessing, layers: as in `ModelBackbone`.
        patch_size: int, pixels, side of a token's patch. None takes the model's `patch_size`, or
            the largest square number of tokens for a map.
        window: int, pixels, side of a window. None takes the size for which the model was built,
            or 448 if it takes any size; images with shorter sides are then seen as they are.
        shares: as in `ModelBackbone`.
        floats_per_pixel: int, numbers in memory at once for each pixel while features are
            computed.
        **kwargs: arguments of `keras.layers.Layer`: `name`, `dtype`.

    Raises:
        TypeError: if `model` is not a `keras.Model`.
        ValueError: if `patch_size` or `window` is not an integer of at least 1.
        ValueError: if the model was built for a size that is not a square.
        ValueError: if the model was built for one size, and `window` is another.
        ValueError: if the model's outputs are no maps of whole strides, finest first, for a window.
        ValueError: if `preprocessing` or `shares` are not as in `ModelBackbone`.

    References:
        - [Dosovitskiy et al., An Image is Worth 16x16 Words, 2021](https://arxiv.org/abs/2010.11929)

    Examples:
        >>> images = keras.Input((32, 32, 3))
        >>> patches = keras.layers.Conv2D(5, kernel_size=8, strides=8)(images)
        >>> tokens = keras.layers.Reshape((16, 5))(patches)
        >>> tokens = keras.layers.MultiHeadAttention(1, 5)(tokens, tokens)
        >>> backbone = uk.layers.VisionTransformerBackbone(keras.Model(images, tokens))
        >>> backbone.window, backbone.strides, backbone.channels
        (32, (8,), (5,))
        >>> tuple(backbone(np.zeros((1, 64, 40, 3), "float32"))[0].shape)
        (1, 8, 5, 5)
    """

    preset_limits: ClassVar = {**ModelBackbone.preset_limits, "window": 1 << 11}

    def __init__(
        self,
        model: keras.Model,
        preprocessing: Preprocessing = "unit",
        layers: Sequence[str] | None = None,
        patch_size: int | None = None,
        window: int | None = None,
        shares: Sequence[float] | None = None,
        floats_per_pixel: int = 512,
        **kwargs: Any,
    ):
        sizes = {"patch_size": patch_size, "window": window}
        check_integers(**{name: (1, size) for name, size in sizes.items() if size is not None})
        check_model(model)
        size = _built_size(model)
        if size and window not in (None, size):
            raise ValueError(
                f"`window` must be the size for which the model was built, {size}, or None. Where "
                "the model's positions can be interpolated, build it for another size, such as "
                f"`from_preset(..., image_shape=({window}, {window}, 3))`. Received: {window}"
            )
        self.window = size or window or WINDOW
        self.any_size = size is None
        self.patch_size = patch_size
        super().__init__(model, preprocessing, layers, shares, None, floats_per_pixel, **kwargs)
        coarsest = math.lcm(*self.strides)
        self.alignment = max(self.window // 2 // coarsest, 1) * coarsest
        # Two and four windows: an exporter would take one for a constant.
        step = self.alignment
        self.traced_size = self.window + step // 2 + 5, self.window + 2 * step + 7
        # A tile with a margin of a window holds all windows that reach into it or the position
        # beyond its border: a model adds two positions to this.
        self.reach = max(self.window - 2 * self.strides[-1], 0)

    def _shapes_of_maps(self):
        """Returns the shapes of the maps of a window, and sets `strides`."""
        side = self.window
        if self.patch_size and side % self.patch_size:
            raise ValueError(
                f"`patch_size` must divide the window, {side}. Received: {self.patch_size}"
            )
        shapes = output_shapes(self._network, side, side, self.image_channels)
        maps = []
        for shape in shapes:
            if len(shape) == 3:
                length = map_length(self.model, shape[1] or 0, side, self.patch_size)
                shape = (shape[0], length, length, shape[2])
            maps.append(shape)
        square = all(len(shape) == 4 and shape[1] and shape[1] == shape[2] for shape in maps)
        self.strides = tuple(side // shape[1] for shape in maps) if square else ()
        exact = all(
            side == stride * shape[1] for stride, shape in zip(self.strides, maps, strict=False)
        )
        ordered = list(self.strides) == sorted(self.strides)
        nested = all(
            coarse % fine == 0 for fine, coarse in zip(self.strides, self.strides[1:], strict=False)
        )
        if not (square and exact and ordered and nested):
            raise ValueError(
                "`model` must give tokens or maps of whole strides, finest first. Received: an "
                f"image of {side}x{side} pixels gives {shapes}. Where the output is one vector, "
                "name layers before it in `layers`; where it has tokens, give their `patch_size`"
            )
        return maps

    def call(self, images: ArrayLike) -> list[Tensor]:
        """Maps images to the feature maps of the model; see `Backbone.call`."""
        images = ops.convert_to_tensor(images)
        sizes = ops.shape(images)[1:3]
        window = [self._side(size) for size in sizes]
        if not exporting() and list(sizes) == window:
            return self._maps(images)
        starts = [
            window_starts(size, side, self.alignment)
            for size, side in zip(sizes, window, strict=True)
        ]
        windows = cut_windows(images, tuple(window), tuple(starts))
        batch = ops.shape(images)[0]
        return [
            blend_windows(
                features,
                tuple(axis // stride for axis in starts),
                tuple(-(-size // stride) for size in sizes),
            )
            for features, stride in zip(self._in_turn(windows, batch), self.strides, strict=True)
        ]

    def _side(self, size):
        """Returns the side of the windows of an axis."""
        return size - larger(size - self.window, 0) if self.any_size else self.window

    def _in_turn(self, windows, batch):
        """Returns the maps of windows, computed for `batch` of them at a time.

        Attention of a window needs much memory, and all at once would need it for each.
        """
        if not isinstance(batch, int) or not isinstance(windows.shape[0], int) or exporting():
            return self._maps(windows)
        parts = ops.reshape(windows, (-1, batch, *windows.shape[1:]))
        return [ops.reshape(part, (-1, *part.shape[2:])) for part in ops.map(self._maps, parts)]

    def _maps(self, windows):
        """Returns the maps of the model for images of at most a window."""
        height, width = ops.shape(windows)[1:3]
        maps = []
        for features, stride in zip(self._outputs(windows), self.strides, strict=True):
            if len(features.shape) == 3:
                rows, cols = height // stride, width // stride
                # Tokens of class and registers come first.
                patches = features[:, -rows * cols :]
                features = ops.reshape(patches, (-1, rows, cols, features.shape[-1]))
            maps.append(features)
        return maps

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal layer."""
        config = super().get_config()
        for name in ("reach", "strides", "multiple"):
            del config[name]
        window = self.window if self.any_size else None
        return {**config, "patch_size": self.patch_size, "window": window}


def _built_size(model: keras.Model) -> int | None:
    """Returns the side of the images for which a model was built, or None if it takes any."""
    height, width, _ = image_shape(model)
    if height != width:
        raise ValueError(
            "`model` must be built for square images, or for any size. Received: a model of "
            f"images of {height}x{width} pixels"
        )
    return height
