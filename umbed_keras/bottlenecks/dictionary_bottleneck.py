"""Sparse coding over a learned dictionary by orthogonal matching pursuit."""

from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.variables import add_state
from umbed_keras.bottlenecks._online_dictionary import improved_atoms
from umbed_keras.bottlenecks._revival import directions, revival_plan
from umbed_keras.bottlenecks._samples import mean_over, samples_of
from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.bottlenecks.dictionary_learning import learn_dictionary
from umbed_keras.bottlenecks.entropy_models.sparse_codes import SparseCodes
from umbed_keras.bottlenecks.kmeans import subsample
from umbed_keras.ops import orthogonal_matching_pursuit, sparse_decode
from umbed_keras.ops.checks import check_at_least, check_integers
from umbed_keras.ops.quantize import LAWS, from_steps, level_values, quantize, to_steps
from umbed_keras.ops.rate import Bits, sparse_bits, sparse_fixed_length
from umbed_keras.ops.sparse_coding.orthogonal_matching_pursuit import SELECTIONS
from umbed_keras.typing import ArrayLike, Codes, Shape, Tensor

UPDATES = ("gradient", "online")
# The online update moves every atom this often towards the optimum of the averages.
ONLINE_SWEEPS = 2
# Share of coefficients that quantization may clip.
TAIL = 1e-4
# How far a revived atom is moved from its donor, relative to the length of an atom.
REVIVAL_STEP = 0.5


@keras.saving.register_keras_serializable(package="umbed_keras")
class DictionaryBottleneck(Bottleneck):
    """Replaces each latent vector by a sparse combination of dictionary atoms.

    Orthogonal matching pursuit chooses up to `sparsity` of `num_atoms` atoms of unit length and
    their least-squares coefficients. The derivative with respect to the latents is that of least
    squares on the chosen atoms, a projection onto their span. The atoms learn with the
    coefficients held constant. An atom that hardly any vector uses is revived as a turned copy of
    a much-used one.

    Codes are `{"indices", "coefficients"}`: int32 and float32 `(..., sparsity)`.

    Args:
        num_atoms: int >= 2, number of atoms (K).
        latent_dim: int >= 1, size of an atom.
        sparsity: int from 1 to `num_atoms`, atoms of a latent vector (S).
        commitment_weight: float >= 0, weight of the squared coding error (mean over entries of
            the vectors) that pulls latents to the span of their atoms.
        update: `"gradient"`: atoms follow the gradient of the model's loss and of the coding error
            on the unit sphere. `"online"`: they follow running averages of codes and latents, as
            in online dictionary learning (Mairal, Bach, Ponce & Sapiro 2010).
        selection: `"omp"` or `"ols"`, as in `umbed_keras.ops.orthogonal_matching_pursuit`.
        coefficient_bits: int from 2 to 16, bits of a quantized coefficient; None for
            coefficients of 32 bits.
        quantization: `"uniform"` or `"mu_law"`, the spacing of quantized coefficients.
        decay: float in [0, 1), of the running averages.
        revival_threshold: float >= 0; an atom is revived when its share of use falls below this
            fraction of the mean share. 0 never revives.
        seed: int, of the initial dictionary.
        min_gain: float >= 0, how much an atom must lower the squared error of a vector, in squared
            steps of a `"uniform"` quantized coefficient. A vector stops at the first atom below
            it, and the rest of its code is index 0 and coefficient 0. About 1 gives `compress`
            fewer bytes at equal error. 0 never stops.
        **kwargs: other arguments of `Bottleneck`.

    Raises:
        ValueError: if an argument is outside its range.
        ValueError: if `min_gain` is above 0 without uniformly quantized coefficients.

    Examples:
        >>> layer = uk.layers.DictionaryBottleneck(num_atoms=4, latent_dim=3, sparsity=2)
        >>> latents = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")
        >>> layer.adapt(latents)
        >>> codes = layer.encode(latents)
        >>> {name: tuple(code.shape) for name, code in sorted(codes.items())}
        {'coefficients': (50, 2), 'indices': (50, 2)}
        >>> tuple(layer.decode(codes).shape)
        (50, 3)
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_sizes = ("num_atoms", "latent_dim")
    preset_limits: ClassVar = {
        "sparsity": 1 << 20,
        "coefficient_bits": 16,
        "commitment_weight": 1 << 20,
    }
    repr_arguments = ("num_atoms", "latent_dim", "sparsity")

    def __init__(
        self,
        num_atoms: int,
        latent_dim: int,
        sparsity: int,
        commitment_weight: float = 0.02,
        update: str = "gradient",
        selection: str = "omp",
        coefficient_bits: int | None = None,
        quantization: str = "uniform",
        decay: float = 0.99,
        revival_threshold: float = 0.01,
        seed: int | None = 0,
        min_gain: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(latent_dim, **kwargs)
        check_integers(num_atoms=(2, num_atoms))
        if int(sparsity) != sparsity or not 1 <= sparsity <= num_atoms:
            raise ValueError(
                "`sparsity` must be an integer from 1 to `num_atoms`. Received: "
                f"sparsity={sparsity}, num_atoms={num_atoms}"
            )
        if update not in UPDATES:
            raise ValueError(f"`update` must be one of {UPDATES}. Received: {update!r}")
        if quantization not in LAWS:
            raise ValueError(f"`quantization` must be one of {LAWS}. Received: {quantization!r}")
        if selection not in SELECTIONS:
            raise ValueError(f"`selection` must be one of {SELECTIONS}. Received: {selection!r}")
        if coefficient_bits is not None and coefficient_bits not in range(2, 17):
            raise ValueError(
                "`coefficient_bits` must be None or an integer from 2 to 16. "
                f"Received: {coefficient_bits}"
            )
        check_at_least(
            commitment_weight=(0, commitment_weight),
            revival_threshold=(0, revival_threshold),
            min_gain=(0, min_gain),
        )
        if min_gain and (coefficient_bits is None or quantization != "uniform"):
            raise ValueError(
                "`min_gain` counts uniform steps of quantised coefficients. Received: "
                f"min_gain={min_gain}, coefficient_bits={coefficient_bits}, "
                f"quantization={quantization!r}"
            )
        if not 0 <= decay < 1:
            raise ValueError(f"`decay` must lie in [0, 1). Received: {decay}")
        self.num_atoms = int(num_atoms)
        self.sparsity = int(sparsity)
        self.commitment_weight = float(commitment_weight)
        self.update = update
        self.selection = selection
        self.coefficient_bits = coefficient_bits
        self.quantization = quantization
        self.decay = float(decay)
        self.revival_threshold = float(revival_threshold)
        self.seed = seed
        self.min_gain = float(min_gain)

    @property
    def num_entries(self) -> int:
        """Number of atoms."""
        return self.num_atoms

    def build(self, input_shape: Shape | None = None) -> None:
        """Creates the dictionary and the statistics that it follows."""
        shape = (self.num_atoms, self.latent_dim)
        self.usage = add_state(self, "usage", shape[:1])
        normal = keras.initializers.RandomNormal(stddev=1.0, seed=self.seed)
        self.start = add_state(self, "start", shape, normal)
        if self.update == "gradient":
            # Atoms are start + kernel, scaled to unit length, so that the gradient lies on the
            # sphere. Revival moves `start`: a layer may assign only weights that no optimizer
            # trains (JAX's stateless training drops others).
            self.kernel = self.add_weight(
                shape=shape, initializer="zeros", autocast=False, name="kernel"
            )
        else:
            # Averages of code x code and code x latent, the normal equations of least squares.
            self.code_moments = add_state(self, "code_moments", (self.num_atoms, self.num_atoms))
            self.signal_moments = add_state(self, "signal_moments", shape)
        if self.coefficient_bits:
            self.coefficient_limit = add_state(self, "coefficient_limit", (), "ones")
        self._directions = directions(*shape)

    @property
    def dictionary(self) -> Tensor:
        """The atoms, float32 `(num_atoms, latent_dim)`, each of unit length."""
        atoms = ops.convert_to_tensor(self.start)
        if self.update == "gradient":
            atoms = atoms + ops.cast(ops.convert_to_tensor(self.kernel), "float32")
        return ops.normalize(atoms, axis=-1)

    def pass_through(
        self, latents: Tensor, training: bool, mask: Tensor | None = None
    ) -> tuple[Tensor, Codes, Tensor]:
        """Codes float32 latents; see `Bottleneck.pass_through`."""
        dictionary = self.dictionary
        # The gradient of an atom through the least-squares coefficients grows without bound as
        # atoms approach each other. With the coefficients held constant it is of their size.
        indices, whole = orthogonal_matching_pursuit(
            latents,
            ops.stop_gradient(dictionary),
            self.sparsity,
            selection=self.selection,
            min_gain=self._least_gain,
        )
        coefficients = whole
        if self.coefficient_bits:
            coefficients = quantize(whole, *self._quantization)
        held = ops.stop_gradient(coefficients)
        quantized = sparse_decode(indices, held, dictionary)
        distance = ops.square(latents - ops.stop_gradient(quantized))
        loss = self.commitment_weight * mean_over(distance, mask)
        if self.update == "gradient":
            loss = loss + mean_over(ops.square(ops.stop_gradient(latents) - quantized), mask)
        if training:
            if self.trainable:
                self._learn(latents, indices, ops.stop_gradient(whole), mask)
            # 0 in value; its derivative is that of the coefficients.
            change = sparse_decode(indices, coefficients - held, ops.stop_gradient(dictionary))
            quantized = quantized + change
        if self.min_gain:
            # Unused atoms get index 0, so that they all look alike.
            indices = ops.where(ops.equal(coefficients, 0), 0, indices)
        return quantized, {"indices": indices, "coefficients": coefficients}, loss

    def decode(self, codes: Codes) -> Tensor:
        """Adds up the weighted atoms of each code, float32 `(..., latent_dim)`."""
        coefficients = ops.cast(codes["coefficients"], "float32")
        return sparse_decode(codes["indices"], coefficients, self.dictionary)

    def bits(self, codes: Codes) -> Bits:
        """Computes the `Bits` spent per latent vector."""
        return sparse_bits(
            ops.convert_to_numpy(codes["indices"]),
            ops.convert_to_numpy(codes["coefficients"]),
            self.num_atoms,
            self.coefficient_bits,
        )

    def fixed_length_bits(self, codes: Codes) -> Tensor:
        """Returns the bits of all indices and coefficients, a float32 scalar."""
        bits = sparse_fixed_length(self.num_atoms, self.sparsity, self.coefficient_bits)
        return ops.convert_to_tensor(float(bits), dtype="float32")

    def used_entries(self, codes: Codes) -> tuple[Tensor, Tensor]:
        """Returns the atoms of codes, and as weights 1, or 0 for coefficients of 0."""
        return codes["indices"], ops.cast(ops.not_equal(codes["coefficients"], 0), "float32")

    def adapt(self, latents: ArrayLike) -> None:
        """Starts with a dictionary learned on a sample, on the host.

        Args:
            latents: floats `(n, latent_dim)`, finite.

        Raises:
            ValueError: if `latents` has another shape or no rows.
            ValueError: if `latents` contains NaN or infinite values.
        """
        latents = self._check_sample(latents)
        if not self.built:
            self.build()
            self.built = True
        if self.min_gain:
            # No first coefficient is larger than its vector is long.
            longest = np.linalg.norm(latents, axis=1).max()
            self.coefficient_limit.assign(max(longest, 1e-6))
        atoms = learn_dictionary(
            latents,
            self.num_atoms,
            self.sparsity,
            self.selection,
            seed=self.seed,
            min_gain=self._least_gain,
        )
        self.start.assign(atoms)
        for statistic in self._statistics():
            statistic.assign(ops.zeros(statistic.shape))
        if self.update == "gradient":
            self.kernel.assign(ops.zeros(self.kernel.shape))
        if self.coefficient_bits:
            _, coefficients = orthogonal_matching_pursuit(
                subsample(latents, np.random.default_rng(self.seed)),
                atoms,
                self.sparsity,
                selection=self.selection,
                min_gain=self._least_gain,
            )
            largest = np.abs(ops.convert_to_numpy(coefficients)).max()
            self.coefficient_limit.assign(float(max(largest, 1e-6)))

    def code_spec(self) -> dict[str, tuple[Shape, str]]:
        """Returns trailing shape and dtype of the codes."""
        return {
            "indices": ((self.sparsity,), "int32"),
            "coefficients": ((self.sparsity,), "float32"),
        }

    def pack(self, codes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Converts codes to small types; quantized coefficients become int8 or int16 steps."""
        packed = super().pack(codes)
        if self.coefficient_bits:
            steps = to_steps(packed["coefficients"], *self._quantization)
            integer = "int8" if self.coefficient_bits <= 8 else "int16"
            packed["coefficients"] = ops.convert_to_numpy(steps).astype(integer)
        return packed

    def unpack(self, packed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Restores codes that `pack` converted; see `Bottleneck.unpack`."""
        codes = super().unpack(packed)
        if self.coefficient_bits:
            values = from_steps(codes["coefficients"], *self._quantization)
            codes["coefficients"] = ops.convert_to_numpy(values)
        return codes

    @property
    def _least_gain(self):
        """`min_gain` as a squared error, float32 scalar, or None."""
        if not self.min_gain:
            return None
        limit = ops.convert_to_tensor(self.coefficient_limit)
        return self.min_gain * ops.square(limit / (2 ** (self.coefficient_bits - 1) - 1))

    @property
    def _quantization(self):
        limit = ops.convert_to_tensor(self.coefficient_limit)
        return limit, self.coefficient_bits, self.quantization

    def entropy_model(self) -> SparseCodes:
        """Returns the entropy model of atoms and quantised coefficients.

        Raises:
            ValueError: if coefficients are not quantised.
        """
        if not self.coefficient_bits:
            raise ValueError(
                "Coefficients of 32 bits can't be coded: make the model with `coefficient_bits`, "
                "such as 8."
            )
        levels = level_values(*self._quantization)
        return SparseCodes(self.num_atoms, self.sparsity, levels, counted=self.min_gain > 0)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal layer."""
        return {
            **super().get_config(),
            "num_atoms": self.num_atoms,
            "sparsity": self.sparsity,
            "commitment_weight": self.commitment_weight,
            "update": self.update,
            "selection": self.selection,
            "coefficient_bits": self.coefficient_bits,
            "quantization": self.quantization,
            "decay": self.decay,
            "revival_threshold": self.revival_threshold,
            "seed": self.seed,
            "min_gain": self.min_gain,
        }

    def _statistics(self):
        if self.update == "gradient":
            return [self.usage]
        return [self.usage, self.code_moments, self.signal_moments]

    def _learn(self, latents, indices, coefficients, mask):
        """Updates statistics and the online dictionary by a batch, and revives dead atoms."""
        samples = samples_of(latents, mask)
        indices = ops.reshape(indices, (-1, self.sparsity))
        counted = samples.weights[:, None] > 0
        coefficients = ops.where(counted, ops.reshape(coefficients, (-1, self.sparsity)), 0.0)
        used = ops.cast(ops.not_equal(coefficients, 0), "float32")
        usage = ops.segment_sum(
            ops.reshape(used, (-1,)), ops.reshape(indices, (-1,)), num_segments=self.num_atoms
        )
        samples.update.move_average(self.usage, usage / samples.count, self.decay)
        if self.coefficient_bits:
            self._follow_tail(coefficients, samples)
        if self.update == "online":
            one_hot = ops.one_hot(indices, self.num_atoms, dtype="float32")
            codes = ops.transpose(ops.sum(one_hot * coefficients[..., None], axis=1))
            for average, product in (
                (self.code_moments, ops.matmul(codes, ops.transpose(codes))),
                (self.signal_moments, ops.matmul(codes, samples.vectors)),
            ):
                samples.update.move_average(average, product / samples.count, self.decay)
            atoms = improved_atoms(
                self.dictionary,
                ops.convert_to_tensor(self.code_moments),
                ops.convert_to_tensor(self.signal_moments),
                ONLINE_SWEEPS,
            )
            samples.update.assign(self.start, atoms)
        if self.revival_threshold:
            self._revive(samples.update)

    def _follow_tail(self, coefficients, samples):
        """Moves the limit towards the magnitude that a share `TAIL` of coefficients exceeds.

        It is a step of stochastic approximation (Robbins & Monro 1951) in that share. Replicas can
        average a share, but not a maximum.
        """
        limit = ops.convert_to_tensor(self.coefficient_limit)
        beyond = ops.sum(ops.cast(ops.abs(coefficients) > limit, "float32"))
        beyond = samples.update.mean(beyond / (samples.count * self.sparsity))
        # At most a tenth at once, where nearly all lie beyond.
        change = 0.1 * (1 - self.decay) * (ops.minimum(beyond / TAIL, 100.0) - 1)
        samples.update.assign(self.coefficient_limit, limit * (1 + change))

    def _revive(self, update):
        dead, donors, shared = revival_plan(
            ops.convert_to_tensor(self.usage), self.revival_threshold
        )
        dead = dead[:, None]
        atoms = ops.stop_gradient(self.dictionary)
        turned = ops.take(atoms, donors, axis=0) + REVIVAL_STEP * self._directions
        revived = ops.where(dead, ops.normalize(turned, axis=-1), atoms)
        update.assign(self.usage, shared)
        start = ops.convert_to_tensor(self.start)
        if self.update == "gradient":
            kernel = ops.cast(ops.stop_gradient(ops.convert_to_tensor(self.kernel)), "float32")
            update.assign(self.start, ops.where(dead, revived - kernel, start))
        else:
            update.assign(self.start, ops.where(dead, revived, start))
            # The moments of a dead atom describe the atom that it was.
            alive = ops.cast(ops.logical_not(dead), "float32")
            update.assign(self.code_moments, self.code_moments * alive * ops.transpose(alive))
            update.assign(self.signal_moments, self.signal_moments * alive)
