"""What a sweep costs beyond its trainings, and which algorithm finds a good model soonest.

    python examples/benchmarks/sweep.py ../shared/data/celeba_crops.tar

First every model of the space of `examples/sweep.py` is trained once (45 trainings; it goes on
where it was when run again), and what each epoch reported is kept. On these records the algorithms
are then run with several seeds, which takes no training: a trial gives what it gave. Hyperband
ends by itself; where it trains a model further, that counts for the epochs added.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import umbed_keras  # noqa: F401 (first: it chooses Keras's backend)

# isort: split
import keras
import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1]))
from training.images import load_split

from umbed_keras.tuning import PixelEmbedderHyperModel, sweep

SPACE = {"latent_dim": [4, 8, 16, 32], "num_entries": [16, 64, 256], "sparsity": [1, 2, 4, 8]}
NAMES = tuple(SPACE)
TRIALS = 24
OBJECTIVE = "val_rate_distortion"


class Recorded(PixelEmbedderHyperModel):
    """Keeps what every epoch reports, a line of JSON for each training."""

    def __init__(self, path, **space):
        super().__init__(**space)
        self.path = Path(path)

    def fit(self, hp, model, *args, **kwargs):
        history = super().fit(hp, model, *args, **kwargs)
        with self.path.open("a") as file:
            file.write(json.dumps([chosen(hp), history.history]) + "\n")
        return history


class Replayed(PixelEmbedderHyperModel):
    """Reports what was recorded instead of training."""

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
    """The values of `NAMES`."""
    values = {name.partition(",")[0]: value for name, value in hp.values.items()}
    return [values[name] for name in NAMES]


def read_records(path):
    """Values of `NAMES` to what each epoch reported."""
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
    """Seconds of a sweep over those of the same trainings by hand, the median of some rounds."""
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
            found = [trial.hyperparameters for trial in result.trials]
        start = time.perf_counter()
        for hp in found:
            model = hypermodel.build(hp)
            model.fit(images[0], validation_data=images[1], epochs=epochs, batch_size=16, verbose=0)
        by_hand = time.perf_counter() - start
        print(f"{count} trials: {swept:.1f} s by a sweep, {by_hand:.1f} s by hand")
        ratios.append(swept / by_hand)
    return float(np.median(ratios))


def progress_of(algorithm, records, epochs, seed):
    """The best objective so far after each trial, and the epochs trained until then."""
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
    parser.add_argument("--rounds", type=int, default=3, help="of the measurement of overhead")
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
    found = {
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
    goals = [best_after(points, TRIALS) for points in found["random"]]
    for algorithm, runs in found.items():
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
