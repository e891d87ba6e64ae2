"""What came out of a sweep."""

import csv
from pathlib import Path

import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus

from umbed_keras import plots
from umbed_keras.files import written_whole
from umbed_keras.ops.pareto import pareto_front
from umbed_keras.tuning.rate_distortion import OBJECTIVE
from umbed_keras.tuning.scopes import SEPARATOR
from umbed_keras.zoo.table import Table

TABLE = "trials.csv"
# Where a worker says why its trial failed.
REASON = "reason.txt"
# Column to what the history of `fit` calls it.
MEASURES = {
    "error": "val_reconstruction",
    "bits_per_pixel": "val_bits_per_pixel",
    OBJECTIVE: f"val_{OBJECTIVE}",
    "seconds": "seconds",
}


class SweepResult:
    """The trials of a sweep, finished or not, read from its folder.

    `trials` has them, in order, as KerasTuner knows them.

    Args:
        directory: path of the sweep.
        hypermodel: what was tuned, which makes the models; None if no model is asked for.

    Raises:
        ValueError: there is no sweep.
    """

    def __init__(self, directory, hypermodel=None):
        self.directory, self.hypermodel = Path(directory), hypermodel
        files = sorted(
            self.directory.glob("trial_*/trial.json"),
            key=lambda file: int(file.parent.name.removeprefix("trial_")),
        )
        if not files:
            raise ValueError(f"There are no trials of a sweep in {self.directory}.")
        self.trials = [Trial.load(str(file)) for file in files]

    @property
    def table(self):
        """A list of a dictionary a trial, in order, which is shown as a table.

        `trial`, `status`, its hyperparameters, `error` (mean squared, on values in 0..1),
        `bits_per_pixel`, `rate_distortion`, `seconds`, and of one that failed the `reason`; None
        where there is nothing.
        """
        values = [hyperparameters(trial.hyperparameters.values) for trial in self.trials]
        names = dict.fromkeys(name for found in values for name in found)
        return Table(
            {
                "trial": trial.trial_id,
                "status": trial.status,
                **names,
                **found,
                **{column: _measure(trial, name) for column, name in MEASURES.items()},
                "reason": self._reason(trial),
            }
            for trial, found in zip(self.trials, values, strict=True)
        )

    def to_pandas(self):
        """The table as a `pandas.DataFrame`, a row a trial.

        Raises:
            ImportError: pandas is missing.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("`to_pandas` needs pandas: pip install pandas") from error
        return pandas.DataFrame(list(self.table))

    def to_csv(self, path=None):
        """Writes the table; to `trials.csv` in the sweep's folder by default. Gives the path."""
        path = Path(path or self.directory / TABLE)
        table = self.table
        with written_whole(path) as new, new.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(table[0]))
            writer.writeheader()
            writer.writerows(table)
        return path

    @property
    def pareto(self):
        """The rows of the table that no other equals in error at as few bits, by rising bits."""
        rows = self._completed()
        rates, errors = (
            np.array([row[name] for row in rows]) for name in ("bits_per_pixel", "error")
        )
        return Table(rows[index] for index in pareto_front(rates, -errors))

    def best(self, max_bits=None, max_error=None):
        """The row that is best for a budget.

        Args:
            max_bits: float, bits per pixel at most: the row of least error among these.
            max_error: float, error at most: the row of fewest bits among these.
            Without both, the row of least `rate_distortion`.

        Raises:
            ValueError: both are given, or no trial keeps to the budget.
        """
        if max_bits is not None and max_error is not None:
            raise ValueError("Give `max_bits` or `max_error`, not both.")
        if max_bits is not None:
            goal = "error"
        elif max_error is not None:
            goal = "bits_per_pixel"
        else:
            goal = OBJECTIVE
        fits = [
            row
            for row in self._completed()
            if (max_bits is None or row["bits_per_pixel"] <= max_bits)
            and (max_error is None or row["error"] <= max_error)
        ]
        if not fits:
            raise ValueError(
                f"No trial keeps to max_bits={max_bits}, max_error={max_error}. "
                f"Trials completed: {len(self._completed())}"
            )
        return min(fits, key=lambda row: row[goal])

    def best_model(self, max_bits=None, max_error=None):
        """The model of `best`, with the weights of its best epoch."""
        if self.hypermodel is None:
            raise ValueError("A model needs the `hypermodel` that was tuned.")
        row = self.best(max_bits, max_error)
        (trial,) = (trial for trial in self.trials if trial.trial_id == row["trial"])
        model = self.hypermodel.build(trial.hyperparameters)
        model.load_weights(self.directory / f"trial_{trial.trial_id}" / "checkpoint.weights.h5")
        return model

    def figures(self):
        """Name to figure: `pareto`, `parallel_coordinates`, and `heat_map` of the error over K
        and S where they vary."""
        rows = self._completed()
        kinds = {}
        for row in rows:
            columns = kinds.setdefault(str(row["bottleneck"]), {"rate": [], "MSE": []})
            columns["rate"].append(row["bits_per_pixel"])
            columns["MSE"].append(row["error"])
        varied = [name for name in searched(rows) if len({row[name] for row in rows}) > 1]
        shown = [*varied, "bits_per_pixel", "error"]
        found = {
            "pareto": plots.rate_distortion(kinds),
            "parallel_coordinates": plots.parallel_coordinates(
                {name: [row[name] for row in rows] for name in shown}
            ),
        }
        if {"num_entries", "sparsity"} <= set(varied):
            known = [row for row in rows if row["sparsity"] is not None]
            found["heat_map"] = plots.heat_map(
                {
                    name: [row[name] for row in known]
                    for name in ("num_entries", "sparsity", "error")
                }
            )
        return found

    def _reason(self, trial):
        """The last line of what a failed trial said."""
        kept = self.directory / f"trial_{trial.trial_id}" / REASON
        message = trial.message or (kept.read_text() if kept.exists() else "")
        lines = message.strip().splitlines()
        return lines[-1] if lines and trial.status == TrialStatus.FAILED else None

    def _completed(self):
        rows = [row for row in self.table if row["status"] == TrialStatus.COMPLETED]
        if not rows:
            reasons = [row["reason"] for row in self.table if row["reason"]]
            why = f" The last failed: {reasons[-1]}" if reasons else ""
            raise ValueError(f"No trial in {self.directory} was completed.{why}")
        return rows


def searched(table):
    """The columns of a table that are hyperparameters."""
    return [name for name in table[0] if name not in ("trial", "status", "reason", *MEASURES)]


def hyperparameters(values):
    """KerasTuner's values of a trial without scopes, and without those it keeps for itself."""
    return {
        name.partition(SEPARATOR)[0]: value
        for name, value in values.items()
        if not name.startswith("tuner/")
    }


def _measure(trial, name):
    if not trial.metrics.exists(name):
        return None
    return float(np.mean(trial.metrics.get_history(name)[-1].value))
