import itertools
import math

import keras_tuner
import numpy as np
import pytest
from keras_tuner.engine.trial import TrialStatus

from umbed_keras.tuning.oracles import (
    BayesianOracle,
    GridOracle,
    HyperbandOracle,
    _coordinates,
)

LATENT_DIMS, ENTRIES, RATES = [4, 8, 16, 32], [16, 64, 256], (1e-4, 1e-2)


def space():
    """Twelve combinations in one scope, forty in another (a range counts as ten values)."""
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["vector", "dictionary"])
    with hp.conditional_scope("kind", ["vector"]):
        hp.Choice("latent_dim, vector", LATENT_DIMS)
        hp.Choice("num_entries", ENTRIES)
    with hp.conditional_scope("kind", ["dictionary"]):
        hp.Choice("latent_dim, dictionary", LATENT_DIMS)
        hp.Float("rate", *RATES, sampling="log")
    return hp


def objective(values):
    """A smooth function of the logarithms with one minimum."""
    if values["kind"] == "vector":
        return np.log(values["latent_dim, vector"] / 8) ** 2 + np.log(values["num_entries"]) + 3
    off = np.log(values["latent_dim, dictionary"] / 16), np.log(values["rate"] / 2e-3)
    return off[0] ** 2 + 0.3 * off[1] ** 2


def search(oracle, directory, at_once=1, until=-math.inf):
    """Runs trials until none is left, or one reaches `until`; returns values and objectives."""
    oracle._set_project_dir(str(directory), "search")
    oracle.verbose = 0
    results = []
    while True:
        trials = [oracle.create_trial(str(worker)) for worker in range(at_once)]
        trials = [trial for trial in trials if trial.status == TrialStatus.RUNNING]
        if not trials:
            return results
        for trial in trials:
            values = trial.hyperparameters.values
            results.append((values, objective(values)))
            oracle.update_trial(trial.trial_id, {"objective": results[-1][1]})
            trial.status = TrialStatus.COMPLETED
            oracle.end_trial(trial)
            if results[-1][1] <= until:
                return results


def make(kind, seed=0, **options):
    return kind(
        objective=keras_tuner.Objective("objective", "min"),
        max_trials=1000,
        seed=seed,
        hyperparameters=space(),
        **options,
    )


@pytest.mark.parametrize("kind", [GridOracle, BayesianOracle])
@pytest.mark.parametrize("at_once", [1, 3])
def test_every_combination_is_tried_once(kind, at_once, tmp_path):
    tried = [values for values, _ in search(make(kind), tmp_path, at_once)]
    vectors = [
        {"kind": "vector", "latent_dim, vector": dim, "num_entries": entries}
        for dim, entries in itertools.product(LATENT_DIMS, ENTRIES)
    ]
    assert all(values in tried for values in vectors)
    assert len(tried) == 12 + 40
    assert all(tried.count(values) == 1 for values in tried)


def test_bayesian_search_needs_fewer_trials_than_random_search(tmp_path):
    least = min(score for _, score in search(make(GridOracle), tmp_path / "grid"))
    needed = [
        len(search(make(BayesianOracle, seed), tmp_path / str(seed), until=least))
        for seed in range(3)
    ]
    # Random search needs half of the 52 on average.
    assert np.mean(needed) < 26 / 1.5, needed


@pytest.mark.parametrize("combinations", [2, 8, 1000])
def test_hyperband_trains_the_best_further_in_spaces_of_any_size(combinations, tmp_path):
    space = keras_tuner.HyperParameters()
    space.Int("number", 1, combinations)
    oracle = HyperbandOracle(
        keras_tuner.Objective("objective", "min"), max_epochs=27, seed=1, hyperparameters=space
    )
    oracle._set_project_dir(str(tmp_path), "search")
    oracle.verbose = 0
    rounds = {}
    while (trial := oracle.create_trial("worker")).status == TrialStatus.RUNNING:
        values = trial.hyperparameters.values
        bracket = rounds.setdefault(values["tuner/bracket"], {})
        bracket.setdefault(values["tuner/round"], []).append(values["number"])
        oracle.update_trial(trial.trial_id, {"objective": values["number"]})
        trial.status = TrialStatus.COMPLETED
        oracle.end_trial(trial)
    first = rounds[3]
    assert set(first) == {0, 1, 2, 3}  # up to 27 epochs
    for earlier, later in itertools.pairwise(first.values()):
        kept = min(len(earlier), math.ceil(len(earlier) / 3))
        assert sorted(later) == sorted(earlier)[: len(later)]
        assert kept <= len(later) <= kept + 1
    assert len(first[0]) == min(27, combinations)


def test_coordinates_lie_between_0_and_1():
    rows = [
        {"kind": "vector", "rate": 1e-4},
        {"kind": "dictionary", "rate": 1e-2, "sparsity": 4},
        {"kind": "dictionary", "rate": 1e-3, "sparsity": 2},
    ]
    expected = [[0, 1, 0, 0], [1, 0, 1, 1], [1, 0, 0.5, 0]]
    np.testing.assert_allclose(_coordinates(rows), expected, atol=1e-12)
