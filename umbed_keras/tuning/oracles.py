"""What proposes the trials of a sweep, where KerasTuner's own would not do."""

import math
import warnings

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import TrialStatus
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern
from threadpoolctl import threadpool_limits

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
        tried = {_key(trial.hyperparameters.values) for trial in self.trials.values()}
        everything = combinations(self.hyperparameters.space, {})
        untried = [values for values in everything if _key(values) not in tried]
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
        # A trial has a score when it has ended well; it may be infinite.
        ended = [trial for trial in trials if trial.score is not None and np.isfinite(trial.score)]
        if len(ended) < self.initial_trials:
            random = np.random.default_rng((self.seed, len(self.trials)))
            return untried[random.integers(len(untried))]
        running = [trial for trial in trials if trial.status == TrialStatus.RUNNING]
        all_values = [trial.hyperparameters.values for trial in (*ended, *running)] + untried
        points = coordinates([hyperparameters(values) for values in all_values])
        known, waited_for, open_points = np.split(points, [len(ended), len(ended) + len(running)])
        scores = np.array([trial.score for trial in ended])
        # Small matrices: more than one thread would wait for each other.
        with threadpool_limits(1), warnings.catch_warnings():
            # A scale at its bound is no matter.
            warnings.simplefilter("ignore", ConvergenceWarning)
            mean, deviation = self._predict(known, scores, waited_for, open_points)
        return untried[int(np.argmin(mean - OPTIMISM * deviation))]

    def _predict(self, known, scores, waited_for, open_points):
        """Mean and standard deviation of the scores of open points."""
        # Points lie in 0..1: scales beyond these bounds say no more.
        kernel = Matern(np.ones(known.shape[1]), (0.1, 10.0), nu=2.5)
        options = {"alpha": NOISE, "normalize_y": True, "random_state": self.seed}
        model = GaussianProcessRegressor(kernel, n_restarts_optimizer=2, **options)
        model.fit(known, scores)
        if len(waited_for):
            # Believed to come out as predicted, so that workers don't all try the same corner.
            believed = np.concatenate([scores, model.predict(waited_for)])
            model = GaussianProcessRegressor(model.kernel_, optimizer=None, **options)
            model.fit(np.concatenate([known, waited_for]), believed)
        return model.predict(open_points, return_std=True)


class HyperbandOracle(keras_tuner.oracles.HyperbandOracle):
    """Hyperband (Li et al. 2018) for small spaces, too.

    Where all combinations are in its brackets, KerasTuner's own ends before it trains the best of
    them further.
    """

    def _random_trial(self, trial_id, bracket):
        response = super()._random_trial(trial_id, bracket)
        if response["status"] != TrialStatus.STOPPED:
            return response
        bracket["size"] = len(bracket["rounds"][0])  # all there will be
        return self.populate_space(trial_id)

    def _get_size(self, bracket_num, round_num):
        for bracket in self._brackets:
            if bracket["bracket_num"] == bracket_num and "size" in bracket:
                return math.ceil(bracket["size"] / self.factor**round_num)
        return super()._get_size(bracket_num, round_num)


class HyperbandTuner(keras_tuner.Hyperband):
    """KerasTuner's, which goes on with trained models, for an oracle that it is given."""

    def __init__(self, oracle, hypermodel, **kwargs):
        keras_tuner.Tuner.__init__(self, oracle, hypermodel, **kwargs)


def _key(values):
    return tuple(sorted(values.items()))


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
