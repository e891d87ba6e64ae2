"""An image of a project as the page shows it: its channels, planes and contrast."""

import threading
from typing import Any

import numpy as np

from umbed_keras.apps.page.pictures.drawing import Channel, image_picture
from umbed_keras.apps.page.pictures.tile_pyramid import SIDE, TilePyramid
from umbed_keras.images.image import Image
from umbed_keras.images.scaling import Scaling, sample

# Colours of channels that are no colours themselves.
_COLORS = ("ffffff", "00e5ff", "ff4fd8", "ffe14d", "7dff6a", "ff9052", "8f8bff")
# Numbers from which limits are learned.
_SAMPLE = 1 << 18
# Pixels of the longer side of a thumbnail, or up to twice as many.
_THUMBNAIL = 160


class ShownImage:
    """An image that is open for the page, read by one thread at a time.

    Args:
        image: `Image`.
        key: text by which it is known.
        pyramid: `TilePyramid` that several images share.

    Examples:
        >>> shown = ShownImage(Image(np.arange(600).reshape(20, 30)), "key", TilePyramid())
        >>> shown.details()["channels"][0]["color"], shown.tile((), 0, 0, 0).shape
        ('ffffff', (20, 30, 1))
    """

    def __init__(self, image: Image, key: str, pyramid: TilePyramid) -> None:
        self.image, self.key = image, key
        self._pyramid = pyramid
        self._lock = threading.Lock()
        self._details: dict[str, Any] | None = None

    def tile(self, plane: tuple[int, ...], level: int, row: int, col: int) -> np.ndarray:
        """Reads a tile, as `TilePyramid.tile` does.

        Args:
            plane, level, row, col: as there.
        """
        with self._lock:
            return self._pyramid.tile(self.key, self.image, plane, level, row, col)

    def thumbnail(self) -> bytes:
        """Draws the middle plane at about 160 pixels, as a PNG file."""
        image = self.image
        level = 0
        while max(image.height, image.width) >> level > _THUMBNAIL * 2:
            level += 1
        plane = tuple(size // 2 for size in image.plane_shape)
        side = max(image.height, image.width) >> level
        tiles = range(-(-side // SIDE))
        bands = [[self.tile(plane, level, row, col) for col in tiles] for row in tiles]
        bands = [[tile for tile in band if tile.size] for band in bands]
        whole = np.concatenate([np.concatenate(band, axis=1) for band in bands if band], axis=0)
        shown = [
            Channel(index, tuple(bytes.fromhex(channel["color"])), *channel["limits"])  # pyright: ignore
            for index, channel in enumerate(self.details()["channels"])
            if channel["shown"]
        ]
        return image_picture(whole, shown)

    def details(self) -> dict[str, Any]:
        """Returns what the page needs to know, as JSON knows it."""
        with self._lock:
            if self._details is None:
                self._details = self._describe()
            return self._details

    def _describe(self) -> dict[str, Any]:
        image = self.image
        limits = Scaling().fit(image).limits
        stretched = Scaling("percentiles").fit(image).limits
        numbers = sample(image, _SAMPLE)
        lows, highs = (
            getattr(np.nan_to_num(numbers.astype("float64")), name)(axis=0)
            for name in ("min", "max")
        )
        names = [image.channel_names[at] for at in image.channels] if image.channel_names else []
        colors = ["ff0000", "00ff00", "0000ff"] if image.is_rgb else []
        words = ["red", "green", "blue"] if image.is_rgb else []
        channels = []
        for index in range(image.num_channels):
            word = words[index] if index < len(words) else f"channel {index}"
            extra = _COLORS[(index - len(colors)) % len(_COLORS)]
            channels.append(
                {
                    "name": names[index] if index < len(names) else word,
                    "color": colors[index] if index < len(colors) else extra,
                    "limits": list(limits[index % len(limits)]),
                    "auto": list(stretched[index % len(stretched)]),
                    "range": [float(lows[index]), float(highs[index])],
                    "shown": index < 3 if image.is_rgb else index == 0,
                }
            )
        whole = [0.0, float(np.iinfo(image.dtype).max)] if image.dtype.kind in "iu" else None
        for channel in channels:
            if image.dtype == np.uint8:
                channel["range"] = whole
        return {
            "key": self.key,
            "height": image.height,
            "width": image.width,
            "dtype": image.dtype.name,
            "rgb": image.is_rgb,
            "axes": image.plane_axes,
            "planes": list(image.plane_shape),
            "channels": channels,
            "pixel_size": image.pixel_size,
            "unit": image.unit,
        }
