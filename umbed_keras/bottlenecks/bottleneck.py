"""The seam between models and bottlenecks."""

from typing import ClassVar

import keras
import numpy as np
from keras import ops

from umbed_keras.ops.checks import check_integers


class Bottleneck(keras.layers.Layer):
    """Base of the layers that turn latent vectors into codes and back.

    Models hold any of them and never know which. A subclass declares

    - `latent_dim`: size of the vectors handed on; `input_dim`: size of those taken in;
    - `num_entries`: size of the codebook or dictionary, None where there is none;
    - `num_indices`: integers in codes lie in 0 to this less 1; `num_entries` unless it says
      otherwise: a number, an array over the trailing shape of `code_spec`, or None for any;
    - `unit_variance`: True where latents of unit variance suit it (a Gaussian prior), False where
      errors in latents must equal errors in what they were projected from;
    - `keeps_vectors`: True where, outside training, the vectors handed on are the first
      `latent_dim` entries of those taken in;

    and implements `pass_through`, `encode`, `decode`, `bits` and, where it has starting values that
    come from data, `adapt`.

    Codes are dictionaries of batch-first tensors. All computing is in float32, under mixed
    precision too. An image's codes never depend on the rest of its batch.
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_sizes = ("latent_dim",)
    preset_limits: ClassVar = {}
    # Arguments that `repr` shows.
    repr_arguments = ("latent_dim",)

    # The entry of a preset's configuration in which one may stand.
    preset_role = "bottleneck"
    num_entries = None
    unit_variance = False
    keeps_vectors = False

    def __init__(self, latent_dim, **kwargs):
        # A latent that a rounding moves across a cell's border gets another code, so neither
        # inputs nor weights are cast to the compute dtype.
        super().__init__(autocast=False, **kwargs)
        check_integers(latent_dim=(1, latent_dim))
        self.latent_dim = int(latent_dim)

    def __repr__(self) -> str:
        arguments = (f"{name}={getattr(self, name, None)!r}" for name in self.repr_arguments)
        return f"{type(self).__name__}({', '.join(arguments)})"

    @property
    def input_dim(self):
        """Size of the vectors that the layer takes."""
        return self.latent_dim

    @property
    def num_indices(self):
        """How many values an integer of the codes may have: 0 to `num_indices - 1`."""
        return self.num_entries

    @property
    def input_start(self):
        """What each entry of the input should be about at first, float32 `(input_dim,)`."""
        return np.zeros(self.input_dim, "float32")

    def build(self, input_shape=None):
        """Creates the state; its shapes don't depend on the input's."""

    def call(self, latents, training=False):
        """Sends latents through the bottleneck.

        Args:
            latents: `(..., input_dim)`, floating.
            training: bool; True updates statistics and samples where there is noise.

        Returns:
            Dictionary of `latents` (`(..., latent_dim)`, what the decoder gets, in the compute
            dtype), `codes` (see `encode`) and `loss` (float32 scalar, to be added to the
            model's).
        """
        latents = self._check(latents)
        quantized, codes, loss = self.pass_through(latents, training)
        return {"latents": ops.cast(quantized, self.compute_dtype), "codes": codes, "loss": loss}

    def pass_through(self, latents, training):
        """`call` on checked float32 latents: `(quantized latents, codes, loss)`."""
        raise NotImplementedError

    def encode(self, latents):
        """The codes of latents `(..., input_dim)`: a dictionary of tensors `(..., ...)`."""
        return self.pass_through(self._check(latents), training=False)[1]

    def decode(self, codes):
        """The latents `(..., latent_dim)`, float32, that codes stand for."""
        raise NotImplementedError

    def bits(self, codes):
        """`Bits` spent per latent vector, from codes on the host or the device."""
        raise NotImplementedError

    def fixed_length_bits(self, codes):
        """The fixed-length part of `bits` as a float32 scalar tensor, usable in a graph."""
        raise NotImplementedError

    def spent_bits(self, outputs):
        """Bits per latent vector of what `call` gave, a float32 scalar tensor, as training reports.

        The fixed-length part of `bits`, or less where the bottleneck learns what codes cost.
        """
        return self.fixed_length_bits(outputs["codes"])

    def used_entries(self, codes):
        """Which entries of the `num_entries` codes use, and None or the weight of each.

        As `umbed_keras.metrics.CodeUsage.update_state` takes them.
        """
        return codes["indices"], None

    def adapt(self, latents):
        """Sets starting values from a sample `(n, input_dim)` on the host. Nothing by default."""

    def compute_output_spec(self, latents, training=False):
        leading = tuple(latents.shape[:-1])
        codes = {
            name: keras.KerasTensor((*leading, *shape), dtype)
            for name, (shape, dtype) in self.code_spec().items()
        }
        return {
            "latents": keras.KerasTensor((*leading, self.latent_dim), self.compute_dtype),
            "codes": codes,
            "loss": keras.KerasTensor((), "float32"),
        }

    def code_spec(self):
        """Name to (trailing shape, dtype) of the codes of one latent vector."""
        raise NotImplementedError

    def pack(self, codes):
        """Codes in the smallest types that hold them, for storing.

        Args:
            codes: what `encode` gives, as NumPy arrays.

        Returns:
            Dictionary of NumPy arrays of the same shapes, from which `unpack` gives the codes.
        """
        count = self.num_indices
        kinds = {name: kind for name, (_, kind) in self.code_spec().items()}
        if count is None:
            return dict(codes)
        smallest = np.min_scalar_type(int(np.max(count)) - 1)
        return {
            name: part.astype(smallest) if "int" in kinds[name] else part
            for name, part in codes.items()
        }

    def unpack(self, packed):
        """The codes, in the types that `encode` gives, that `pack` was given."""
        return {
            name: np.asarray(packed[name]).astype(kind)
            for name, (_, kind) in self.code_spec().items()
        }

    # Codes as an entropy coder takes them.

    def symbol_settings(self, codes):
        """What symbols depend on beside the layer: name to a small array. Nothing by default.

        Args:
            codes: list of codes of many latents, NumPy arrays, to choose it by.
        """
        return {}

    def symbol_spec(self, **settings):
        """The `Symbol`s that the code of a latent vector consists of, in the order of coding."""
        raise NotImplementedError

    def to_symbols(self, codes, **settings):
        """Codes `(..., ...)` on the host as symbols, int32 `(..., symbols)`.

        Raises:
            ValueError: codes that can't be symbols, and what to do instead.
        """
        raise NotImplementedError

    def from_symbols(self, symbols, **settings):
        """The codes, NumPy arrays, that were such symbols."""
        raise NotImplementedError

    def get_config(self):
        return {**super().get_config(), "latent_dim": self.latent_dim}

    def _check(self, latents):
        if not self.built:
            self.build(latents.shape)
            self.built = True
        latents = ops.convert_to_tensor(latents)
        if latents.shape[-1] != self.input_dim:
            raise ValueError(
                f"{type(self).__name__} takes latents of shape (..., {self.input_dim}). "
                f"Received: shape={tuple(latents.shape)}"
            )
        return ops.cast(latents, "float32")

    def _check_sample(self, latents):
        latents = np.asarray(latents, dtype="float32")
        if latents.ndim != 2 or latents.shape[1] != self.input_dim or not len(latents):
            raise ValueError(
                f"`latents` must have shape (n, {self.input_dim}) with n >= 1. "
                f"Received: shape={latents.shape}"
            )
        if not np.isfinite(latents).all():
            raise ValueError("`latents` must be finite. Received: NaN or infinite values.")
        return latents
