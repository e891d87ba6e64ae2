import contextlib
import csv
import importlib.util
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import umbed_keras as uk
from umbed_keras.tuning import (
    ImageAutoencoderHyperModel,
    PixelEmbedderHyperModel,
    SweepResult,
    sweep,
)
from umbed_keras.tuning.state import IDENTITY, repair

ROOT = Path(uk.__file__).parents[1]
SMALL = {
    "latent_dim": 2,
    "num_entries": [2, 4],
    "sparsity": [1, 2],
    "width": 4,
    "hidden_units": 4,
    "patch_size": 2,
    "pyramid_levels": 1,
    "pixels_per_image": 16,
    "rate_weight": 1e-4,
}
SIZES = ("num_entries", "sparsity", "levels")


def photographs(count):
    """Returns smooth random images."""
    random = np.random.default_rng(0)
    waves = random.normal(size=(count, 4, 4, 3)).repeat(4, axis=1).repeat(4, axis=2)
    return np.uint8(np.clip(128 + 50 * waves, 0, 255))


def run(directory, max_trials=4, hypermodel=None, algorithm="grid", epochs=2, **kwargs):
    return sweep(
        kwargs.pop("images", photographs(10)),
        hypermodel or PixelEmbedderHyperModel(**SMALL),
        validation_split=0.2,
        algorithm=algorithm,
        max_trials=max_trials,
        epochs=epochs,
        batch_size=4,
        directory=directory,
        verbose=0,
        **kwargs,
    )


@pytest.mark.every_backend
def test_a_sweep_on_every_backend(tmp_path):
    result = run(tmp_path / "sweep", max_trials=1)
    (row,) = result.table
    assert row["status"] == "COMPLETED"
    logs = result.best_model().evaluate(
        photographs(10)[8:], batch_size=4, verbose=0, return_dict=True
    )
    assert logs["reconstruction"] == pytest.approx(row["error"], rel=1e-4)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run(tmp_path_factory.mktemp("sweeps") / "finished")


def test_every_trial_is_in_the_table(finished):
    table = finished.table
    assert [row["status"] for row in table] == ["COMPLETED"] * 4
    assert {(row["num_entries"], row["sparsity"]) for row in table} == {
        (2, 1),
        (2, 2),
        (4, 1),
        (4, 2),
    }
    for row in table:
        bits = row["sparsity"] * (np.log2(row["num_entries"]) + 8)
        assert row["bits_per_pixel"] == pytest.approx(bits)
        assert row["rate_distortion"] == pytest.approx(row["error"] + 1e-4 * bits)
        assert row["seconds"] > 0
    with (finished.directory / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == [row["trial"] for row in table]
    assert [float(row["error"]) for row in rows] == [row["error"] for row in table]


def test_the_table_is_displayed_with_aligned_columns(finished):
    for table in (finished.table, finished.pareto):
        lines = repr(table).splitlines()
        assert lines[0].split() == list(table[0])
        assert len(lines) == 1 + len(table)
        for line, row in zip(lines[1:], table, strict=True):
            assert line.split()[:2] == [row["trial"], row["status"]]
            assert f"{row['error']:.4g}" in line.split()


def test_the_table_as_a_data_frame(finished):
    if importlib.util.find_spec("pandas") is None:
        with pytest.raises(ImportError, match="pip install pandas"):
            finished.to_pandas()
        return
    frame = finished.to_pandas()
    assert list(frame.columns) == list(finished.table[0])
    assert list(frame["error"]) == [row["error"] for row in finished.table]


def test_the_best_trial_within_a_budget(finished):
    table = finished.table
    pareto = [
        row
        for row in table
        if not any(
            other["bits_per_pixel"] <= row["bits_per_pixel"] and other["error"] < row["error"]
            for other in table
        )
    ]
    assert finished.pareto == sorted(pareto, key=lambda row: row["bits_per_pixel"])
    assert finished.best() == min(table, key=lambda row: row["rate_distortion"])
    cheap = [row for row in table if row["bits_per_pixel"] <= 10]
    assert finished.best(max_bits=10) == min(cheap, key=lambda row: row["error"])
    error = finished.best(max_bits=10)["error"]
    good = [row for row in table if row["error"] <= error]
    assert finished.best(max_error=error) == min(good, key=lambda row: row["bits_per_pixel"])
    with pytest.raises(ValueError, match="max_bits=1"):
        finished.best(max_bits=1)
    with pytest.raises(ValueError, match="not both"):
        finished.best(max_bits=1, max_error=1)


def test_the_best_model_has_its_weights(finished):
    row = finished.best(max_bits=10)
    model = finished.best_model(max_bits=10)
    assert model.bottleneck.sparsity == row["sparsity"]
    logs = model.evaluate(photographs(10)[8:], batch_size=4, verbose=0, return_dict=True)
    assert logs["reconstruction"] == pytest.approx(row["error"], rel=1e-4)
    with pytest.raises(ValueError, match="hypermodel"):
        SweepResult(finished.directory).best_model()


def test_the_representation_counts_trials_and_names_the_best(finished):
    best = finished.best()
    summary = (
        f"4 trials (4 completed), best rate_distortion {best['rate_distortion']:.4g} "
        f"in trial {best['trial']}"
    )
    assert repr(finished) == f"<SweepResult {str(finished.directory)!r}: {summary}>"
    assert summary in finished._repr_html_()
    assert finished.table._repr_html_() in finished._repr_html_()


def test_figures(finished, tmp_path):
    figures = finished.figures()
    assert figures._repr_html_().count("<img") == 3
    assert set(figures) == {"pareto", "parallel_coordinates", "heat_map"}
    for name, figure in figures.items():
        figure.savefig(tmp_path / f"{name}.png")
    texts = [text.get_text() for text in figures["heat_map"].axes[0].texts]
    assert sorted(texts) == sorted(f"{row['error']:.3g}" for row in finished.table)


class Failing(PixelEmbedderHyperModel):
    """Hypermodel whose models of two atoms cannot be trained."""

    def fit(self, hp, model, *args, **kwargs):
        if model.bottleneck.num_entries == 2:
            raise RuntimeError("no more memory")
        return super().fit(hp, model, *args, **kwargs)


def test_a_failed_trial_is_recorded_and_the_sweep_goes_on(tmp_path):
    result = run(tmp_path / "sweep", hypermodel=Failing(**{**SMALL, "sparsity": 1}))
    outcomes = {row["num_entries"]: (row["status"], row["reason"]) for row in result.table}
    assert outcomes == {
        2: ("FAILED", "RuntimeError: no more memory"),
        4: ("COMPLETED", None),
    }
    assert [row["num_entries"] for row in result.pareto] == [4]
    assert "2 trials (1 failed, 1 completed)" in repr(result)


class Refusing(PixelEmbedderHyperModel):
    """Hypermodel that trains nothing."""

    def fit(self, hp, model, *args, **kwargs):
        raise RuntimeError("refused")


@pytest.mark.parametrize("algorithm", ["random", "bayesian"])
def test_the_same_seed_proposes_the_same_trials(algorithm, tmp_path):
    space = {**SMALL, "bottleneck": "gaussian", "learning_rate": (1e-4, 1e-2)}
    tables = [
        run(
            tmp_path / str(number),
            max_trials=1,
            hypermodel=Refusing(**space),
            algorithm=algorithm,
            seed=seed,
        ).table
        for number, seed in enumerate((0, 0, 1))
    ]
    tried = [[row["learning_rate"] for row in table] for table in tables]
    assert tried[0] == tried[1]
    assert tried[0] != tried[2]


KILLED = """
import sys
sys.path.insert(0, sys.argv[1])
from test_sweep import run

run(sys.argv[2])
"""


def test_a_killed_sweep_resumes(tmp_path):
    directory = tmp_path / "sweep"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, Path(__file__).parent, directory],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (directory / "trials.csv").exists():
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.3)
    process.kill()
    process.wait()
    done = [row for row in SweepResult(directory).table if row["status"] == "COMPLETED"]
    assert done
    # As if the process had been killed while KerasTuner wrote its state.
    oracle = directory / "oracle.json"
    oracle.write_text(oracle.read_text()[:100])
    result = run(directory)
    assert [row["status"] for row in result.table] == ["COMPLETED"] * 4
    assert len({(row["num_entries"], row["sparsity"]) for row in result.table}) == 4
    # Completed trials are unchanged, including their seconds.
    assert [row for row in result.table if row in done] == done
    assert json.loads(oracle.read_text())


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the directory of a finished sweep."""
    return shutil.copytree(finished.directory, tmp_path / "sweep")


def test_a_sweep_that_an_earlier_version_began_resumes(tmp_path):
    """Its directory was written before the search space became a dataclass."""
    before = shutil.copytree(Path(__file__).parent / "begun_sweep", tmp_path / "sweep")
    completed = SweepResult(before).table
    assert len(completed) == 2
    space = {**SMALL, "bottleneck": ["dictionary", "scalar"]}
    result = run(before, max_trials=5, hypermodel=PixelEmbedderHyperModel(**space))
    assert [row["status"] for row in result.table] == ["COMPLETED"] * 5
    for row, old in zip(result.table, completed, strict=False):
        assert {name: row[name] for name in old} == old
    tried = [tuple(row[name] for name in ("bottleneck", *SIZES)) for row in result.table]
    assert tried == [
        ("dictionary", 2, 1, None),
        ("dictionary", 2, 2, None),
        ("dictionary", 4, 1, None),
        ("dictionary", 4, 2, None),
        ("scalar", None, None, 4),
    ]


def test_a_chief_resumes_the_sweep_of_a_single_process(finished, copied):
    (copied / "tuner0.json").rename(copied / "chief.json")
    assert run(copied).table == finished.table


def test_a_trial_missing_from_the_oracle_is_removed(finished, copied):
    trial = json.loads((copied / "trial_3" / "trial.json").read_text())
    (copied / "trial_4").mkdir()
    begun = {**trial, "trial_id": "4", "status": "RUNNING", "score": None}
    (copied / "trial_4" / "trial.json").write_text(json.dumps(begun))
    assert run(copied).table == finished.table


@pytest.mark.parametrize("interrupted_at", [1, 2, 5, 9])
def test_an_interrupted_repair_is_completed_by_the_next(
    finished, copied, interrupted_at, monkeypatch
):
    (copied / "oracle.json").write_text("{")
    (copied / "trial_2" / "trial.json").write_text("")
    calls, replace = itertools.count(1), os.replace

    def failing(*args):
        if next(calls) == interrupted_at:
            raise KeyboardInterrupt
        replace(*args)

    monkeypatch.setattr(os, "replace", failing)
    with contextlib.suppress(KeyboardInterrupt):
        repair(copied)
    monkeypatch.undo()
    assert run(copied).table == finished.table


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"algorithm": "random"}, "algorithm"),
        ({"hypermodel": PixelEmbedderHyperModel(**{**SMALL, "latent_dim": 3})}, "latent_dim"),
        ({"hypermodel": ImageAutoencoderHyperModel()}, "hypermodel"),
    ],
    ids=["algorithm", "space", "model"],
)
def test_another_sweep_needs_another_directory(finished, change, named):
    with pytest.raises(ValueError, match=f"holds another sweep: .*{named}"):
        run(finished.directory, **change)


def test_other_images_of_the_same_shape_need_another_directory(finished):
    with pytest.raises(ValueError, match="holds another sweep: `content` was"):
        run(finished.directory, images=255 - photographs(10))


def test_a_sweep_of_an_earlier_version_goes_on_with_a_warning(finished, tmp_path):
    shutil.copytree(finished.directory, tmp_path / "sweep")
    path = tmp_path / "sweep" / IDENTITY
    identity = json.loads(path.read_text())
    del identity["content"]
    path.write_text(json.dumps(identity))
    with pytest.warns(UserWarning, match="of an earlier version"):
        assert run(tmp_path / "sweep").table == finished.table


def test_trials_are_sorted_by_number(finished, tmp_path):
    for name in ("0", "1", "02", "10"):
        shutil.copytree(finished.directory / "trial_0", tmp_path / f"trial_{name}")
        trial = json.loads((tmp_path / f"trial_{name}" / "trial.json").read_text())
        (tmp_path / f"trial_{name}" / "trial.json").write_text(
            json.dumps({**trial, "trial_id": name})
        )
    assert [row["trial"] for row in SweepResult(tmp_path).table] == ["0", "1", "02", "10"]


def test_the_reason_of_a_diverged_trial_is_recorded(tmp_path):
    space = {**SMALL, "num_entries": 4, "sparsity": 1, "learning_rate": 1e30}
    result = run(tmp_path / "sweep", hypermodel=PixelEmbedderHyperModel(**space))
    (row,) = result.table
    assert row["status"] == "FAILED"
    assert "diverged" in row["reason"]
    with pytest.raises(ValueError, match="diverged"):
        result.best()
    assert repr(result).endswith("1 trial (1 failed)>")


def test_hyperband_trains_good_trials_further(tmp_path):
    with warnings.catch_warnings(action="error", category=UserWarning):  # of weights not loaded
        result = run(tmp_path / "sweep", algorithm="hyperband", epochs=3)
    epochs = [trial.hyperparameters.values["tuner/epochs"] for trial in result.trials]
    assert set(epochs) == {1, 3}
    assert {row["status"] for row in result.table} == {"COMPLETED"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"algorithm": "guess"}, "algorithm"),
        ({"validation_split": 1.5}, "validation_split"),
        ({"validation_split": 0}, "validation_split"),
        ({"validation_data": np.zeros((0, 16, 16, 3), "uint8")}, "validation_data"),
        ({"max_trials": 0}, "max_trials"),
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"seed": -1}, "seed"),
        ({"images": np.full((4, 16, 16, 3), 255.0)}, "images"),
        ({"images": np.zeros((4, 3, 16, 16), "uint8")}, "images"),
        ({"validation_data": np.zeros((1, 16, 16, 1), "uint8")}, "images"),
    ],
    ids=str,
)
def test_arguments_are_checked(arguments, named, tmp_path):
    arguments = {"images": photographs(4), **arguments}
    with pytest.raises(ValueError, match=f"`{named}`"):
        sweep(hypermodel=PixelEmbedderHyperModel(), directory=tmp_path / "sweep", **arguments)
    assert not (tmp_path / "sweep").exists()
    with pytest.raises(ValueError, match="no trials"):
        SweepResult(tmp_path)
