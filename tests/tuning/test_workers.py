import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import umbed_keras as uk

ROOT = Path(uk.__file__).parents[1]

# One worker is killed in its first trial, and any worker in one of the trials. Workers record the
# trials that they finish.
SCRIPT = """
import json, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_sweep import SMALL, run
from umbed_keras.tuning import PixelEmbedderHyperModel

directory = Path(sys.argv[2])


class Dying(PixelEmbedderHyperModel):
    def fit(self, hp, model, *args, **kwargs):
        name = os.environ["KERASTUNER_TUNER_ID"]
        if name == "worker1" and not (directory / "killed").exists():
            (directory / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if (model.latent_dim, model.bottleneck.num_atoms, model.bottleneck.sparsity) == (3, 4, 2):
            os.kill(os.getpid(), signal.SIGKILL)
        history = super().fit(hp, model, *args, **kwargs)
        with (directory / "finished").open("a") as file:
            file.write(name + chr(10))
        return history


hypermodel = Dying(**{**SMALL, "latent_dim": [2, 3]})
result = run(directory / "sweep", max_trials=8, hypermodel=hypermodel)
(directory / "result.json").write_text(json.dumps(result.table))
"""


def test_killed_workers_are_restarted(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    tests = Path(__file__).parent
    process = subprocess.run(
        [
            *(sys.executable, "-m", "umbed_keras.tuning.workers", "2"),
            *map(str, (script, tests, tmp_path)),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr
    assert "worker1 died" in process.stderr
    table = json.loads((tmp_path / "result.json").read_text())
    keys = {(row["latent_dim"], row["num_entries"], row["sparsity"]): row for row in table}
    assert len(keys) == len(table) == 8
    deadly = keys.pop((3, 4, 2))
    assert deadly["status"] == "FAILED"
    assert "its process died, 3 times" in deadly["reason"]
    assert {row["status"] for row in keys.values()} == {"COMPLETED"}
    workers = (tmp_path / "finished").read_text().split()
    assert len(workers) == 7
    assert len(set(workers)) > 1


def test_the_command_ends_its_processes(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os, pathlib, time\n"
        f"pathlib.Path({str(tmp_path)!r}, str(os.getpid())).touch()\n"
        "time.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "umbed_keras.tuning.workers", "2", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    while len(list(tmp_path.iterdir())) < 4:
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    assert process.wait(60) != 0
    started = [int(path.name) for path in tmp_path.iterdir() if path != script]
    for number in started:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
