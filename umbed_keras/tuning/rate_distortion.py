"""The objective of a sweep."""

import time
from typing import Any

import keras

OBJECTIVE = "rate_distortion"


class RateDistortion(keras.callbacks.Callback):
    """Callback that adds `rate_distortion` and the elapsed seconds to the logs of each epoch.

    `rate_distortion` is the reconstruction error plus `rate_weight` times the bits per pixel, the
    Lagrangian of rate-distortion theory. `val_rate_distortion` is the same on validation data.
    Later callbacks and the history of `fit` contain both. Seconds count from the construction of
    the callback.

    Args:
        rate_weight: float >= 0, squared error that a bit per pixel is worth.

    Examples:
        >>> logs = {"reconstruction": 0.5, "bits_per_pixel": 8.0}
        >>> RateDistortion(rate_weight=0.01).on_epoch_end(0, logs)
        >>> round(logs["rate_distortion"], 3)
        0.58
    """

    def __init__(self, rate_weight: float) -> None:
        super().__init__()
        self.rate_weight = rate_weight
        self.start = time.perf_counter()  # not at the start of training: `fit` adapts before

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds the entries to `logs`.

        Args:
            epoch: int, index of the epoch.
            logs: dict of the metrics of the epoch, changed in place.
        """
        logs = {} if logs is None else logs
        for prefix in ("", "val_"):
            if f"{prefix}reconstruction" in logs:
                bits = logs[f"{prefix}bits_per_pixel"]
                logs[prefix + OBJECTIVE] = logs[f"{prefix}reconstruction"] + self.rate_weight * bits
        logs["seconds"] = time.perf_counter() - self.start
