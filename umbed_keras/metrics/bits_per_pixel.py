"""Bits per pixel of codes."""

from typing import Any

import keras
import numpy as np
from keras import ops

from umbed_keras.typing import Codes


@keras.saving.register_keras_serializable(package="umbed_keras")
class BitsPerPixel(keras.metrics.Metric):
    """Bits per pixel of a bottleneck's codes, for two coders; lower is better.

    The fixed-length coder writes every symbol in a field of constant width. The entropy coder is
    an ideal one that knows the statistics of all codes added. Both follow `bits` of the bottleneck.

    The metric keeps the codes and computes on the host. Use it stand-alone; inside a compiled
    step, use `bottleneck.fixed_length_bits(codes)`. The entropy of n codes is at most log2(n), so
    few codes give too low a value.

    Args:
        bottleneck: layer with the methods `bits` and `code_spec`.
        name: str, name of the metric.
        **kwargs: other arguments of `keras.metrics.Metric`.

    Examples:
        >>> bottleneck = uk.layers.VectorQuantizer(16, latent_dim=4)
        >>> rate = uk.metrics.BitsPerPixel(bottleneck)
        >>> rate.update_state({"indices": np.array([[0, 1], [2, 3]])}, pixels=4)
        >>> rate.result()
        {'fixed_length': 4.0, 'entropy_coded': 2.0}
    """

    def __init__(
        self, bottleneck: keras.Layer, name: str = "bits_per_pixel", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.bottleneck = bottleneck
        self._direction = "down"  # read by Keras's callbacks
        self.reset_state()

    def reset_state(self) -> None:
        """Removes all codes."""
        self._pixels = 0
        self._codes = {name: [] for name in self.bottleneck.code_spec()}

    def update_state(self, codes: Codes, pixels: int) -> None:
        """Adds codes.

        Args:
            codes: dict of arrays, as returned by `encode` of the bottleneck.
            pixels: int >= 1, number of pixels that the codes represent, in all images together.

        Raises:
            ValueError: if `codes` are those of another bottleneck.
            ValueError: if `pixels` is below 1.
        """
        spec = self.bottleneck.code_spec()
        if set(codes) != set(spec):
            raise ValueError(
                f"`codes` must have the keys {sorted(spec)}. Received: {sorted(codes)}"
            )
        if not pixels >= 1:
            raise ValueError(f"`pixels` must be at least 1. Received: {pixels}")
        for name, (shape, _) in spec.items():
            self._codes[name].append(ops.convert_to_numpy(codes[name]).reshape(-1, *shape))
        self._pixels += int(pixels)

    def result(self) -> dict[str, float]:
        """Returns the bits per pixel of both coders.

        Returns:
            dict with the floats `fixed_length` and `entropy_coded`; NaN without any codes.
        """
        if not self._pixels:
            return dict.fromkeys(("fixed_length", "entropy_coded"), float("nan"))
        codes = {name: np.concatenate(parts) for name, parts in self._codes.items()}
        latents = len(next(iter(codes.values())))
        bits = self.bottleneck.bits(codes)._asdict()
        return {coder: per_latent * latents / self._pixels for coder, per_latent in bits.items()}

    def get_config(self) -> dict[str, Any]:
        bottleneck = keras.saving.serialize_keras_object(self.bottleneck)
        return {**super().get_config(), "bottleneck": bottleneck}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "BitsPerPixel":
        bottleneck = keras.saving.deserialize_keras_object(config["bottleneck"])
        return cls(**{**config, "bottleneck": bottleneck})
