"""The map from an image's own numbers to floats in 0..1."""

import itertools
import math
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from umbed_keras.images.image import Image, as_image
from umbed_keras.typing import ArrayLike

# Numbers of a channel that limits are learned from at most, over all images.
_SAMPLE = 1 << 22
# An image of more pixels is sampled in windows of this side, so many of them.
_WINDOW, _WINDOWS = 128, 256
# Images of a collection that are looked at.
_IMAGES = 256
# Standard deviation, in 0..1, below which a picture shows next to nothing.
_FLAT = 0.005
KINDS = ("auto", "percentiles", "dtype")
SCOPES = ("image", "collection")


class Scaling:
    """Scales an image's own numbers to floats in 0..1, channel by channel.

    By default unsigned integers of 8 bits and floats that lie in 0..1 keep their values (0..255
    becomes 0..1), and anything else is stretched between two percentiles of each channel. `fit`
    finds the limits of an image or of a collection, and returns a scaling with just these limits,
    which then maps every image alike. Numbers beyond the limits are clipped; none are rounded to
    8 bits.

    Args:
        limits: `"auto"`, as described; `"percentiles"`, stretched whatever the type; `"dtype"`,
            the range of an integer type; a pair `(low, high)` of numbers that become 0 and 1; or
            one pair for each channel.
        percentiles: pair of floats in 0..100, between which numbers are stretched.
        scope: `"image"`: whoever scales several images fits each by itself, as exposures may
            differ; a stack is one image. `"collection"`: one fit serves all of them, as where
            equal numbers mean the same in every image.

    Raises:
        ValueError: if `limits` or `scope` is none of these, a pair does not rise, or `percentiles`
            do not rise within 0..100.

    Examples:
        >>> camera = np.array([[100, 200], [300, 500]], "uint16")
        >>> scaling = uk.Scaling(percentiles=(0, 100)).fit(camera)
        >>> scaling
        Scaling(limits=[(100.0, 500.0)])
        >>> scaling(camera).tolist()
        [[0.0, 0.25], [0.5, 1.0]]
    """

    def __init__(
        self,
        limits: str | Sequence[float] | Sequence[Sequence[float]] = "auto",
        percentiles: Sequence[float] = (1.0, 99.8),
        scope: str = "image",
    ):
        if scope not in SCOPES:
            raise ValueError(f"`scope` must be one of {SCOPES}. Received: {scope!r}")
        self.scope = scope
        low, high = (float(part) for part in percentiles)
        if not 0 <= low < high <= 100:
            raise ValueError(f"`percentiles` must rise within 0..100. Received: {percentiles}")
        self.percentiles = (low, high)
        self.limits = _checked_limits(limits)

    @property
    def is_fitted(self) -> bool:
        """Whether the limits are numbers."""
        return not isinstance(self.limits, str)

    def fit(self, images: "Image | ArrayLike | Iterable[Image | ArrayLike]") -> "Scaling":
        """Returns the scaling whose limits are those of an image or a collection.

        Pixels without data do not count. Of large images and large collections a sample is looked
        at, at fixed positions.

        Args:
            images: `Image` or array, `(height, width)` or `(height, width, channels)`, or a list
                of them, all with the same number of channels.

        Returns:
            `Scaling` with one pair of limits for each channel; itself if it has limits already.

        Raises:
            TypeError: if images hold complex numbers.
            ValueError: if there are no images, no pixels with data, images of different numbers
                of channels, or floats with limits `"dtype"`.
        """
        if self.is_fitted:
            return self
        if isinstance(images, (list, tuple)):
            collection = [as_image(image) for image in images]
        else:
            collection = [as_image(images)]  # type: ignore[arg-type]
        if not collection:
            raise ValueError("`images` must hold at least one image. Received none.")
        for image in collection:
            _check_real(image.dtype, image.name)
        counts = sorted({image.num_channels for image in collection})
        if len(counts) > 1:
            raise ValueError(
                f"`images` must all have the same number of channels. Received: {counts}"
            )
        kinds = {_natural_limits(image, self.limits) for image in collection}
        if len(kinds) == 1 and None not in kinds:
            return Scaling([kinds.pop()] * counts[0], self.percentiles, self.scope)
        if len(collection) > _IMAGES:
            positions = np.linspace(0, len(collection) - 1, _IMAGES).astype(int)
            collection = [collection[position] for position in positions]
        share = max(1, _SAMPLE // len(collection))
        samples = np.concatenate([sample(image, share) for image in collection])
        if not len(samples):
            raise ValueError("`images` must hold pixels with data. Received none.")
        if (
            self.limits == "auto"
            and samples.dtype.kind == "f"
            and samples.min() >= 0
            and samples.max() <= 1
        ):
            return Scaling([(0.0, 1.0)] * counts[0], self.percentiles, self.scope)
        return Scaling(
            [self._stretch(column) for column in samples.T], self.percentiles, self.scope
        )

    def _stretch(self, numbers: np.ndarray) -> tuple[float, float]:
        low, high = (float(part) for part in np.percentile(numbers, self.percentiles))
        if not low < high:
            # Nearly all numbers are one: what differs lies beyond the percentiles.
            low, high = float(numbers.min()), float(numbers.max())
        return (low, high) if low < high else (low, low + 1.0)

    def of_channels(self, channels: Sequence[int]) -> "Scaling":
        """Returns the scaling of some channels.

        Args:
            channels: indices of pairs of limits, in order; one pair serves every channel.

        Raises:
            ValueError: if the limits are not numbers yet.
        """
        if isinstance(self.limits, str):
            raise ValueError("The scaling has no limits yet: call `fit` with images first.")
        if len(self.limits) == 1:
            return self
        return Scaling([self.limits[channel] for channel in channels], self.percentiles, self.scope)

    def __call__(self, values: ArrayLike) -> np.ndarray:
        """Scales numbers.

        Args:
            values: array `(..., channels)`, or of any shape where there is one pair of limits.

        Returns:
            float32 array of the same shape in 0..1; NaN stays NaN.

        Raises:
            TypeError: if `values` are complex numbers.
            ValueError: if the limits are not numbers yet, or are of another number of channels.
        """
        if isinstance(self.limits, str):
            raise ValueError("The scaling has no limits yet: call `fit` with images first.")
        values = np.asarray(values)
        _check_real(values.dtype, "`values`")
        low, high = np.array(self.limits, "float64").T
        if len(low) == 1:
            low, high = low[0], high[0]
        elif values.shape[-1:] != low.shape:
            raise ValueError(
                f"`values` must have {len(low)} channels in their last axis, as the limits have. "
                f"Received: shape={values.shape}"
            )
        # Integers of 16 bits at most are exact in float32, and so is what 8 bits become.
        small = values.dtype.kind in "biu" and values.dtype.itemsize <= 2
        kind = "float32" if small or values.dtype == np.float32 else "float64"
        scaled = values.astype(kind)
        if np.any(low != 0):
            scaled -= np.asarray(low, kind)
        scaled /= np.asarray(high - low, kind)
        return np.clip(scaled, 0, 1).astype("float32", copy=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scaling):
            return NotImplemented
        return self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        if self.is_fitted:
            return f"Scaling(limits={[tuple(pair) for pair in self.limits]})"
        return f"Scaling({self.limits!r}, percentiles={self.percentiles}, scope={self.scope!r})"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments, as JSON knows them."""
        limits = self.limits
        if not isinstance(limits, str):
            limits = [list(pair) for pair in limits]
        return {
            "limits": limits,
            "percentiles": list(self.percentiles),
            "scope": self.scope,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Scaling":
        """Returns the scaling of a configuration.

        Args:
            config: what `get_config` returned.
        """
        return cls(**config)


def sample(image: Image, count: int = _SAMPLE) -> np.ndarray:
    """Returns pixels of an image from fixed positions all over it.

    Args:
        image: `Image`.
        count: the largest number of pixels to return.

    Returns:
        Array `(pixels, channels)` in the image's own numbers, without pixels that hold no data.

    Examples:
        >>> sample(Image(np.arange(6).reshape(2, 3)), count=3).ravel().tolist()
        [0, 2, 4]
    """
    planes = list(image.planes())
    if len(planes) > _WINDOWS:
        positions = np.linspace(0, len(planes) - 1, _WINDOWS).astype(int)
        planes = [planes[position] for position in positions]
    parts = []
    for plane in planes:
        for rows, cols in _windows(image.height, image.width, max(1, _WINDOWS // len(planes))):
            window = image.read(rows, cols, plane)
            parts.append(window[image.valid(rows, cols, plane, window)])
    pixels = np.concatenate(parts)
    return pixels[:: max(1, math.ceil(len(pixels) / count))]


def _windows(height: int, width: int, count: int) -> list[tuple[slice, slice]]:
    """The whole of a plane, or `count` windows in the middles of a grid's cells over it."""
    if height * width <= count * _WINDOW**2:
        return [(slice(0, height), slice(0, width))]
    side = max(1, math.isqrt(count))
    rows, cols = (
        sorted({max(0, int((cell + 0.5) * size / side) - _WINDOW // 2) for cell in range(side)})
        for size in (height, width)
    )
    return [
        (slice(row, row + _WINDOW), slice(col, col + _WINDOW))
        for row, col in itertools.product(rows, cols)
    ]


def _check_real(dtype: np.dtype, name: str) -> None:
    if dtype.kind == "c":
        raise TypeError(
            f"{name} must hold real numbers. Received: dtype={dtype}. Pass the magnitude "
            "(`numpy.abs`), or magnitude and phase (`numpy.angle`) as two channels."
        )


def _natural_limits(image: Image, kind: Any) -> tuple[float, float] | None:
    """Limits that follow from an image's type alone, or None."""
    if kind == "percentiles":
        return None
    if image.dtype.kind == "b":
        return (0.0, 1.0)
    if kind == "auto":
        return (0.0, 255.0) if image.dtype == np.uint8 else None
    if image.dtype.kind not in "iu":
        raise ValueError(
            f'Limits "dtype" are those of integers. Received: {image.name} of dtype {image.dtype}'
        )
    bounds = np.iinfo(image.dtype)
    return (float(bounds.min), float(bounds.max))


def _checked_limits(limits: Any) -> Any:
    """A kind of limits, or a list of pairs."""
    if isinstance(limits, str):
        if limits in KINDS:
            return limits
        raise ValueError(f"`limits` must be one of {KINDS} or numbers. Received: {limits!r}")
    pairs = np.asarray(limits, "float64")
    pairs = pairs[None] if pairs.ndim == 1 else pairs
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs):
        raise ValueError(
            f"`limits` must be a pair (low, high), or one for each channel. Received: {limits!r}"
        )
    if not (np.isfinite(pairs).all() and (pairs[:, 0] < pairs[:, 1]).all()):
        raise ValueError(f"`limits` must be finite and rise from low to high. Received: {limits!r}")
    return [(float(low), float(high)) for low, high in pairs]


def warn_if_flat(scaled: np.ndarray, name: str = "The image") -> None:
    """Warns of a picture that is nearly constant after scaling.

    Args:
        scaled: floats in 0..1; NaN does not count.
        name: name of the image in the message.

    Examples:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     warn_if_flat(np.full((4, 4), 0.25))
        >>> len(caught)
        1
    """
    finite = scaled[np.isfinite(scaled)]
    if finite.size > 1 and float(finite.std(dtype="float64")) < _FLAT:
        warnings.warn(
            f"{name} is nearly constant after scaling (standard deviation "
            f"{float(finite.std(dtype='float64')):.2g} in 0..1): pass a `Scaling` that suits its "
            "numbers.",
            stacklevel=3,
        )
