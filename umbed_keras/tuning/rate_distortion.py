"""What a sweep minimises."""

import time

import keras

OBJECTIVE = "rate_distortion"


class RateDistortion(keras.callbacks.Callback):
    """Adds `rate_distortion` and the seconds since it was made to what an epoch reports.

    It is the error of reconstruction plus `rate_weight` times the bits per pixel, of training and,
    with `val_` before the name, of validation: the Lagrangian of rate-distortion theory.
    Callbacks after this one see it, and so does the history of `fit`.

    Args:
        rate_weight: float at least 0, squared error that a bit per pixel is worth.
    """

    def __init__(self, rate_weight):
        super().__init__()
        self.rate_weight = rate_weight
        self.start = time.perf_counter()  # before `fit`, which calls `adapt` first

    def on_epoch_end(self, epoch, logs=None):
        for prefix in ("", "val_"):
            if f"{prefix}reconstruction" in logs:
                bits = logs[f"{prefix}bits_per_pixel"]
                logs[prefix + OBJECTIVE] = logs[f"{prefix}reconstruction"] + self.rate_weight * bits
        logs["seconds"] = time.perf_counter() - self.start
