"""Results of a sweep."""

import csv
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus

from umbed_keras import plots
from umbed_keras.files import written_whole
from umbed_keras.ops.pareto import pareto_front
from umbed_keras.plots.figures import Figures
from umbed_keras.tuning.rate_distortion import OBJECTIVE
from umbed_keras.tuning.scopes import hyperparameters
from umbed_keras.typing import PathLike
from umbed_keras.zoo.table import Table

if TYPE_CHECKING:
    import pandas

TABLE = "trials.csv"
# File of a trial in which a worker writes why the trial failed.
REASON = "reason.txt"
# Column of the table to its name in the history of `fit`.
MEASURES = {
    "error": "val_reconstruction",
    "bits_per_pixel": "val_bits_per_pixel",
    OBJECTIVE: f"val_{OBJECTIVE}",
    "seconds": "seconds",
}


class SweepResult:
    """Trials of a sweep, finished or running, read from its directory.

    The attribute `trials` is the list of KerasTuner's `Trial` objects in order.

    Args:
        directory: path of the sweep.
        hypermodel: hypermodel of the sweep, which builds the models, or None. Only `best_model`
            needs it.

    Raises:
        ValueError: if `directory` holds no trials of a sweep.

    Examples:
        A sweep whose first trial has started:

        >>> hp = keras_tuner.HyperParameters()
        >>> hp.values["sparsity"] = 2
        >>> Path("sweep/trial_0").mkdir(parents=True)
        >>> state = Trial(hp, trial_id="0", status="RUNNING").save("sweep/trial_0/trial.json")
        >>> result = uk.tuning.SweepResult("sweep")
        >>> result
        <SweepResult 'sweep': 1 trial (1 running)>
        >>> result.table[0]["sparsity"]
        2
    """

    def __init__(
        self, directory: PathLike, hypermodel: keras_tuner.HyperModel | None = None
    ) -> None:
        self.directory, self.hypermodel = Path(directory), hypermodel
        files = sorted(
            self.directory.glob("trial_*/trial.json"),
            key=lambda file: int(file.parent.name.removeprefix("trial_")),
        )
        if not files:
            raise ValueError(f"There are no trials of a sweep in {self.directory}.")
        self.trials = [Trial.load(str(file)) for file in files]

    def __repr__(self) -> str:
        return f"<SweepResult {str(self.directory)!r}: {self._summary()}>"

    def _repr_html_(self) -> str:
        summary = html.escape(f"{self.directory}: {self._summary()}")
        return f"<p>{summary}</p>{self.table._repr_html_()}"

    @property
    def table(self) -> Table:
        """All trials in order, as a list of dicts that is displayed as a table.

        The columns are `trial`, `status`, the hyperparameters, `error` (mean squared, of values in
        0..1), `bits_per_pixel`, `rate_distortion`, `seconds`, and `reason` (why the trial failed).
        Values that a trial does not have are None.
        """
        values = [hyperparameters(trial.hyperparameters.values) for trial in self.trials]
        names = dict.fromkeys(name for trial_values in values for name in trial_values)
        return Table(
            {
                "trial": trial.trial_id,
                "status": trial.status,
                **names,
                **trial_values,
                **{column: _measure(trial, name) for column, name in MEASURES.items()},
                "reason": self._reason(trial),
            }
            for trial, trial_values in zip(self.trials, values, strict=True)
        )

    def to_pandas(self) -> "pandas.DataFrame":
        """Returns the table as a data frame with a row for each trial.

        Returns:
            `pandas.DataFrame`.

        Raises:
            ImportError: if pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("`to_pandas` needs pandas: pip install pandas") from error
        return pandas.DataFrame(list(self.table))

    def to_csv(self, path: PathLike | None = None) -> Path:
        """Writes the table to a CSV file.

        Args:
            path: path of the file, or None for `trials.csv` in the directory of the sweep.

        Returns:
            `pathlib.Path` of the file.
        """
        path = Path(path or self.directory / TABLE)
        table = self.table
        with written_whole(path) as new, new.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(table[0]))
            writer.writeheader()
            writer.writerows(table)
        return path

    @property
    def pareto(self) -> Table:
        """Rows of the table with a lower error than all rows of fewer bits, by rising bits."""
        rows = self._completed()
        rates, errors = (
            np.array([row[name] for row in rows]) for name in ("bits_per_pixel", "error")
        )
        return Table(rows[index] for index in pareto_front(rates, -errors))

    def best(self, max_bits: float | None = None, max_error: float | None = None) -> dict[str, Any]:
        """Returns the best row of the table within a budget.

        Without a budget, this is the row of least `rate_distortion`.

        Args:
            max_bits: float, largest bits per pixel. The best row has the least error.
            max_error: float, largest error. The best row has the fewest bits per pixel.

        Returns:
            dict, a row of `table`.

        Raises:
            ValueError: if both budgets are given.
            ValueError: if no completed trial is within the budget.
        """
        if max_bits is not None and max_error is not None:
            raise ValueError("Give `max_bits` or `max_error`, not both.")
        if max_bits is not None:
            goal = "error"
        elif max_error is not None:
            goal = "bits_per_pixel"
        else:
            goal = OBJECTIVE
        completed = self._completed()
        within = [
            row
            for row in completed
            if (max_bits is None or row["bits_per_pixel"] <= max_bits)
            and (max_error is None or row["error"] <= max_error)
        ]
        if not within:
            raise ValueError(
                f"No trial is within max_bits={max_bits}, max_error={max_error}. "
                f"Completed trials: {len(completed)}"
            )
        return min(within, key=lambda row: row[goal])

    def best_model(
        self, max_bits: float | None = None, max_error: float | None = None
    ) -> keras.Model:
        """Returns the model of the best trial within a budget, with the weights of its best epoch.

        Args:
            max_bits: as in `best`.
            max_error: as in `best`.

        Returns:
            Model that the hypermodel builds.

        Raises:
            ValueError: if the result has no `hypermodel`.
            ValueError: if both budgets are given.
            ValueError: if no completed trial is within the budget.
        """
        if self.hypermodel is None:
            raise ValueError("`best_model` needs the `hypermodel` of the sweep. Received: None")
        row = self.best(max_bits, max_error)
        (trial,) = (trial for trial in self.trials if trial.trial_id == row["trial"])
        model = self.hypermodel.build(trial.hyperparameters)
        model.load_weights(self.directory / f"trial_{trial.trial_id}" / "checkpoint.weights.h5")
        return model

    def figures(self) -> Figures:
        """Draws the completed trials.

        Returns:
            dict of name to `matplotlib.figure.Figure`, which a notebook displays: `pareto`,
            `parallel_coordinates`, and, if both `num_entries` and `sparsity` vary, `heat_map` of
            the error over the two.

        Raises:
            ValueError: if no trial is completed.
            ImportError: if matplotlib is not installed.
        """
        rows = self._completed()
        kinds: dict[str, dict[str, list[float]]] = {}
        for row in rows:
            columns = kinds.setdefault(str(row["bottleneck"]), {"rate": [], "MSE": []})
            columns["rate"].append(row["bits_per_pixel"])
            columns["MSE"].append(row["error"])
        varied = [name for name in searched_columns(rows) if len({row[name] for row in rows}) > 1]
        figures = Figures(
            pareto=plots.rate_distortion(kinds),
            parallel_coordinates=plots.parallel_coordinates(
                _columns(rows, [*varied, "bits_per_pixel", "error"])
            ),
        )
        if {"num_entries", "sparsity"} <= set(varied):
            sparse = [row for row in rows if row["sparsity"] is not None]
            figures["heat_map"] = plots.heat_map(
                _columns(sparse, ["num_entries", "sparsity", "error"])
            )
        return figures

    def _summary(self) -> str:
        """Returns the number of trials by status, and the best one."""
        table = self.table
        counts: dict[str, int] = {}
        for row in table:
            counts[row["status"]] = counts.get(row["status"], 0) + 1
        parts = [f"{count} {status.lower()}" for status, count in counts.items()]
        summary = f"{len(table)} trial{'s' * (len(table) > 1)} ({', '.join(parts)})"
        if TrialStatus.COMPLETED not in counts:
            return summary
        best = self.best()
        return f"{summary}, best {OBJECTIVE} {best[OBJECTIVE]:.4g} in trial {best['trial']}"

    def _reason(self, trial: Trial) -> str | None:
        """Returns the last line of the message of a failed trial."""
        path = self.directory / f"trial_{trial.trial_id}" / REASON
        message = trial.message or (path.read_text() if path.exists() else "")
        lines = message.strip().splitlines()
        return lines[-1] if lines and trial.status == TrialStatus.FAILED else None

    def _completed(self) -> list[dict[str, Any]]:
        table = self.table
        rows = [row for row in table if row["status"] == TrialStatus.COMPLETED]
        if not rows:
            reasons = [row["reason"] for row in table if row["reason"]]
            why = f" The last failed: {reasons[-1]}" if reasons else ""
            raise ValueError(f"No trial in {self.directory} was completed.{why}")
        return [dict(row) for row in rows]


def searched_columns(table: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the names of the columns of a sweep's table that are hyperparameters.

    Args:
        table: rows of `SweepResult.table`, at least one.

    Examples:
        >>> searched_columns([{"trial": "0", "status": "FAILED", "sparsity": 2, "error": None}])
        ['sparsity']
    """
    return [name for name in table[0] if name not in ("trial", "status", "reason", *MEASURES)]


def _columns(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in names}


def _measure(trial: Trial, name: str) -> float | None:
    """Returns the last value of a metric, or None if the trial does not have it."""
    if not trial.metrics.exists(name):
        return None
    return float(np.mean(trial.metrics.get_history(name)[-1].value))
