"""What proposes the trials of a sweep, where KerasTuner's own would not do."""

import warnings

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import TrialStatus
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

from umbed_keras.tuning.results import hyperparameters

# Standard deviations below the mean at which a trial is judged, as in KerasTuner.
OPTIMISM = 2.6
# Variance of the noise in scores of variance 1, as in KerasTuner.
NOISE = 1e-4


class UntriedOracle(keras_tuner.Oracle):
    """Proposes combinations of values that no trial has had; a range is ten values.

    What was tried is told by the trials, so that a sweep can go on after it was cut off.
    """

    def populate_space(self, trial_id):
        tried = [trial.hyperparameters.values for trial in self.trials.values()]
        space = self.hyperparameters.space
        untried = [values for values in combinations(space, {}) if values not in tried]
        if not untried:
            return {"status": TrialStatus.STOPPED, "values": None}
        return {"status": TrialStatus.RUNNING, "values": self.choose(untried)}

    def choose(self, untried):
        """The one of these dictionaries, name to value, that comes next."""
        raise NotImplementedError


class GridOracle(UntriedOracle):
    """Proposes every combination once, in order. KerasTuner's own forgets where it was."""

    def choose(self, untried):
        return untried[0]


class BayesianOracle(UntriedOracle):
    """Proposes what may be best by what was found so far.

    A Gaussian process over the parameters (logarithms of numbers) predicts the objective of every
    combination, and the one with the least lower confidence bound comes next (Srinivas, Krause,
    Kakade & Seeger 2010). KerasTuner's own has a dimension for every parameter in every scope,
    begins with three random trials for each, and may repeat a trial.

    Args:
        initial_trials: int, random ones before the first prediction.
    """

    def __init__(self, *args, initial_trials=3, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial_trials = initial_trials

    def choose(self, untried):
        trials = self.trials.values()
        # `score` is None until a trial has ended.
        completed = [trial for trial in trials if np.isfinite(trial.score or np.nan)]
        if len(completed) < self.initial_trials:
            random = np.random.default_rng((self.seed, len(self.trials)))
            return untried[random.integers(len(untried))]
        running = [trial for trial in trials if trial.status == TrialStatus.RUNNING]
        rows = [hyperparameters(trial.hyperparameters.values) for trial in (*completed, *running)]
        points = coordinates([*rows, *map(hyperparameters, untried)])
        scores = np.array([trial.score for trial in completed])
        known, others = points[: len(completed)], points[len(rows) :]
        # Points lie in 0..1: scales beyond these bounds say no more.
        kernel = Matern(np.ones(points.shape[1]), (0.1, 10.0), nu=2.5)
        options = {"alpha": NOISE, "normalize_y": True, "random_state": self.seed}
        model = GaussianProcessRegressor(kernel, n_restarts_optimizer=2, **options)
        with warnings.catch_warnings(category=ConvergenceWarning, action="ignore"):
            model.fit(known, scores)  # a scale at its bound is no matter
        if running:
            # Believed to come out as predicted, so that workers don't all try the same corner.
            believed = model.predict(points[len(completed) : len(rows)])
            model = GaussianProcessRegressor(model.kernel_, optimizer=None, **options)
            model.fit(points[: len(rows)], np.concatenate([scores, believed]))
        mean, deviation = model.predict(others, return_std=True)
        return untried[int(np.argmin(mean - OPTIMISM * deviation))]


def combinations(space, values):
    """All values of hyperparameters that are active together."""
    if not space:
        yield values
        return
    first, *others = space
    if not all(condition.is_active(values) for condition in first.conditions):
        yield from combinations(others, values)
        return
    for value in first.values:
        yield from combinations(others, {**values, first.name: value})


def coordinates(rows):
    """Rows of hyperparameters as points, every coordinate in 0..1.

    A number's place between the least and the largest, on a logarithmic scale; a coordinate of its
    own for each word; 0 where a row lacks it.
    """
    columns = []
    for name in sorted({name for row in rows for name in row}):
        found = {row[name] for row in rows if name in row}
        if all(isinstance(value, (int, float)) for value in found):
            logs = {value: np.log(value) if min(found) > 0 else value for value in found}
            low, spread = min(logs.values()), max(logs.values()) - min(logs.values())
            places = {value: (log - low) / (spread or 1) for value, log in logs.items()}
            columns.append([places.get(row.get(name), 0) for row in rows])
        else:
            columns += [[float(row.get(name) == word) for row in rows] for word in sorted(found)]
    return np.array(columns).T
