"""Sweeps that resume where they were interrupted."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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
from umbed_keras.tuning.state import back_up, check_identity, content_digest, repair
from umbed_keras.typing import ArrayLike, PathLike

HYPERBAND = "hyperband"
ORACLES = {
    "random": keras_tuner.oracles.RandomSearchOracle,
    "bayesian": BayesianOracle,
    "grid": GridOracle,
    HYPERBAND: HyperbandOracle,
}
# A trial that has killed this many worker processes counts as failed.
MAX_STARTS = 3
# Subfolder for `tensorboard --logdir`.
BOARD = "tensorboard"


def sweep(
    images: ArrayLike,
    hypermodel: keras_tuner.HyperModel,
    validation_data: ArrayLike | None = None,
    validation_split: float = 0.1,
    algorithm: str = "bayesian",
    max_trials: int = 20,
    epochs: int = 5,
    batch_size: int = 16,
    directory: PathLike = "sweep",
    seed: int = 0,
    verbose: int = 1,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> SweepResult:
    """Trains models from a search space and compares error and rate.

    The objective is the least `val_rate_distortion`. A sweep whose process was killed resumes when
    it is called again with the same arguments; only trials that were running start again. A trial
    that fails is recorded with the reason, and the sweep goes on. After each trial, the table is
    written to `trials.csv` in `directory` and, if tensorboard is installed, for the HParams page to
    the subfolder `tensorboard`.

    Args:
        images: uint8, or floats in 0..1, `(n, height, width, channels)`, as taken by `fit`.
        hypermodel: `PixelEmbedderHyperModel` or `ImageAutoencoderHyperModel`.
        validation_data: images like `images` to validate on, or None to hold out the last of
            `images`.
        validation_split: float between 0 and 1, share of `images` that is held out.
        algorithm: str, one of `"random"`, `"bayesian"`, `"hyperband"` and `"grid"`.
        max_trials: int >= 1, largest number of trials. Hyperband derives the number from `epochs`.
        epochs: int >= 1, epochs of each trial; for Hyperband the largest number.
        batch_size: int >= 1.
        directory: path of the folder that holds the sweep.
        seed: int >= 0, seed for the choice of trials.
        verbose: int, 0 prints nothing, 1 shows a progress bar over trials, 2 also KerasTuner's
            tables and the progress of each `fit`.
        callbacks: callbacks of `fit`.

    Returns:
        `SweepResult`. In a worker process (see `umbed_keras.tuning.workers`) the function does not
        return but ends the process as `sys.exit` does.

    Raises:
        TypeError: if images are neither uint8 nor floats.
        ValueError: if images have another shape or range than the models take, or there are none.
        ValueError: if `validation_split` leaves no images to train or to validate on.
        ValueError: if `algorithm` is unknown.
        ValueError: if an integer argument is not an integer or too small.
        ValueError: if `directory` holds another sweep.

    Examples:
        The sweep itself takes a few minutes and is not run here:

        >>> images = np.random.default_rng(0).integers(0, 256, (50, 64, 64, 3), "uint8")
        >>> hypermodel = uk.tuning.PixelEmbedderHyperModel(sparsity=[1, 2, 4], rate_weight=1e-5)
        >>> hypermodel.space.sparsity
        [1, 2, 4]
        >>> result = uk.tuning.sweep(images, hypermodel, max_trials=10)  # doctest: +SKIP
        >>> model = result.best_model(max_bits=30)  # doctest: +SKIP
    """
    if algorithm not in ORACLES:
        raise ValueError(f"`algorithm` must be among {list(ORACLES)}. Received: {algorithm!r}")
    check_integers(
        max_trials=(1, max_trials), epochs=(1, epochs), batch_size=(1, batch_size), seed=(0, seed)
    )
    max_trials, epochs, batch_size = int(max_trials), int(epochs), int(batch_size)
    # Otherwise every trial would fail.
    channels = getattr(hypermodel, "options", {}).get("channels", 3)
    images, validation_data = _split(images, validation_data, validation_split, channels)
    directory = Path(directory).resolve()
    # KerasTuner's variable, which `umbed_keras.tuning.workers` sets.
    is_worker = os.environ.get("KERASTUNER_TUNER_ID", "chief") != "chief"
    if not is_worker:
        check_identity(
            directory,
            hypermodel,
            images=images.shape,
            validation_data=validation_data.shape,
            content=content_digest(images, validation_data),
            algorithm=algorithm,
            epochs=epochs,
            batch_size=batch_size,
        )
        repair(directory)
    tuner = _tuner(hypermodel, algorithm, max_trials, epochs, directory, seed)
    if is_worker:
        _watch_trials(tuner, directory)
    else:
        tuner.save()  # the next call recognises the sweep by it, even before the first trial
        ended_before = len(tuner.oracle.end_order)
        left = None if algorithm == HYPERBAND else max(1, max_trials - ended_before)
        progress = keras.utils.Progbar(
            left, verbose=verbose, unit_name="trial", stateful_metrics=["best"]
        )
        _after_each_trial(tuner.oracle, lambda: _record(directory, progress, ended_before))
    tuner.search(
        images,
        validation_data=validation_data,
        epochs=epochs,
        batch_size=batch_size,
        verbose=max(0, verbose - 1),
        callbacks=list(callbacks),
    )
    if is_worker:
        raise SystemExit  # only the chief returns the result
    return SweepResult(directory, hypermodel)


def _split(
    images: ArrayLike, validation_data: ArrayLike | None, validation_split: float, channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns checked images to train and to validate on."""
    images = _check(images, "images", channels)
    if validation_data is not None:
        return images, _check(validation_data, "validation_data", channels)
    count = int(len(images) * validation_split) if 0 < validation_split < 1 else 0
    if not count:
        raise ValueError(
            "`validation_split` must leave images to train and to validate on. "
            f"Received: {validation_split}, of {len(images)} images"
        )
    return images[:-count], images[-count:]


def _check(images: ArrayLike, name: str, channels: int) -> np.ndarray:
    """Returns images as `fit` takes them, at least one, in the memory of the host."""
    images = check_images(images, channels)
    if not len(images):
        raise ValueError(f"`{name}` must hold at least one image. Received: {images.shape}")
    return images


def _tuner(
    hypermodel: keras_tuner.HyperModel,
    algorithm: str,
    max_trials: int,
    epochs: int,
    directory: Path,
    seed: int,
) -> keras_tuner.Tuner:
    # KerasTuner left in a debugging print, with which chief and workers print all conditions.
    conditions.print = lambda *_: None
    oracle = ORACLES[algorithm](
        objective=keras_tuner.Objective(f"val_{OBJECTIVE}", "min"),
        seed=seed + 1,  # KerasTuner takes 0 for no seed
        # Failed trials do not end the sweep.
        max_consecutive_failed_trials=1 << 30,
        **({"max_epochs": epochs} if algorithm == HYPERBAND else {"max_trials": max_trials}),
    )
    tuner_class = HyperbandTuner if algorithm == HYPERBAND else keras_tuner.Tuner
    return tuner_class(
        oracle, hypermodel, directory=str(directory.parent), project_name=directory.name
    )


def _after_each_trial(oracle: keras_tuner.Oracle, act: Callable[[], None]) -> None:
    """Makes an oracle, also that of a chief, call a function after each trial."""
    end_trial = oracle.end_trial

    def end_trial_and_act(trial: Any) -> None:
        end_trial(trial)
        # KerasTuner saves while the trial still counts as running.
        oracle.save()
        act()

    oracle.end_trial = end_trial_and_act


def _watch_trials(tuner: keras_tuner.Tuner, directory: Path) -> None:
    """Fails the trials of a worker that killed too many processes, and records why trials fail.

    KerasTuner does not send the reason to the chief.
    """
    run_trial = tuner.run_trial

    def run_and_watch(trial: Any, *args: Any, **kwargs: Any) -> Any:
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


def _record(directory: Path, progress: keras.utils.Progbar, ended_before: int) -> None:
    """Backs up KerasTuner's files, writes the tables and updates the progress bar.

    Args:
        directory: `pathlib.Path` of the sweep.
        progress: progress bar over trials.
        ended_before: int, number of trials that had ended when the progress bar started.
    """
    back_up(directory)
    result = SweepResult(directory)
    result.to_csv()
    table = result.table
    write_hparams(directory / BOARD, table)
    ended = [row for row in table if row["status"] in ("COMPLETED", "FAILED")]
    scores = [row[OBJECTIVE] for row in ended if row[OBJECTIVE] is not None]
    progress.update(len(ended) - ended_before, [("best", min(scores))] if scores else None)
