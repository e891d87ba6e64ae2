"""A sweep that goes on where it was cut off."""

import json
import os
import shutil
from pathlib import Path

import keras
import keras_tuner

from umbed_keras.models.atomic_folder import present, replaced
from umbed_keras.tuning.hparams import write_hparams
from umbed_keras.tuning.oracles import BayesianOracle, GridOracle
from umbed_keras.tuning.rate_distortion import OBJECTIVE
from umbed_keras.tuning.results import SweepResult

HYPERBAND = "hyperband"
ORACLES = {
    "random": keras_tuner.oracles.RandomSearchOracle,
    "bayesian": BayesianOracle,
    "grid": GridOracle,
}
ALGORITHMS = (*ORACLES, HYPERBAND)
# Copies of KerasTuner's own files, which it doesn't write whole or not at all.
BACKUP = "backup"
# What `tensorboard --logdir` takes.
BOARD = "tensorboard"


def sweep(
    images,
    hypermodel,
    validation_data=None,
    validation_split=0.1,
    algorithm="bayesian",
    max_trials=20,
    epochs=5,
    batch_size=16,
    directory="sweep",
    seed=0,
    verbose=1,
    callbacks=(),
):
    """Trains models of a space of hyperparameters, and tells which spend their bits best.

    What is minimised is `val_rate_distortion`. Called again with the same arguments after it was
    killed, it goes on: at most the trials that ran are run again. A trial that fails is recorded
    with its reason. After each trial the table is written to `trials.csv` in `directory`, and where
    tensorboard is installed for its HParams page, to `tensorboard` there.

    Args:
        images: array `(n, height, width, channels)`, as `fit` takes it.
        hypermodel: `PixelEmbedderHyperModel` or `ImageAutoencoderHyperModel`.
        validation_data: images to measure on; None holds out the last of `images`.
        validation_split: float, the share that is held out.
        algorithm: `"random"`, `"bayesian"`, `"hyperband"` or `"grid"`.
        max_trials: int, trials at most; Hyperband makes its own number from `epochs`.
        epochs: int, of a trial; of Hyperband at most.
        batch_size: int.
        directory: path, where all of it is kept.
        seed: int, of the choice of trials.
        verbose: 1 shows a progress bar over trials, 2 also KerasTuner's tables and each `fit`,
            0 nothing.
        callbacks: of `fit`.

    Returns:
        `SweepResult`. A worker (see `umbed_keras.tuning.workers`) ends here, as by `sys.exit`.

    Raises:
        ValueError: an unknown `algorithm`, or nothing to measure on.
    """
    if algorithm not in ALGORITHMS:
        raise ValueError(f"`algorithm` must be among {ALGORITHMS}. Received: {algorithm!r}")
    if validation_data is None:
        start = len(images) - int(len(images) * validation_split)
        images, validation_data = images[:start], images[start:]
    if not len(images) or not len(validation_data):
        raise ValueError("There must be images to learn from and to measure on.")
    directory = Path(directory).resolve()
    # KerasTuner's variables, which `umbed_keras.tuning.workers` sets.
    is_worker = os.environ.get("KERASTUNER_TUNER_ID", "chief") != "chief"
    if not is_worker:
        _repair(directory)
    place = {"directory": str(directory.parent), "project_name": directory.name}
    options = {
        "objective": keras_tuner.Objective(f"val_{OBJECTIVE}", "min"),
        "seed": seed + 1,  # KerasTuner takes 0 for none
        # One that fails is no reason to end the sweep.
        "max_consecutive_failed_trials": 1 << 30,
    }
    if algorithm == HYPERBAND:
        tuner = keras_tuner.Hyperband(hypermodel, max_epochs=epochs, **options, **place)
    else:
        oracle = ORACLES[algorithm](max_trials=max_trials, **options)
        tuner = keras_tuner.Tuner(oracle, hypermodel, **place)
    if not is_worker:
        tuner.save()  # what a sweep is known by, before the first trial
        before = len(tuner.oracle.end_order)
        left = None if algorithm == HYPERBAND else max_trials - before
        progress = keras.utils.Progbar(
            left, verbose=verbose, unit_name="trial", stateful_metrics=["best"]
        )
        _after_each_trial(tuner.oracle, lambda: _record(directory, progress, before))
    tuner.search(
        images,
        validation_data=validation_data,
        epochs=epochs,
        batch_size=batch_size,
        verbose=max(0, verbose - 1),
        callbacks=list(callbacks),
    )
    if is_worker:
        raise SystemExit  # the chief has the result
    return SweepResult(directory, hypermodel)


def _after_each_trial(oracle, act):
    """Makes an oracle, a chief's too, do something when a trial has ended."""
    end_trial = oracle.end_trial

    def end_trial_and_act(trial):
        end_trial(trial)
        oracle.save()  # only now the trial counts as ended
        act()

    oracle.end_trial = end_trial_and_act


def _record(directory, progress, before):
    """Keeps a good copy of KerasTuner's files, writes the tables and shows how far it is.

    Args:
        before: int, trials that had ended when the progress bar began.
    """
    with replaced(directory / BACKUP) as new:
        for path in _states(directory):
            (new / path.parent.name).mkdir(exist_ok=True)
            shutil.copy2(path, new / path.parent.name / path.name)
    result = SweepResult(directory)
    result.to_csv()
    table = result.table
    write_hparams(directory / BOARD, table)
    ended = [row for row in table if row["status"] in ("COMPLETED", "FAILED")]
    scores = [row[OBJECTIVE] for row in ended if row[OBJECTIVE] is not None]
    progress.update(len(ended) - before, [("best", min(scores))] if scores else None)


def _states(directory):
    """KerasTuner's files of a sweep and of its trials."""
    return sorted([*directory.glob("*.json"), *directory.glob("trial_*/trial.json")])


def _repair(directory):
    """Puts the last good files back if a kill left one of them half written."""
    try:
        for path in _states(directory):
            json.loads(path.read_text())
        return
    except ValueError:
        backup = present(directory / BACKUP)
    for path in _states(directory):
        path.unlink()
    for path in backup.glob("*/*.json"):
        target = directory if path.parent.name == directory.name else directory / path.parent.name
        target.mkdir(exist_ok=True)
        shutil.copy2(path, target / path.name)
