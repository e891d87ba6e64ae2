import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import umbed_keras as uk

ROOT = Path(uk.__file__).parents[1]

# A worker is killed in its first trial; every worker notes what it finished.
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
        found = super().fit(hp, model, *args, **kwargs)
        with (directory / "finished").open("a") as file:
            file.write(name + chr(10))
        return found


hypermodel = Dying(**{**SMALL, "latent_dim": [2, 3]})
result = run(directory / "sweep", max_trials=8, hypermodel=hypermodel)
(directory / "result.json").write_text(json.dumps(result.table))
"""


@pytest.mark.skipif(
    keras.backend.backend() != "torch",
    reason="what runs the processes is the same for every backend, and starting four takes minutes",
)
def test_a_chief_and_three_workers_of_which_one_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    tests = Path(__file__).parent
    process = subprocess.run(
        [
            *(sys.executable, "-m", "umbed_keras.tuning.workers", "3"),
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
    assert [row["status"] for row in table] == ["COMPLETED"] * 8
    keys = {(row["latent_dim"], row["num_entries"], row["sparsity"]) for row in table}
    assert len(keys) == 8
    workers = (tmp_path / "finished").read_text().split()
    assert len(workers) == 8
    assert len(set(workers)) > 1
