"""The difference in rate between two curves of quality over rate."""

import numpy as np


def bjontegaard_rate(rates, qualities, other_rates, other_qualities):
    """How much more the second codec spends than the first for the same quality, on average.

    Bjontegaard's difference in rate ("BD-rate"; VCEG-M33, 2001): the logarithm of the rate is a
    cubic polynomial of quality, by least squares, and the two are compared over the qualities that
    both reach.

    Args:
        rates, qualities: floats `(n,)`, four points or more of the first codec; rates above 0 in
            any unit, qualities such as PSNR in dB.
        other_rates, other_qualities: the same of the second.

    Returns:
        float, a share of the first codec's rate: -0.2 where the second spends a fifth less.

    Raises:
        ValueError: too few points, rates of 0 or less, what isn't finite, or no quality that both
            reach.
    """
    curves = []
    for rate, quality in ((rates, qualities), (other_rates, other_qualities)):
        rate, quality = (np.asarray(values, "float64") for values in (rate, quality))
        if rate.ndim != 1 or rate.shape != quality.shape or len(rate) < 4:
            raise ValueError(
                "A curve must be four points or more, as many rates as qualities. Received: "
                f"shapes {rate.shape} and {quality.shape}"
            )
        if not (np.isfinite(rate).all() and np.isfinite(quality).all() and (rate > 0).all()):
            raise ValueError("Rates must be above 0, and all numbers finite.")
        curves.append((rate, quality))
    low = max(quality.min() for _, quality in curves)
    high = min(quality.max() for _, quality in curves)
    if not low < high:
        raise ValueError(f"The two share no qualities: from {low:g}, to {high:g}.")
    areas = []
    for rate, quality in curves:
        fit = np.polynomial.Polynomial.fit(quality, np.log(rate), 3).integ()
        areas.append(fit(high) - fit(low))
    return float(np.expm1((areas[1] - areas[0]) / (high - low)))
