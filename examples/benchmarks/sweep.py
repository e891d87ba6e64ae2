"""Measures the overhead of sweeps and compares their search algorithms.

    python examples/benchmarks/sweep.py ../shared/data/celeba_crops.tar

First every model of the space of `umbed-keras sweep` is trained once (45 trainings, resumable), and
the logs of all epochs are recorded. Then the algorithms are run with several seeds on these records
instead of training. Hyperband ends by itself; where it resumes a model, only the added epochs
count.
"""

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

import umbed_keras  # noqa: F401 (first: it chooses the backend of Keras)

# isort: split
import keras
import numpy as np

from umbed_keras.images.squares.sources import load_split
from umbed_keras.tuning import PixelEmbedderHyperModel, sweep

SPACE = {"latent_dim": [4, 8, 16, 32], "num_entries": [16, 64, 256], "sparsity": [1, 2, 4, 8]}
NAMES = tuple(SPACE)
TRIALS = 24
OBJECTIVE = "val_rate_distortion"


class Recorded(PixelEmbedderHyperModel):
    """Records the logs of all epochs, a line of JSON for each training."""

    def __init__(self, path, **space):
        super().__init__(**space)
        self.path = Path(path)

    def fit(self, hp, model, *args, **kwargs):
        history = super().fit(hp, model, *args, **kwargs)
        with self.path.open("a") as file:
            file.write(json.dumps([chosen(hp), history.history]) + "\n")
        return history


class Replayed(PixelEmbedderHyperModel):
    """Replays recorded logs instead of training."""

    def __init__(self, records, **space):
        super().__init__(**space)
        self.records = records

    def build(self, hp):
        super()._choose_bottleneck(hp)
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    def fit(self, hp, model, *args, epochs, initial_epoch=0, callbacks=(), **kwargs):
        epochs_reported = self.records[tuple(chosen(hp))]
        callbacks = keras.callbacks.CallbackList(callbacks, add_history=True, model=model)
        callbacks.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            callbacks.on_epoch_end(epoch, dict(epochs_reported[epoch]))
        callbacks.on_train_end()
        return model.history


def chosen(hp):
    """Returns the values of `NAMES`."""
    values = {name.partition(",")[0]: value for name, value in hp.values.items()}
    return [values[name] for name in NAMES]


def read_records(path):
    """Reads a dictionary from the values of `NAMES` to the logs of all epochs."""
    records = {}
    for line in path.read_text().splitlines():
        values, history = json.loads(line)
        rows = zip(*history.values(), strict=True)
        records[tuple(values)] = [dict(zip(history, row, strict=True)) for row in rows]
    return records


def run(hypermodel, images, folder, **options):
    return sweep(
        images[0], hypermodel, validation_data=images[1], directory=folder, verbose=0, **options
    )


def overhead(images, epochs, rounds, count=4):
    """Computes the median ratio of the time of a sweep to that of the same trainings by hand."""
    space = {"latent_dim": 16, "num_entries": [16, 64], "sparsity": [2, 4]}
    ratios = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            result = run(
                hypermodel := PixelEmbedderHyperModel(**space),
                images,
                Path(folder) / "sweep",
                algorithm="grid",
                max_trials=count,
                epochs=epochs,
            )
            swept = time.perf_counter() - start
            trained = [trial.hyperparameters for trial in result.trials]
        start = time.perf_counter()
        for hp in trained:
            model = hypermodel.build(hp)
            model.fit(images[0], validation_data=images[1], epochs=epochs, batch_size=16, verbose=0)
        by_hand = time.perf_counter() - start
        print(f"{count} trials: {swept:.1f} s by a sweep, {by_hand:.1f} s by hand")
        ratios.append(swept / by_hand)
    return float(np.median(ratios))


def progress_of(algorithm, records, epochs, seed):
    """Returns, after each trial, the epochs trained so far and the best objective."""
    dummy = np.zeros((2, 1, 1, 3), "uint8")
    folder = Path(tempfile.mkdtemp())
    try:
        result = run(
            Replayed(records, **SPACE),
            (dummy, dummy),
            folder / "sweep",
            algorithm=algorithm,
            max_trials=TRIALS,
            epochs=epochs,
            seed=seed,
        )
        best, spent, points = np.inf, 0, []
        for trial in result.trials:
            values = trial.hyperparameters.values
            spent += values.get("tuner/epochs", epochs) - values.get("tuner/initial_epoch", 0)
            best = min(best, trial.score)
            points.append((spent / epochs, best))
        return points
    finally:
        shutil.rmtree(folder)


def best_after(points, budget):
    return min((best for spent, best in points if spent <= budget), default=np.nan)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", help="folder, tar or .npz")
    parser.add_argument("--output", type=Path, default=Path("runs/sweep_benchmark"))
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--limit", type=int, default=600)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of measuring the overhead")
    args = parser.parse_args()
    images = load_split(args.images, args.size, args.limit)
    args.output.mkdir(parents=True, exist_ok=True)
    path = args.output / "records.jsonl"
    run(
        Recorded(path, **SPACE),
        images,
        args.output / "grid",
        algorithm="grid",
        max_trials=1000,
        epochs=args.epochs,
    )
    records = read_records(path)
    print(f"{len(records)} models; the best: {min(r[-1][OBJECTIVE] for r in records.values()):.5f}")
    progress = {
        algorithm: [
            progress_of(algorithm, records, args.epochs, seed) for seed in range(args.seeds)
        ]
        for algorithm in ("random", "bayesian", "hyperband")
    }
    budgets = (7, 12, 18, 24)
    print(
        f"\n| best objective after trainings | {' | '.join(map(str, budgets))} | to random's 24 |"
    )
    print("|---" * (len(budgets) + 2) + "|")
    goals = [best_after(points, TRIALS) for points in progress["random"]]
    for algorithm, runs in progress.items():
        cells = [f"{np.mean([best_after(points, b) for points in runs]):.5f}" for b in budgets]
        needed = [
            min((spent for spent, best in points if best <= goal), default=np.inf)
            for points, goal in zip(runs, goals, strict=True)
        ]
        print(f"| {algorithm} | {' | '.join(cells)} | {np.mean(needed):.1f} {needed} |")
    if args.rounds:
        print(f"\noverhead: {overhead(images, args.epochs, args.rounds) - 1:.1%}")


if __name__ == "__main__":
    main()
