"""The interface between models and bottlenecks."""

from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from umbed_keras.bottlenecks.entropy_models.entropy_model import EntropyModel
from umbed_keras.bottlenecks.entropy_models.integer_codes import IntegerCodes
from umbed_keras.ops.checks import as_indices, check_integers
from umbed_keras.ops.rate import Bits
from umbed_keras.typing import ArrayLike, Codes, Shape, Tensor

# What `call` may return.
OUTPUTS = ("all", "latents")


class Bottleneck(keras.layers.Layer):
    """Base class of layers that turn latent vectors into codes and back.

    Models hold any bottleneck and never ask which. Codes are dictionaries of batch-first tensors.
    Everything is computed in float32, under mixed precision too. The code of a vector never
    depends on the rest of its batch.

    A bottleneck works inside any Keras model: it adds its loss by `add_loss`, vectors that a mask
    leaves out (`keras.layers.Masking`) count neither in the loss nor in statistics, and with
    `output="latents"` it returns one tensor, as `keras.Sequential` needs.

    With `trainable = False` nothing of it changes in training: neither weights nor statistics,
    such as codebooks that follow running averages. Gradients still pass through it. A batch that
    is empty or not finite changes no statistics either.

    **Writing a bottleneck.** A subclass must implement

    - `pass_through(latents, training, mask=None)`: quantized latents, codes and loss. `call` and
      `encode` use it; they raise `NotImplementedError` without it.
    - `decode(codes)`: the latents that codes stand for. Without it, models cannot decode,
      reconstruct or decompress.
    - `code_spec()`: trailing shape and dtype of each tensor of the codes. Without it, the layer
      cannot be called symbolically, and `pack`, `unpack` and stores of codes fail.
    - `bits(codes)` and `fixed_length_bits(codes)`: the cost of codes, on the host and in a graph.
      Without the second, models cannot train, because they report bits per pixel.
    - `get_config()`: adds the subclass's own arguments. Without it, presets and `.keras` files
      cannot be loaded. Register the class by `keras.saving.register_keras_serializable`.

    and may define

    - `build(input_shape)`: creates weights, whose shapes must not depend on the input's. By
      default there are none. Statistics come from `umbed_keras.backend.variables.add_state`.
    - `input_dim`: size of the vectors taken in. Default: `latent_dim`.
    - `num_entries`: size of the codebook or dictionary. Default: None, and models then report no
      usage.
    - `num_indices`: integers in codes lie in 0 to `num_indices - 1`; an int, an array over the
      trailing shape of the codes, or None for any integer. Default: `num_entries`. Codes outside
      are refused by models, and `pack` chooses its types by it.
    - `used_entries(codes)`: the entries that codes use and their weights, for usage metrics, if
      there are `num_entries`. Default: the codes' `"indices"`, all of weight 1.
    - `spent_bits(outputs)`: the cost that training reports. Default: `fixed_length_bits`.
    - `adapt(latents)`: starting values from a sample. Default: nothing.
    - `unit_variance`: True if latents of unit variance suit the bottleneck, False if errors in
      latents must equal errors in what they are projected from. Default: False.
    - `keeps_vectors`: True if, outside training, the vectors handed on are the first `latent_dim`
      entries of those taken in. Default: False.
    - `input_start`: the initial bias of the network before the bottleneck. Default: zeros.
    - `pack(codes)` and `unpack(packed)`: codes in smaller types, for storing. By default integers
      become the smallest type that holds `num_indices`.
    - `preset_sizes`: names of the arguments whose product is the size of the largest array, and
      `preset_limits`: the largest value of each other argument, in a preset. By default
      `latent_dim`, and 256 for all others: a preset with more does not load.
    - `repr_arguments`: names of the arguments that `repr` shows. Default: `latent_dim`.
    - `entropy_model()`: how codes become symbols, and where the symbols' probabilities come from.
      The default serves codes that are integers below `num_indices`. For other codes it raises
      `NotImplementedError`, and `adapt_codec` and `compress` fail.

    In training, `pass_through` updates statistics only if `self.trainable`, and by
    `umbed_keras.backend.statistics.StatisticsUpdate`, which leaves bad batches out and gives the
    same result to all replicas.

    Args:
        latent_dim: int >= 1, size of the vectors handed on.
        output: `"all"`: `call` returns a dictionary of latents, codes and loss. `"latents"`: it
            returns the latents alone.
        **kwargs: other arguments of `keras.layers.Layer`: `name`, `dtype`, `trainable`.

    Raises:
        ValueError: if `latent_dim` is not an integer >= 1.
        ValueError: if `output` is neither `"all"` nor `"latents"`.

    Examples:
        >>> model = keras.Sequential(
        ...     [
        ...         keras.layers.Dense(4),
        ...         uk.layers.VectorQuantizer(8, latent_dim=4, output="latents"),
        ...         keras.layers.Dense(3),
        ...     ]
        ... )
        >>> model.compile("adam", "mse")  # the codebook's loss is added
        >>> x = np.random.default_rng(0).normal(size=(32, 3))
        >>> sorted(model.fit(x, x, verbose=0).history)
        ['loss']
        >>> model.predict(x, verbose=0).shape
        (32, 3)
    """

    # What presets may ask for: see `umbed_keras.zoo.preset_checks`.
    preset_role: ClassVar[str] = "bottleneck"
    preset_sizes: ClassVar[tuple[str, ...]] = ("latent_dim",)
    preset_limits: ClassVar[dict[str, int]] = {}
    # Arguments that `repr` shows.
    repr_arguments: ClassVar[tuple[str, ...]] = ("latent_dim",)

    unit_variance: bool = False
    keeps_vectors: bool = False

    def __init__(self, latent_dim: int, *, output: str = "all", **kwargs: Any):
        # A rounding can move a latent across the border of two codes, so neither inputs nor
        # weights are cast to the compute dtype.
        super().__init__(autocast=False, **kwargs)
        check_integers(latent_dim=(1, latent_dim))
        if output not in OUTPUTS:
            raise ValueError(f"`output` must be one of {OUTPUTS}. Received: {output!r}")
        self.latent_dim = int(latent_dim)
        self.returns_latents = output == "latents"
        self.supports_masking = True

    def __repr__(self) -> str:
        arguments = (f"{name}={getattr(self, name, None)!r}" for name in self.repr_arguments)
        return f"{type(self).__name__}({', '.join(arguments)})"

    @property
    def num_entries(self) -> int | None:
        """Size of the codebook or dictionary, or None where there is none."""
        return None

    @property
    def input_dim(self) -> int:
        """Size of the vectors that the layer takes."""
        return self.latent_dim

    @property
    def num_indices(self) -> int | np.ndarray | None:
        """Number of values that an integer of the codes may have, from 0 up; None for any."""
        return self.num_entries

    @property
    def input_start(self) -> np.ndarray:
        """Initial value of each entry of the input, float32 `(input_dim,)`."""
        return np.zeros(self.input_dim, "float32")

    def build(self, input_shape: Shape | None = None) -> None:
        """Creates the weights, whose shapes do not depend on the input's."""

    def call(
        self, latents: ArrayLike, training: bool = False, mask: Tensor | None = None
    ) -> dict[str, Any] | Tensor:
        """Sends latents through the bottleneck and adds its loss to the model's.

        Args:
            latents: floats `(..., input_dim)`.
            training: bool; True updates statistics and adds noise, if there is any.
            mask: bool `(...)`, False for vectors that count neither in the loss nor in
                statistics; None if all count. Keras passes the mask of `keras.layers.Masking`.

        Returns:
            Dictionary of

            - `latents`: `(..., latent_dim)` in the compute dtype, the decoder's input;
            - `codes`: dictionary of tensors, as `encode` returns;
            - `loss`: float32 scalar, already added by `add_loss`.

            With `output="latents"`, `latents` alone.

        Raises:
            ValueError: if the last axis of `latents` isn't `input_dim` long.
        """
        latents = self._check(latents)
        # A subclass without masks need not have the argument.
        options = {} if mask is None else {"mask": ops.cast(mask, "bool")}
        quantized, codes, loss = self.pass_through(latents, training, **options)
        self.add_loss(loss)
        quantized = ops.cast(quantized, self.compute_dtype)
        if self.returns_latents:
            return quantized
        return {"latents": quantized, "codes": codes, "loss": loss}

    def pass_through(
        self, latents: Tensor, training: bool, mask: Tensor | None = None
    ) -> tuple[Tensor, Codes, Tensor]:
        """Quantizes latents: the part of `call` that a subclass implements.

        Args:
            latents: float32 `(..., input_dim)`.
            training: bool; True updates statistics (if `self.trainable`) and adds noise.
            mask: bool `(...)`, False for vectors that don't count; None if all count.

        Returns:
            Quantized latents, float32 `(..., latent_dim)`, through which gradients pass if
            `training`; codes; and the loss, a float32 scalar.

        Raises:
            NotImplementedError: in this base class.
        """
        raise NotImplementedError

    def encode(self, latents: ArrayLike) -> Codes:
        """Computes the codes of latents.

        Args:
            latents: floats `(..., input_dim)`.

        Returns:
            Dictionary of tensors `(..., *trailing)`, with the names, trailing shapes and dtypes of
            `code_spec`.

        Raises:
            ValueError: if the last axis of `latents` isn't `input_dim` long.
        """
        return self.pass_through(self._check(latents), training=False)[1]

    def decode(self, codes: Codes) -> Tensor:
        """Computes the latents that codes stand for.

        Args:
            codes: what `encode` returned.

        Returns:
            float32 tensor `(..., latent_dim)`.

        Raises:
            NotImplementedError: in this base class.
        """
        raise NotImplementedError

    def bits(self, codes: Codes) -> Bits:
        """Computes the bits spent per latent vector.

        Args:
            codes: what `encode` returned, as arrays or tensors.

        Returns:
            `Bits` of two floats: `fixed_length`, and `entropy_coded` over the codes passed.

        Raises:
            NotImplementedError: in this base class.
        """
        raise NotImplementedError

    def fixed_length_bits(self, codes: Codes) -> Tensor:
        """Computes `bits(codes).fixed_length` inside a graph.

        Args:
            codes: what `encode` returned.

        Returns:
            float32 scalar tensor.

        Raises:
            NotImplementedError: in this base class.
        """
        raise NotImplementedError

    def spent_bits(self, outputs: dict[str, Any]) -> Tensor:
        """Computes the bits per latent vector that training reports.

        Args:
            outputs: dictionary that `call` returned.

        Returns:
            float32 scalar tensor: the fixed-length bits, or fewer if the bottleneck learns the
            cost of its codes.
        """
        return self.fixed_length_bits(outputs["codes"])

    def used_entries(self, codes: Codes) -> tuple[Tensor, Tensor | None]:
        """Returns the entries that codes use, for `umbed_keras.metrics.CodeUsage`.

        Args:
            codes: what `encode` returned.

        Returns:
            Integers from 0 to `num_entries - 1`, of any shape, and their weights, a tensor of the
            same shape or None.
        """
        return codes["indices"], None

    def adapt(self, latents: ArrayLike) -> None:
        """Sets starting values from a sample, on the host. By default there are none.

        Args:
            latents: floats `(n, input_dim)`, finite.
        """

    def compute_output_spec(
        self, latents: Any, training: bool = False, mask: Any = None
    ) -> dict[str, Any] | Any:
        """Returns the shapes and dtypes of what `call` returns, each as a `keras.KerasTensor`."""
        leading = tuple(latents.shape[:-1])
        quantized = keras.KerasTensor((*leading, self.latent_dim), self.compute_dtype)
        if self.returns_latents:
            return quantized
        codes = {
            name: keras.KerasTensor((*leading, *shape), dtype)
            for name, (shape, dtype) in self.code_spec().items()
        }
        return {"latents": quantized, "codes": codes, "loss": keras.KerasTensor((), "float32")}

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Returns the mask of each output: that of the input, and none of the loss."""
        if previous_mask is None or self.returns_latents:
            return previous_mask
        codes = dict.fromkeys(self.code_spec(), previous_mask)
        return {"latents": previous_mask, "codes": codes, "loss": None}

    def code_spec(self) -> dict[str, tuple[Shape, str]]:
        """Returns trailing shape and dtype of each tensor of the codes, by name.

        Raises:
            NotImplementedError: in this base class.
        """
        raise NotImplementedError

    def pack(self, codes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Converts codes to the smallest types that hold them, for storing.

        Args:
            codes: what `encode` returned, as NumPy arrays.

        Returns:
            Dictionary of arrays of the same names and shapes, from which `unpack` restores the
            codes.

        Raises:
            TypeError: if indices are not integers.
            ValueError: if an index is none that `encode` returns.
        """
        count = self.num_indices
        if count is None:
            return dict(codes)
        smallest = np.min_scalar_type(int(np.max(count)) - 1)
        dtypes = {name: dtype for name, (_, dtype) in self.code_spec().items()}
        for name, part in codes.items():
            if "int" in dtypes[name]:
                as_indices(f"codes[{name!r}]", part, int(np.max(count)))
        return {
            name: part.astype(smallest) if "int" in dtypes[name] else part
            for name, part in codes.items()
        }

    def unpack(self, packed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Restores codes that `pack` converted.

        Args:
            packed: dictionary of arrays, what `pack` returned.

        Returns:
            Dictionary of NumPy arrays of the dtypes that `encode` returns.
        """
        return {
            name: np.asarray(packed[name]).astype(dtype)
            for name, (_, dtype) in self.code_spec().items()
        }

    def entropy_model(self) -> EntropyModel:
        """Returns all that a codec needs to write the codes as bytes (`model.compress`).

        The default serves codes that consist of integers with known ranges: it reads `code_spec`
        and `num_indices`, and treats each integer as the index of an unrelated entry. Bottlenecks
        with other codes return an `EntropyModel` of their own.

        Returns:
            An `EntropyModel` that reflects the current weights.

        Raises:
            NotImplementedError: if a part of the codes is not an integer.
            NotImplementedError: if `num_indices` is None.
        """
        spec, missing = self.code_spec(), None
        for name, (_, dtype) in spec.items():
            if "int" not in dtype:
                missing = f"codes[{name!r}] are {dtype}, not integers"
        if missing is None and self.num_indices is None:
            missing = "the range of the integers is unknown, as `num_indices` is None"
        if missing:
            raise NotImplementedError(
                f"{type(self).__name__} has no entropy model, without which its codes can't be "
                f"written as bytes: {missing}. Implement `entropy_model()` in it, which returns "
                "a `umbed_keras.layers.EntropyModel`."
            )
        return IntegerCodes(spec, self.num_indices)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal layer."""
        config = {**super().get_config(), "latent_dim": self.latent_dim}
        return {**config, "output": "latents"} if self.returns_latents else config

    def _check(self, latents):
        """Builds the layer if needed, and returns latents as a float32 tensor."""
        if not self.built:
            self.build(latents.shape)
            self.built = True
        latents = ops.convert_to_tensor(latents)
        if "complex" in ops.dtype(latents):
            raise TypeError(
                f"{type(self).__name__} takes real numbers. Received: dtype={ops.dtype(latents)}"
            )
        if latents.shape[-1] != self.input_dim:
            raise ValueError(
                f"{type(self).__name__} takes latents of shape (..., {self.input_dim}). "
                f"Received: shape={tuple(latents.shape)}"
            )
        return ops.cast(latents, "float32")

    def _check_sample(self, latents):
        """Returns `adapt`'s argument as a float32 array; ValueError for a wrong one."""
        latents = np.asarray(latents, dtype="float32")
        if latents.ndim != 2 or latents.shape[1] != self.input_dim or not len(latents):
            raise ValueError(
                f"`latents` must have shape (n, {self.input_dim}) with n >= 1. "
                f"Received: shape={latents.shape}"
            )
        if not np.isfinite(latents).all():
            raise ValueError("`latents` must be finite. Received: NaN or infinite values.")
        return latents
