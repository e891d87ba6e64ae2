"""A sweep that goes on where it was cut off."""

import os
from pathlib import Path

import keras
import keras_tuner
import numpy as np
from keras_tuner.src.engine import conditions

from umbed_keras.images.arrays import check_images
from umbed_keras.ops.checks import check_integers
from umbed_keras.tuning.hparams import write_hparams
from umbed_keras.tuning.oracles import (
    BayesianOracle,
    GridOracle,
    HyperbandOracle,
    HyperbandTuner,
)
from umbed_keras.tuning.rate_distortion import OBJECTIVE
from umbed_keras.tuning.results import REASON, SweepResult
from umbed_keras.tuning.state import back_up, check_identity, repair

HYPERBAND = "hyperband"
ORACLES = {
    "random": keras_tuner.oracles.RandomSearchOracle,
    "bayesian": BayesianOracle,
    "grid": GridOracle,
    HYPERBAND: HyperbandOracle,
}
# How often a worker may begin a trial that ends its process.
MAX_STARTS = 3
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
        TypeError, ValueError: arguments not as described, nothing to learn from or to measure on,
            or a `directory` in which another sweep was begun.
    """
    if algorithm not in ORACLES:
        raise ValueError(f"`algorithm` must be among {list(ORACLES)}. Received: {algorithm!r}")
    check_integers(
        max_trials=(1, max_trials), epochs=(1, epochs), batch_size=(1, batch_size), seed=(0, seed)
    )
    images = _check(images, "images")
    if validation_data is None:
        count = int(len(images) * validation_split) if 0 < validation_split < 1 else 0
        if not count:
            raise ValueError(
                "`validation_split` must leave images to learn from and to measure on. "
                f"Received: {validation_split}, of {len(images)} images"
            )
        images, validation_data = images[:-count], images[-count:]
    validation_data = _check(validation_data, "validation_data")
    directory = Path(directory).resolve()
    # KerasTuner's variables, which `umbed_keras.tuning.workers` sets.
    is_worker = os.environ.get("KERASTUNER_TUNER_ID", "chief") != "chief"
    if not is_worker:
        check_identity(
            directory,
            hypermodel,
            images=images.shape,
            validation_data=validation_data.shape,
            algorithm=algorithm,
            epochs=epochs,
            batch_size=batch_size,
        )
        repair(directory)
    # KerasTuner left a line in for debugging, by which chief and workers print parameters.
    conditions.print = lambda *_: None
    oracle = ORACLES[algorithm](
        objective=keras_tuner.Objective(f"val_{OBJECTIVE}", "min"),
        seed=seed + 1,  # KerasTuner takes 0 for none
        # One that fails is no reason to end the sweep.
        max_consecutive_failed_trials=1 << 30,
        **({"max_epochs": epochs} if algorithm == HYPERBAND else {"max_trials": max_trials}),
    )
    tuner_class = HyperbandTuner if algorithm == HYPERBAND else keras_tuner.Tuner
    tuner = tuner_class(
        oracle, hypermodel, directory=str(directory.parent), project_name=directory.name
    )
    if is_worker:
        _watch_trials(tuner, directory)
    else:
        tuner.save()  # what a sweep is known by, before the first trial
        before = len(tuner.oracle.end_order)
        left = None if algorithm == HYPERBAND else max(1, max_trials - before)
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
        # KerasTuner saves while the trial still counts as running.
        oracle.save()
        act()

    oracle.end_trial = end_trial_and_act


def _watch_trials(tuner, directory):
    """Lets a worker's trial fail that has ended its process too often, for want of memory say.

    And keeps the reason of any that fails, which KerasTuner doesn't send to the chief.
    """
    run_trial = tuner.run_trial

    def run_and_watch(trial, *args, **kwargs):
        folder = directory / f"trial_{trial.trial_id}"
        folder.mkdir(parents=True, exist_ok=True)
        starts = folder / "starts"
        count = starts.stat().st_size if starts.exists() else 0
        try:
            if count >= MAX_STARTS:
                raise keras_tuner.errors.FailedTrialError(f"its process died, {count} times")
            with starts.open("a") as file:
                file.write(".")
            return run_trial(trial, *args, **kwargs)
        except Exception as error:
            (folder / REASON).write_text(f"{type(error).__name__}: {error}")
            raise

    tuner.run_trial = run_and_watch


def _record(directory, progress, before):
    """Keeps a good copy of KerasTuner's files, writes the tables and shows how far it is.

    Args:
        before: int, trials that had ended when the progress bar began.
    """
    back_up(directory)
    result = SweepResult(directory)
    result.to_csv()
    table = result.table
    write_hparams(directory / BOARD, table)
    ended = [row for row in table if row["status"] in ("COMPLETED", "FAILED")]
    scores = [row[OBJECTIVE] for row in ended if row[OBJECTIVE] is not None]
    progress.update(len(ended) - before, [("best", min(scores))] if scores else None)


def _check(images, name):
    """Images as `fit` takes them, at least one, on the host."""
    images = check_images(images, np.shape(images)[-1])
    if not len(images):
        raise ValueError(f"`{name}` must hold at least one image. Received: {images.shape}")
    return images
