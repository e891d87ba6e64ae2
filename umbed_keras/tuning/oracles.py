"""Oracles, which propose the trials of a sweep, where KerasTuner's own do not suffice."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import TrialStatus
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern
from threadpoolctl import threadpool_limits

from umbed_keras.tuning.scopes import hyperparameters

# Weight of the standard deviation in the lower confidence bound, as in KerasTuner.
OPTIMISM = 2.6
# Variance of the noise in scores of variance 1, as in KerasTuner.
NOISE = 1e-4


class _UntriedOracle(keras_tuner.Oracle):
    """Base of oracles that propose each combination of values once; a range counts as ten values.

    The trials tell which combinations were tried, so that an interrupted sweep can go on.
    """

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns KerasTuner's answer to a request for a trial: a status and values.

        Args:
            trial_id: str, id of the new trial.

        Returns:
            dict with `status` and `values`: name to value, or None if all combinations were tried.
        """
        tried = {_key(trial.hyperparameters.values) for trial in self.trials.values()}
        combinations = _combinations(self.hyperparameters.space, {})
        untried = [values for values in combinations if _key(values) not in tried]
        if not untried:
            return {"status": TrialStatus.STOPPED, "values": None}
        return {"status": TrialStatus.RUNNING, "values": self._choose(untried)}

    def _choose(self, untried: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Returns the combination to try next, name to value."""
        raise NotImplementedError


class GridOracle(_UntriedOracle):
    """Oracle that proposes every combination once, in order.

    KerasTuner's own does not resume an interrupted sweep.

    Examples:
        >>> hp = keras_tuner.HyperParameters()
        >>> default = hp.Choice("sparsity", [1, 2, 4])
        >>> oracle = GridOracle(keras_tuner.Objective("error", "min"), 3, hyperparameters=hp)
        >>> oracle.populate_space("0")["values"]
        {'sparsity': 1}
    """

    def _choose(self, untried: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return untried[0]


class BayesianOracle(_UntriedOracle):
    """Oracle that proposes the most promising combination according to a Gaussian process.

    The process predicts the objective of every combination from the values, numbers on a
    logarithmic scale. The combination with the least lower confidence bound comes next (Srinivas,
    Krause, Kakade & Seeger 2010). KerasTuner's own has a dimension for every hyperparameter in
    every scope, starts with three random trials for each, and may repeat a trial.

    Args:
        *args: positional arguments of `keras_tuner.Oracle`.
        initial_trials: int, number of random trials before the first prediction.
        **kwargs: other arguments of `keras_tuner.Oracle`.

    Examples:
        >>> hp = keras_tuner.HyperParameters()
        >>> default = hp.Choice("sparsity", [1, 2, 4])
        >>> objective = keras_tuner.Objective("error", "min")
        >>> oracle = BayesianOracle(objective, max_trials=3, hyperparameters=hp, seed=1)
        >>> oracle.populate_space("0")["values"]["sparsity"] in (1, 2, 4)
        True
    """

    def __init__(self, *args: Any, initial_trials: int = 3, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial_trials = initial_trials

    def _choose(self, untried: Sequence[dict[str, Any]]) -> dict[str, Any]:
        trials = self.trials.values()
        # Only completed trials have a score, which may be infinite.
        ended = [trial for trial in trials if trial.score is not None and np.isfinite(trial.score)]
        if len(ended) < self.initial_trials:
            random = np.random.default_rng((self.seed, len(self.trials)))
            return untried[int(random.integers(len(untried)))]
        running = [trial for trial in trials if trial.status == TrialStatus.RUNNING]
        all_values = [trial.hyperparameters.values for trial in (*ended, *running)]
        points = _coordinates([hyperparameters(values) for values in (*all_values, *untried)])
        known, pending, candidates = np.split(points, [len(ended), len(ended) + len(running)])
        scores = np.array([trial.score for trial in ended])
        # On these small matrices, several threads are slower than one.
        with threadpool_limits(1), warnings.catch_warnings():
            # A length scale at its bound does no harm.
            warnings.simplefilter("ignore", ConvergenceWarning)
            mean, deviation = self._predict(known, scores, pending, candidates)
        return untried[int(np.argmin(mean - OPTIMISM * deviation))]

    def _predict(
        self, known: np.ndarray, scores: np.ndarray, pending: np.ndarray, candidates: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the mean and the standard deviation of the candidates' scores."""
        # Coordinates lie in 0..1, where length scales beyond these bounds make no difference.
        kernel = Matern(np.ones(known.shape[1]), (0.1, 10.0), nu=2.5)
        options = {"alpha": NOISE, "normalize_y": True, "random_state": self.seed}
        model = GaussianProcessRegressor(kernel, n_restarts_optimizer=2, **options)
        model.fit(known, scores)
        if len(pending):
            # Running trials count with their predicted scores, so that workers spread out.
            assumed = np.concatenate([scores, model.predict(pending)])
            model = GaussianProcessRegressor(model.kernel_, optimizer=None, **options)
            model.fit(np.concatenate([known, pending]), assumed)
        return model.predict(candidates, return_std=True)


class HyperbandOracle(keras_tuner.oracles.HyperbandOracle):
    """Hyperband oracle (Li et al. 2018) that also works on small search spaces.

    KerasTuner's own ends as soon as all combinations were tried, and never trains the best of them
    further.

    Examples:
        >>> objective = keras_tuner.Objective("error", "min")
        >>> HyperbandOracle(objective, max_epochs=9).max_epochs
        9
    """

    def _random_trial(self, trial_id: str, bracket: dict[str, Any]) -> dict[str, Any]:
        response = super()._random_trial(trial_id, bracket)
        if response["status"] != TrialStatus.STOPPED:
            return response
        bracket["size"] = len(bracket["rounds"][0])  # no further combinations exist
        return self.populate_space(trial_id)

    def _get_size(self, bracket_num: int, round_num: int) -> int:
        for bracket in self._brackets:
            if bracket["bracket_num"] == bracket_num and "size" in bracket:
                return math.ceil(bracket["size"] / self.factor**round_num)
        return super()._get_size(bracket_num, round_num)


class HyperbandTuner(keras_tuner.Hyperband):
    """KerasTuner's Hyperband tuner, which resumes trained models, with a given oracle.

    Args:
        oracle: `keras_tuner.Oracle`.
        hypermodel: `keras_tuner.HyperModel`, or a function that builds a model.
        **kwargs: other arguments of `keras_tuner.Tuner`.

    Examples:
        >>> oracle = HyperbandOracle(keras_tuner.Objective("error", "min"), max_epochs=9)
        >>> def build(hp):
        ...     return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> HyperbandTuner(oracle, build, directory="sweeps").oracle is oracle
        True
    """

    def __init__(
        self, oracle: keras_tuner.Oracle, hypermodel: keras_tuner.HyperModel, **kwargs: Any
    ) -> None:
        keras_tuner.Tuner.__init__(self, oracle, hypermodel, **kwargs)


def _key(values: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(values.items()))


def _combinations(space: Sequence[Any], values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields all combinations of values of hyperparameters that are active together.

    Args:
        space: KerasTuner's hyperparameters that have no value yet.
        values: dict, values of the hyperparameters before them.
    """
    if not space:
        yield values
        return
    first, *others = space
    if not all(condition.is_active(values) for condition in first.conditions):
        yield from _combinations(others, values)
        return
    for value in first.values:
        yield from _combinations(others, {**values, first.name: value})


def _coordinates(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Returns hyperparameters as points, float64 `(rows, coordinates)` in 0..1.

    A number becomes its position between the least and the largest one, on a logarithmic scale.
    Strings are one-hot encoded. Coordinates of hyperparameters that a row lacks are 0.
    """
    columns = []
    for name in sorted({name for row in rows for name in row}):
        values = {row[name] for row in rows if name in row}
        if all(isinstance(value, (int, float)) for value in values):
            logs = {value: np.log(value) if min(values) > 0 else value for value in values}
            low, spread = min(logs.values()), max(logs.values()) - min(logs.values())
            scaled = {value: (log - low) / (spread or 1) for value, log in logs.items()}
            columns.append([scaled.get(row.get(name), 0) for row in rows])
        else:
            columns += [[float(row.get(name) == word) for row in rows] for word in sorted(values)]
    return np.array(columns).T
