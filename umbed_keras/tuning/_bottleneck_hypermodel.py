"""What the hypermodels of models with a bottleneck share."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner
import numpy as np

from umbed_keras.bottlenecks.dictionary_bottleneck import DictionaryBottleneck
from umbed_keras.bottlenecks.finite_scalar_quantizer import FiniteScalarQuantizer
from umbed_keras.bottlenecks.gaussian_bottleneck import GaussianBottleneck
from umbed_keras.bottlenecks.residual_vector_quantizer import ResidualVectorQuantizer
from umbed_keras.bottlenecks.scalar_quantizer import ScalarQuantizer
from umbed_keras.bottlenecks.vector_quantizer import VectorQuantizer
from umbed_keras.tuning.rate_distortion import OBJECTIVE, RateDistortion
from umbed_keras.tuning.scopes import choose_value, scoped
from umbed_keras.tuning.space import (
    DENSITY,
    DICTIONARY,
    GAUSSIAN,
    RESIDUAL,
    SCALAR,
    VECTOR,
    BottleneckSpace,
    Sizes,
    as_list,
)

# Hyperparameters of each bottleneck beside `latent_dim`. Those of the dictionary depend on one
# another: see `_choose_dictionary`.
HYPERPARAMETERS = {
    GAUSSIAN: (),
    VECTOR: ("num_entries",),
    RESIDUAL: ("num_entries", "sparsity"),
    SCALAR: ("levels",),
    DENSITY: (),
    DICTIONARY: (),
}


class BottleneckHyperModel(keras_tuner.HyperModel):
    """Base of hypermodels of models with a bottleneck.

    The search space holds only combinations that make sense: a dictionary code has at most as many
    atoms as its vector has entries and as the dictionary has atoms.

    All attributes are written to the sweep's directory, and a sweep goes on only where they are
    equal: see `check_identity`.

    Args:
        space: `BottleneckSpace`.
        rate_weight: float >= 0, squared error that a bit per pixel is worth in the objective.
        coefficient_bits: int, bits of a dictionary's coefficient, or None.
        seed: int, seed of the models.
        options: dict, other arguments of the model.

    Raises:
        ValueError: if `rate_weight` is below 0 or infinite, or 0 with the bottleneck `"density"`.
        ValueError: if no sparsity is small enough for one of the latent dims.
    """

    # Positions of the latent map in one coded vector, and pixels of the image that it stands for.
    _vector_positions = 1
    _vector_pixels = 1

    def __init__(
        self,
        space: BottleneckSpace,
        rate_weight: float,
        coefficient_bits: int | None,
        seed: int,
        options: dict[str, Any],
    ) -> None:
        super().__init__()
        self.space = space
        self.rate_weight = rate_weight
        self.coefficient_bits = coefficient_bits
        self.seed = seed
        self.options = options
        if not 0 <= rate_weight < math.inf:
            raise ValueError(
                f"`rate_weight` must be finite and at least 0. Received: {rate_weight}"
            )
        if DICTIONARY in as_list(space.bottleneck):
            space.dictionary_sparsities(self._vector_positions)  # raises if there are none
        if DENSITY in as_list(space.bottleneck) and not rate_weight:
            raise ValueError(f"`rate_weight` must be above 0 for {DENSITY!r}. Received: 0")

    def fit(
        self,
        hp: keras_tuner.HyperParameters,
        model: keras.Model,
        *args: Any,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Trains a model and reports `rate_distortion`.

        Args:
            hp: `keras_tuner.HyperParameters` of the trial.
            model: model that `build` returned.
            *args: positional arguments of `model.fit`.
            callbacks: callbacks of `model.fit`.
            **kwargs: other arguments of `model.fit`.

        Returns:
            `keras.callbacks.History`.

        Raises:
            FloatingPointError: if the objective is not finite after the first epoch.
        """
        callbacks = [RateDistortion(self.rate_weight), *callbacks]
        history = model.fit(*args, callbacks=callbacks, **kwargs)
        first = history.history[f"val_{OBJECTIVE}"][0]
        if not np.isfinite(first):  # then no later epoch is
            raise FloatingPointError(f"training diverged: `val_{OBJECTIVE}` is {first}")
        return history

    def _choose_bottleneck(self, hp: keras_tuner.HyperParameters) -> tuple[keras.Layer, int]:
        """Returns a bottleneck from the space, and its `latent_dim`."""
        kinds = as_list(self.space.bottleneck)
        chosen_kind = choose_value(hp, "bottleneck", self.space.bottleneck)
        chosen: dict[str, int] = {}
        # KerasTuner must meet the hyperparameters of every kind, under a name for each scope.
        for kind in kinds:
            scope = kind if len(kinds) > 1 else ""
            with hp.conditional_scope("bottleneck", [kind]):
                values = self._choose_sizes(hp, kind, scope)
            if kind == chosen_kind:
                chosen = values
        latent_dim = chosen.pop("latent_dim")
        size = self._vector_positions * latent_dim
        return self._bottleneck(chosen_kind, size, **chosen), latent_dim

    def _choose_sizes(
        self, hp: keras_tuner.HyperParameters, kind: str, scope: str
    ) -> dict[str, int]:
        """Returns the values of a bottleneck's hyperparameters by name."""
        names = ("latent_dim", *HYPERPARAMETERS[kind])
        values = {name: choose_value(hp, name, getattr(self.space, name), scope) for name in names}
        if kind == DICTIONARY:
            values.update(self._choose_dictionary(hp, scope))
        return values

    def _choose_dictionary(self, hp: keras_tuner.HyperParameters, scope: str) -> dict[str, int]:
        """Chooses a sparsity that the vector's size allows, and at least as many atoms."""
        all_entries = as_list(self.space.num_entries)
        chosen = {}

        def choose(name: str, values: Sizes, inner_scope: str) -> None:
            value = choose_value(hp, name, values, inner_scope)
            if value is not None:  # the scope is active
                chosen[name] = value

        independent = min(all_entries) >= max(as_list(self.space.sparsity))
        if independent:
            choose("num_entries", self.space.num_entries, scope)
        groups = self.space.dictionary_sparsities(self._vector_positions)
        for latent_dims, sparsities in groups.items():
            inside = scoped(scope, f"latent_dim {'/'.join(map(str, latent_dims))}")
            with hp.conditional_scope(scoped("latent_dim", scope), list(latent_dims)):
                choose("sparsity", sparsities, inside)
                for sparsity in [] if independent else sparsities:
                    with hp.conditional_scope(scoped("sparsity", inside), [sparsity]):
                        allowed = [count for count in all_entries if count >= sparsity]
                        choose("num_entries", allowed, scoped(inside, f"sparsity {sparsity}"))
        return chosen

    def _bottleneck(
        self,
        kind: str,
        size: int,
        num_entries: int | None = None,
        sparsity: int | None = None,
        levels: int | None = None,
    ) -> keras.Layer:
        """Makes the bottleneck for vectors of `size` entries."""
        common: dict[str, Any] = {"dtype": "float32", "name": "bottleneck"}
        if kind == SCALAR:
            return FiniteScalarQuantizer(size, levels, **common)
        common["seed"] = self.seed
        if kind == GAUSSIAN:
            return GaussianBottleneck(size, **common)
        if kind == VECTOR:
            return VectorQuantizer(num_entries, size, **common)
        if kind == RESIDUAL:
            return ResidualVectorQuantizer(num_entries, size, sparsity, **common)
        if kind == DENSITY:
            # Training then minimises the objective of the sweep.
            weight = self.rate_weight / self._vector_pixels
            return ScalarQuantizer(size, rate_weight=weight, **common)
        return DictionaryBottleneck(
            num_entries,
            size,
            sparsity,
            selection="ols",
            coefficient_bits=self.coefficient_bits,
            **common,
        )

    def _compile(self, hp: keras_tuner.HyperParameters, model: keras.Model) -> keras.Model:
        rates = self.space.learning_rate
        if isinstance(rates, tuple) and len(rates) == 2:
            rate = hp.Float("learning_rate", min(rates), max(rates), sampling="log")
        else:
            rate = choose_value(hp, "learning_rate", rates)
        model.compile(optimizer=keras.optimizers.Adam(rate))
        # A trial resumes from a file that holds the optimizer's state.
        model.optimizer.build(model.trainable_variables)
        return model
