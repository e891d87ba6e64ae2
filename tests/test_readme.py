"""Tests of README: its Python code runs on small images, and its commands exist.

The code runs in a process of its own, which is this file as a script, in an empty folder.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import umbed_keras as uk

# isort: split
import keras

ROOT = Path(uk.__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"(?:python (?=-m umbed_keras|examples/)|(?=umbed-keras ))([^`\n#]*)")


def python_blocks():
    """Maps the number of its first line to each block of Python code."""
    text = README.read_text()
    return {text.count("\n", 0, match.start(1)) + 1: match[1] for match in BLOCK.finditer(text)}


def commands():
    """Returns the commands of `umbed-keras`, and those of Python without `python`."""
    return sorted({command.strip() for command in COMMAND.findall(README.read_text())})


def small_arrays():
    """Returns the variables that README assumes: images, and pixels of them."""
    random = np.random.default_rng(0)
    waves = random.normal(size=(10, 4, 4, 3)).repeat(8, axis=1).repeat(8, axis=2)
    images = np.uint8(np.clip(128 + 50 * waves, 0, 255))
    rows, cols = random.integers(32, size=(2, 10, 5))
    return {"images": images, "rows": rows, "cols": cols}


def main():
    names = small_arrays()
    np.save("slide.npy", np.tile(names["images"][0], (2, 3, 1)))
    for line, code in python_blocks().items():
        print(f"README.md, line {line}", flush=True)
        # Tracebacks then name the line of README.
        exec(compile("\n" * (line - 1) + code, README, "exec"), names)


if __name__ == "__main__":
    main()
else:

    @pytest.mark.torch_alone
    def test_python_runs_as_typed(hugging_face, tmp_path):
        environment = {
            **os.environ,
            "KERAS_BACKEND": keras.backend.backend(),
            "KERAS_HOME": str(tmp_path / "keras"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "HF_ENDPOINT": hugging_face,
            "HF_HOME": str(tmp_path / "hugging_face"),
            "HF_TOKEN": "hf_none",
            "HF_HUB_DISABLE_XET": "1",
            "CUDA_VISIBLE_DEVICES": "",
            "JAX_PLATFORMS": "cpu",
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        }
        done = subprocess.run(
            [sys.executable, __file__],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        reached = re.findall(r"README\.md, line \d+", done.stdout)
        assert done.returncode == 0, f"{reached[-1:]} fails:\n{done.stderr[-3000:]}"
        assert len(reached) == len(python_blocks())
        assert (tmp_path / "vectors.npy").exists()
        assert (tmp_path / "classifier.npz").exists()
        assert (tmp_path / "my_preset" / "README.md").exists()
        assert (tmp_path / "my_sweep" / "trials.csv").exists()

    @pytest.mark.torch_alone
    @pytest.mark.parametrize("command", commands())
    def test_scripts_exist_with_their_options(command, tmp_path):
        path, *arguments = shlex.split(command)
        start = [sys.executable, path]
        if path == "umbed-keras":
            start[1:] = ["-m", "umbed_keras", arguments.pop(0)]
        elif path == "-m":
            start += [arguments.pop(0)]
        else:
            assert (ROOT / path).is_file()
        # As on a fresh machine, no variable names the backend.
        environment = {**os.environ, "KERAS_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
        environment.pop("KERAS_BACKEND", None)
        done = subprocess.run(
            [*start, "--help"], env=environment, cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        for argument in arguments:
            if argument.startswith("--") and path != "-m":
                assert argument in done.stdout

    @pytest.mark.torch_alone
    def test_a_newcomer_can_read_it():
        lines = README.read_text().splitlines()
        assert len(lines) <= 160
        prose = [line for line in lines if not line.startswith("|")]
        assert max(map(len, prose)) <= 160
        for code in python_blocks().values():
            assert len([line for line in code.splitlines() if line]) < 12

    @pytest.mark.torch_alone
    def test_links_lead_somewhere():
        links = re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text())
        assert links
        for link in links:
            assert (ROOT / link).exists(), link
