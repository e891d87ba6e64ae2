"""A backbone that sees images at several scales."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from umbed_keras.backbones.backbone import Backbone, plain_numbers
from umbed_keras.configs import with_parts
from umbed_keras.ops.reflect import reflect_to_multiples
from umbed_keras.typing import ArrayLike, Shape, Tensor

# By how many pixels in each direction one is made, for each scale.
_FACTORS = {1 / 2**power: 2**power for power in range(7)}


@keras.saving.register_keras_serializable(package="umbed_keras")
class MultiScaleBackbone(Backbone):
    """Runs a backbone on an image and on reduced copies of it.

    At scale 1/2 every pixel is the mean of 2 x 2 pixels, so that the same network sees twice as
    far, at maps of twice the stride. The maps of all scales together describe a pixel, finest
    first, and each scale has the same weight. Tiles have the features of the whole image if those
    of the backbone have.

    Args:
        backbone: `umbed_keras.backbones.Backbone` of one scale.
        scales: floats among 1, 1/2, 1/4, ..., 1/64, each once. Other scales would move pixels
            across the borders of tiles.
        **kwargs: arguments of `keras.layers.Layer`: `name`; and `dtype`, by default that of
            `backbone`.

    Raises:
        TypeError: if `backbone` is not a `Backbone`.
        ValueError: if `backbone` has several scales already.
        ValueError: if `scales` is empty, or contains another number, or one twice.

    Examples:
        >>> backbone = uk.layers.MultiScaleBackbone(uk.layers.EfficientNetLite0(), (1, 0.5))
        >>> backbone.strides, backbone.channels
        ((4, 8, 8, 16, 16, 32), (24, 40, 24, 112, 40, 112))
        >>> [tuple(part.shape[1:3]) for part in backbone(np.zeros((1, 32, 64, 3), "float32"))]
        [(8, 16), (4, 8), (4, 8), (2, 4), (2, 4), (1, 2)]
    """

    def __init__(self, backbone: Backbone, scales: Sequence[float] = (1, 0.5), **kwargs: Any):
        if not isinstance(backbone, Backbone):
            raise TypeError(
                f"`backbone` must be a `umbed_keras.backbones.Backbone`. Received: {backbone!r}"
            )
        if isinstance(backbone, MultiScaleBackbone):
            raise ValueError("`backbone` must have one scale. Received a `MultiScaleBackbone`.")
        super().__init__(**{"dtype": backbone.dtype_policy, **kwargs})
        self.backbone = backbone
        self.scales = plain_numbers(scales)
        unique = len(set(self.scales)) == len(self.scales) > 0
        if not unique or not all(scale in _FACTORS for scale in self.scales):
            raise ValueError(
                "`scales` must be one or more of 1, 1/2, 1/4, ..., 1/64, each once: tiles must "
                f"contain whole pixels of reduced images. Received: {scales}"
            )
        self._factors = [_FACTORS[scale] for scale in self.scales]
        maps = [
            (factor * stride, channels, share / len(self.scales))
            for factor in self._factors
            for stride, channels, share in zip(
                backbone.strides, backbone.channels, backbone.shares, strict=True
            )
        ]
        # Models expect the finest map first.
        self._order = sorted(range(len(maps)), key=lambda index: maps[index][0])
        self.strides, self.channels, self.shares = zip(
            *(maps[index] for index in self._order), strict=True
        )
        self.image_channels = backbone.image_channels
        self.alignment = max(self._factors) * backbone.alignment
        if backbone.traced_size:
            height, width = backbone.traced_size
            self.traced_size = max(self._factors) * height, max(self._factors) * width
        self.floats_per_pixel = math.ceil(
            sum(backbone.floats_per_pixel / factor**2 for factor in self._factors)
        )

    @property
    def reach(self) -> int | None:
        """Largest distance in pixels that a feature looks beyond its own pixels, or None."""
        reach = self.backbone.reach
        return None if reach is None else max(self._factors) * reach

    def build(self, input_shape: Shape | None = None) -> None:
        """Builds the backbone inside."""
        if not self.backbone.built:
            self.backbone.build((None, None, None, self.image_channels))
            self.backbone.built = True

    def call(self, images: ArrayLike) -> list[Tensor]:
        """Maps images to the feature maps of all scales; see `Backbone.call`."""
        images = ops.convert_to_tensor(images)
        maps = [
            features
            for factor in self._factors
            for features in self.backbone(_reduced(images, factor))
        ]
        return [maps[index] for index in self._order]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal layer."""
        return {
            **super().get_config(),
            "backbone": keras.saving.serialize_keras_object(self.backbone),
            "scales": self.scales,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "MultiScaleBackbone":
        """Makes a layer from what `get_config` returned, with one dtype policy throughout."""
        inner = config["backbone"]
        inner = {**inner, "config": {**inner["config"], "dtype": config.get("dtype")}}
        return cls(**with_parts({**config, "backbone": inner}, "backbone"))


def _reduced(images, factor):
    """Returns images whose pixels are the means of `factor` x `factor` pixels."""
    if factor == 1:
        return images
    images = reflect_to_multiples(images, factor)
    return ops.average_pool(images, factor, factor, "valid", data_format="channels_last")
