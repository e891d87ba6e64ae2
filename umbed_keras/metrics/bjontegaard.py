"""Bjontegaard difference in rate."""

import numpy as np

from umbed_keras.typing import ArrayLike


def bjontegaard_rate(
    rates: ArrayLike, qualities: ArrayLike, other_rates: ArrayLike, other_qualities: ArrayLike
) -> float:
    """Computes the average rate difference of two codecs at equal quality (BD-rate).

    A cubic polynomial of quality is fitted to the logarithm of the rate of each codec by least
    squares. The difference of the two is averaged over the qualities that both reach.

    Reference: Bjontegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33,
    2001.

    Args:
        rates: floats `(n,)` > 0, rates of the first codec in any unit, with n >= 4.
        qualities: floats `(n,)`, qualities of the first codec, for example PSNR in dB.
        other_rates: floats `(m,)` > 0, rates of the second codec in the same unit, with m >= 4.
        other_qualities: floats `(m,)`, qualities of the second codec.

    Returns:
        float, the difference as a share of the first codec's rate: -0.2 if the second codec needs
        20 % less.

    Raises:
        ValueError: if a curve has fewer than four points, or not as many rates as qualities.
        ValueError: if a rate is not above 0, or a number is not finite.
        ValueError: if quality does not rise with the rate.
        ValueError: if the ranges of quality do not overlap.

    Examples:
        >>> rates, qualities = np.array([1.0, 2.0, 4.0, 8.0]), [30.0, 33.0, 36.0, 39.0]
        >>> round(uk.metrics.bjontegaard_rate(rates, qualities, 0.8 * rates, qualities), 3)
        -0.2
    """
    curves = []
    for rate, quality in ((rates, qualities), (other_rates, other_qualities)):
        rate, quality = (np.asarray(values, "float64") for values in (rate, quality))
        if rate.ndim != 1 or rate.shape != quality.shape or len(rate) < 4:
            raise ValueError(
                "A curve must have four or more points, as many rates as qualities. Received: "
                f"shapes {rate.shape} and {quality.shape}"
            )
        if not (np.isfinite(rate).all() and np.isfinite(quality).all() and (rate > 0).all()):
            raise ValueError("Rates must be above 0, and all numbers finite.")
        if not (np.diff(quality[np.argsort(rate)]) > 0).all():
            raise ValueError(
                "Quality must rise with the rate: rate is fitted as a function of quality. "
                f"Received: qualities {quality.tolist()} at rates {rate.tolist()}"
            )
        curves.append((rate, quality))
    low = max(quality.min() for _, quality in curves)
    high = min(quality.max() for _, quality in curves)
    if not low < high:
        raise ValueError(f"The ranges of quality must overlap. Received: from {low:g} to {high:g}")
    areas = []
    for rate, quality in curves:
        fit = np.polynomial.Polynomial.fit(quality, np.log(rate), 3).integ()
        areas.append(fit(high) - fit(low))
    return float(np.expm1((areas[1] - areas[0]) / (high - low)))
