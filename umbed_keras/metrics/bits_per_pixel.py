"""What codes cost per pixel."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="umbed_keras")
class BitsPerPixel(keras.metrics.Metric):
    """Bits that a bottleneck's codes spend per pixel; lower is better.

    For two coders, by the bottleneck's own rule (its `bits`): fields of constant width, and an
    ideal entropy coder that knows the statistics of all codes added. Entropies take the codes
    themselves, so the metric keeps them and computes on the host: use it stand-alone, not inside
    a compiled step, where `bottleneck.fixed_length_bits(codes)` serves.

    An entropy of n codes is log2(n) at most: add enough of them.

    Args:
        bottleneck: layer with `bits(codes)` (per latent vector) and `code_spec()`.
    """

    def __init__(self, bottleneck, name="bits_per_pixel", **kwargs):
        super().__init__(name=name, **kwargs)
        self.bottleneck = bottleneck
        self._direction = "down"  # where Keras's callbacks look for what better means
        self.reset_state()

    def reset_state(self):
        """Forgets all codes."""
        self._pixels = 0
        self._codes = {name: [] for name in self.bottleneck.code_spec()}

    def update_state(self, codes, pixels):
        """Adds codes.

        Args:
            codes: dictionary as the bottleneck's `encode` returns it, of one or many latents.
            pixels: int, the number of pixels that these codes stand for, of all images together.

        Raises:
            ValueError: codes of another bottleneck, or a number of pixels below 1.
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

    def result(self):
        """`{"fixed_length", "entropy_coded"}` in bits per pixel, floats; 0 before any code."""
        if not self._pixels:
            return {"fixed_length": 0.0, "entropy_coded": 0.0}
        codes = {name: np.concatenate(parts) for name, parts in self._codes.items()}
        latents = len(next(iter(codes.values())))
        bits = self.bottleneck.bits(codes)._asdict()
        return {coder: per_latent * latents / self._pixels for coder, per_latent in bits.items()}

    def get_config(self):
        bottleneck = keras.saving.serialize_keras_object(self.bottleneck)
        return {**super().get_config(), "bottleneck": bottleneck}

    @classmethod
    def from_config(cls, config):
        bottleneck = keras.saving.deserialize_keras_object(config["bottleneck"])
        return cls(**{**config, "bottleneck": bottleneck})
