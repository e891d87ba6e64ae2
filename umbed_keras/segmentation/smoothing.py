"""Filters that smooth maps of class probabilities."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import keras
import numpy as np
from scipy.ndimage import gaussian_filter

from umbed_keras.ops.checks import check_integers
from umbed_keras.ops.guided_filter import guided_filter

# Radius of Gaussian filters, in standard deviations.
RADIUS = 4
# A window's radius is at most this part of the shorter side of an image.
RADII = 15
# Least share of a window's weight that counts as data.
LEAST = 1e-6


class Smoothing(Protocol):
    """A filter of probability maps.

    Attributes:
        halo: int, how far around a pixel its result depends on others, in pixels.

    Examples:
        >>> filters: list[Smoothing] = [GaussianSmoothing(2.0), GuidedSmoothing()]
        >>> [smoothing.halo for smoothing in filters]
        [8, 38]
    """

    @property
    def halo(self) -> int: ...

    def __call__(
        self, probabilities: np.ndarray, guide: np.ndarray, valid: np.ndarray
    ) -> np.ndarray:
        """Smooths probabilities.

        Args:
            probabilities: float32 array `(height, width, classes)`, 0 where there are no data.
            guide: float32 array `(height, width, channels)`, 0 where there are no data.
            valid: boolean array `(height, width)`, where there are data.

        Returns:
            float32 array `(height, width, classes)`; pixels without data weigh nothing.
        """
        ...


@dataclass(frozen=True)
class GaussianSmoothing:
    """Smooths probabilities by a Gaussian filter, whatever the image shows.

    Args:
        sigma: float, standard deviation in pixels; 0 does not smooth.

    Raises:
        ValueError: if `sigma` is negative or not finite.

    Examples:
        >>> smoothing = GaussianSmoothing(1.5)
        >>> smoothing.halo
        6
        >>> probabilities, valid = np.ones((4, 6, 2), "float32") / 2, np.ones((4, 6), bool)
        >>> smoothing(probabilities, np.zeros((4, 6, 3)), valid)[0, 0].tolist()
        [0.5, 0.5]
    """

    sigma: float

    def __post_init__(self) -> None:
        if not 0 <= self.sigma < np.inf:
            raise ValueError(
                f"`smoothing` must be at least 0, in pixels, and finite. Received: {self.sigma}"
            )

    @property
    def halo(self) -> int:
        """How far around a pixel its result depends on others, in pixels."""
        return int(RADIUS * self.sigma + 0.5)  # as SciPy rounds

    def __call__(
        self, probabilities: np.ndarray, guide: np.ndarray, valid: np.ndarray
    ) -> np.ndarray:
        """Smooths probabilities; see `Smoothing`."""
        return blurred(probabilities, self.sigma, valid) if self.sigma else probabilities


@dataclass(frozen=True)
class GuidedSmoothing:
    """Smooths probabilities by a guided filter, so that borders of classes follow edges.

    The guide is the image, blurred a little so that noise is no edge. Of more than three channels
    the first three principal components guide. See `umbed_keras.ops.guided_filter` (He, Sun & Tang
    2013).

    Args:
        radius: int, radius of the filter's windows in pixels.
        epsilon: float, variance of the guide's channels, which lie in 0..1, below which a window
            counts as even.
        blur: float, standard deviation of the Gaussian filter of the guide, in pixels.

    Raises:
        ValueError: if `radius` is no integer of at least 1, `epsilon` is not above 0, or `blur` is
            negative or not finite.

    Examples:
        >>> GuidedSmoothing(radius=8).halo
        22
        >>> guide = np.repeat(np.float32([0, 0, 0, 1, 1, 1]), 4).reshape(6, 4, 1)
        >>> probabilities = np.concatenate([guide, 1 - guide], axis=-1)
        >>> smoothing = GuidedSmoothing(radius=2, blur=0)
        >>> smooth = smoothing(probabilities, guide, np.ones((6, 4), bool))
        >>> smooth[[0, 2, 3, 5], 0].argmax(axis=-1).tolist()
        [1, 1, 0, 0]
    """

    radius: int = 16
    epsilon: float = 3e-4
    blur: float = 1.5

    def __post_init__(self) -> None:
        check_integers(radius=(1, self.radius))
        if not 0 < self.epsilon < np.inf:
            raise ValueError(f"`epsilon` must be above 0 and finite. Received: {self.epsilon}")
        if not 0 <= self.blur < np.inf:
            raise ValueError(f"`blur` must be at least 0 and finite. Received: {self.blur}")

    @property
    def halo(self) -> int:
        """How far around a pixel its result depends on others, in pixels."""
        return 2 * int(self.radius) + int(RADIUS * self.blur + 0.5)

    def __call__(
        self, probabilities: np.ndarray, guide: np.ndarray, valid: np.ndarray
    ) -> np.ndarray:
        """Smooths probabilities; see `Smoothing`."""
        guide = blurred(guide, self.blur, valid)
        weights = None if valid.all() else valid.astype("float32")
        filtered = guided_filter(guide, probabilities, self.radius, self.epsilon, weights)
        filtered = np.clip(keras.ops.convert_to_numpy(filtered), 0, 1)
        return filtered / np.maximum(filtered.sum(axis=-1, keepdims=True), LEAST)


def as_smoothing(smoothing: Any, side: int | None = None) -> Smoothing:
    """Returns the filter that an argument `smoothing` names.

    Args:
        smoothing: `"guided"`, a `GuidedSmoothing()` whose radius is at most a fifteenth of the
            image's shorter side, as a window of the whole image smooths all away; a number, the
            standard deviation in pixels of a Gaussian filter, 0 for none; or a filter.
        side: int, shorter side of the image in pixels; None for a large image.

    Raises:
        TypeError: if `smoothing` is none of these.
        ValueError: if a number is negative or not finite.

    Examples:
        >>> as_smoothing("guided")
        GuidedSmoothing(radius=16, epsilon=0.0003, blur=1.5)
        >>> as_smoothing("guided", side=64).radius
        4
        >>> as_smoothing(2)
        GaussianSmoothing(sigma=2.0)
    """
    if isinstance(smoothing, GuidedSmoothing | GaussianSmoothing):
        return smoothing
    if isinstance(smoothing, str) and smoothing == "guided":
        largest = GuidedSmoothing()
        if side is None:
            return largest
        return replace(largest, radius=min(largest.radius, max(1, side // RADII)))
    if isinstance(smoothing, bool):
        raise TypeError(_MESSAGE.format(smoothing))
    try:
        return GaussianSmoothing(float(smoothing))
    except TypeError as error:
        raise TypeError(_MESSAGE.format(smoothing)) from error
    except ValueError as error:
        if isinstance(smoothing, str):
            raise TypeError(_MESSAGE.format(smoothing)) from error
        raise


def at_half_size(smoothing: Smoothing) -> Smoothing | None:
    """Returns the filter for every other row and column of an image, or None if it is unknown.

    Args:
        smoothing: the filter for all rows and columns.

    Examples:
        >>> at_half_size(GuidedSmoothing())
        GuidedSmoothing(radius=8, epsilon=0.0003, blur=0.75)
        >>> at_half_size(GaussianSmoothing(1.5))
        GaussianSmoothing(sigma=0.75)
    """
    if isinstance(smoothing, GaussianSmoothing):
        return replace(smoothing, sigma=smoothing.sigma / 2)
    if isinstance(smoothing, GuidedSmoothing):
        radius = max(1, round(smoothing.radius / 2))
        return replace(smoothing, radius=radius, blur=smoothing.blur / 2)
    return None


def smoothing_config(smoothing: Any) -> str | float | dict[str, float]:
    """Returns an argument `smoothing` as JSON knows it.

    Args:
        smoothing: as in `as_smoothing`.

    Examples:
        >>> smoothing_config(GuidedSmoothing(radius=8))
        {'radius': 8, 'epsilon': 0.0003, 'blur': 1.5}
    """
    smoothing = as_smoothing(smoothing)
    if isinstance(smoothing, GaussianSmoothing):
        return smoothing.sigma
    if smoothing == GuidedSmoothing():
        return "guided"
    return {
        "radius": int(smoothing.radius),
        "epsilon": float(smoothing.epsilon),
        "blur": float(smoothing.blur),
    }


def smoothing_from_config(config: str | float | dict[str, float]) -> Any:
    """Returns the argument `smoothing` of a configuration.

    Args:
        config: what `smoothing_config` returned.

    Examples:
        >>> smoothing_from_config({"radius": 8, "epsilon": 0.001, "blur": 0.0})
        GuidedSmoothing(radius=8, epsilon=0.001, blur=0.0)
    """
    return GuidedSmoothing(**config) if isinstance(config, dict) else config


_MESSAGE = (
    '`smoothing` must be "guided", a `GuidedSmoothing`, or the standard deviation of a Gaussian '
    "filter in pixels. Received: {!r}"
)


def blurred(maps: np.ndarray, sigma: float, valid: np.ndarray) -> np.ndarray:
    """Applies a Gaussian filter to which pixels without data contribute nothing.

    Args:
        maps: float array `(height, width, maps)`, 0 where there are no data.
        sigma: float, standard deviation in pixels; 0 does nothing.
        valid: boolean array `(height, width)`, where there are data.

    Returns:
        Array like `maps`.

    Examples:
        >>> maps, valid = np.float32([[[1], [0], [1]]]), np.array([[True, False, True]])
        >>> blurred(maps, 1.0, valid)[0, :, 0].round(3).tolist()
        [1.0, 1.0, 1.0]
    """
    if not sigma:
        return maps
    blurry = gaussian_filter(maps, (sigma, sigma, 0), truncate=RADIUS)
    if not valid.all():
        weights = gaussian_filter(valid.astype("float32"), sigma, truncate=RADIUS)
        blurry /= np.maximum(weights, LEAST)[..., None]
    return blurry
