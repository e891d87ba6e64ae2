"""A grid search that can go on after it was cut off, which KerasTuner's own can't."""

import keras_tuner


class GridOracle(keras_tuner.Oracle):
    """Proposes every combination of values once, in order; what was tried is told by the trials."""

    def populate_space(self, trial_id):
        tried = [trial.hyperparameters.values for trial in self.trials.values()]
        for values in _combinations(self.hyperparameters.space, {}):
            if values not in tried:
                return {"status": "RUNNING", "values": values}
        return {"status": "STOPPED", "values": None}


class GridSearch(keras_tuner.Tuner):
    """A tuner by `GridOracle`; arguments are those of `keras_tuner.RandomSearch`."""

    def __init__(
        self, hypermodel, objective, max_trials, seed, max_consecutive_failed_trials, **kwargs
    ):
        oracle = GridOracle(
            objective=objective,
            max_trials=max_trials,
            seed=seed,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
        )
        super().__init__(oracle, hypermodel, **kwargs)


def _combinations(space, values):
    """All values of hyperparameters that are active together."""
    if not space:
        yield values
        return
    first, *others = space
    if not all(condition.is_active(values) for condition in first.conditions):
        yield from _combinations(others, values)
        return
    for value in first.values:
        yield from _combinations(others, {**values, first.name: value})
