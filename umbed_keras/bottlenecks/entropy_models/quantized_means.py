"""Entropy model of Gaussian codes, whose means are rounded to steps."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from umbed_keras.bottlenecks.entropy_models.entropy_model import NUMBER, EntropyModel, Symbol
from umbed_keras.typing import Codes

# Largest number of steps on either side of 0.
MAX_REACH = 2**14
# The largest mean that can be coded, relative to the largest of the codes that chose the steps.
ROOM = 1.25


class QuantizedMeans(EntropyModel):
    """Entropy model of Gaussian codes: each mean is rounded to a multiple of a step.

    Rounding to a step adds an error with a twelfth of the squared step as its variance. `settings`
    chooses the steps so that this equals the mean variance of the codes, with which the decoder
    was trained. The log-variances are not stored; those read back are those of the rounding.

    Args:
        latent_dim: int, number of means in a code.
        steps: float32 array `(latent_dim,)`, or None before `with_settings`.
        reach: int32 array `(latent_dim,)`: the largest multiple of each step on either
            side of 0, or None before `with_settings`.

    Examples:
        >>> model = QuantizedMeans(latent_dim=1)
        >>> codes = {"mean": np.array([[[0.3], [-2.0]]]), "log_variance": np.zeros((1, 2, 1))}
        >>> settings = model.settings([codes])
        >>> settings["steps"].round(2).tolist(), settings["reach"].tolist()
        ([3.46...], [1])
        >>> model.with_settings(settings).to_symbols(codes).tolist()
        [[[1], [0]]]
    """

    def __init__(
        self, latent_dim: int, steps: np.ndarray | None = None, reach: np.ndarray | None = None
    ):
        self.latent_dim, self.steps, self.reach = latent_dim, steps, reach
        if reach is not None:
            self.symbols = tuple(Symbol(2 * int(count) + 1, NUMBER) for count in reach)

    def settings(self, codes: Sequence[Codes]) -> dict[str, np.ndarray]:
        """Chooses `steps` and `reach`; see `EntropyModel.settings`."""
        mean, log_variance = (
            np.concatenate([np.reshape(part[name], (-1, self.latent_dim)) for part in codes])
            for name in ("mean", "log_variance")
        )
        variances = np.mean(np.exp(log_variance.astype("float64")), axis=0)
        steps = np.sqrt(12 * variances).astype("float32")
        reach = np.minimum(np.ceil(ROOM * np.abs(mean).max(axis=0) / steps), MAX_REACH)
        return {"steps": steps, "reach": reach.astype("int32")}

    def with_settings(self, settings: Mapping[str, np.ndarray]) -> "QuantizedMeans":
        """Returns the model with `steps` and `reach`; see `EntropyModel.with_settings`."""
        if set(settings) != {"steps", "reach"}:
            raise ValueError(
                "The codec is another bottleneck's: it must hold the steps of means and their "
                f"reach. Received: {sorted(settings)}"
            )
        steps, reach = settings["steps"], settings["reach"]
        if steps.shape != (self.latent_dim,) or reach.shape != (self.latent_dim,):
            raise ValueError(f"The codec must hold steps of {self.latent_dim} means.")
        if (steps.dtype, reach.dtype) != ("float32", "int32"):
            raise ValueError("The codec's steps must be float32, and their numbers int32.")
        if not ((steps > 0) & (steps < 1e6) & (reach >= 0) & (reach <= MAX_REACH)).all():
            raise ValueError(
                "The codec's steps must be above 0 and finite, and 2^14 at most either way."
            )
        return QuantizedMeans(self.latent_dim, steps, reach)

    def to_symbols(self, codes: Codes) -> np.ndarray:
        """Rounds the means, and clips them with a warning; see `EntropyModel.to_symbols`."""
        whole = np.rint(codes["mean"] / self.steps)
        beyond = np.mean(np.abs(whole) > self.reach)
        if beyond:
            warnings.warn(
                f"{beyond:.2g} of all numbers are larger than those of the images that the codec "
                "was learned from, and are cut: learn it from images like these (`adapt_codec`).",
                stacklevel=2,
            )
        return np.clip(whole, -self.reach, self.reach).astype("int32") + self.reach

    def from_symbols(self, symbols: np.ndarray) -> dict[str, np.ndarray]:
        """Returns means and log-variances; see `EntropyModel.from_symbols`."""
        mean = (symbols - self.reach).astype("float32") * self.steps
        log_variance = np.log(self.steps**2 / 12).astype("float32")
        return {"mean": mean, "log_variance": np.broadcast_to(log_variance, mean.shape)}
