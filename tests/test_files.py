import random
import subprocess
import sys
import time

import pytest

from umbed_keras import files as atomic_folder
from umbed_keras.files import present, replaced

# Replaces a folder again and again; every file of one generation holds its number.
WRITER = """
import importlib.util, itertools, sys
spec = importlib.util.spec_from_file_location("atomic_folder", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
for generation in itertools.count(int(sys.argv[3])):
    with module.replaced(sys.argv[2]) as new:
        for name in ("config", "metadata", "weights"):
            with open(new / name, "w") as file:
                for _ in range(40):
                    print(generation, file=file)
                    file.flush()
    print(generation, flush=True)
"""


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_kill_at_any_moment_leaves_one_whole_generation(tmp_path):
    folder, delays, first = tmp_path / "preset", random.Random(0), 0
    for _ in range(30):
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", WRITER, atomic_folder.__file__, folder, str(first)],
            stdout=subprocess.PIPE,
            text=True,
        )
        process.stdout.readline()  # it is at work
        time.sleep(delays.uniform(0, 0.01))
        process.kill()
        written = process.communicate()[0].split()
        found = contents(present(folder))
        assert set(found) == {"config", "metadata", "weights"}
        generations = {line for text in found.values() for line in text.split()}
        assert len(generations) == 1
        assert all(len(text.split()) == 40 for text in found.values())
        last = int(written[-1]) if written else first
        # What was reported done is there, or what was about to be.
        assert int(generations.pop()) in (last, last + 1)
        first = last + 2


def test_cut_off_between_the_renames(tmp_path):
    old = tmp_path / ".preset.umbed_old"
    old.mkdir()
    (old / "weights").write_text("old")
    assert contents(present(tmp_path / "preset")) == {"weights": "old"}
    with replaced(tmp_path / "preset") as new:
        # A reader sees the old one until the new one is complete.
        assert contents(present(tmp_path / "preset")) == {"weights": "old"}
        (new / "weights").write_text("new")
    assert contents(present(tmp_path / "preset")) == {"weights": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["preset"]


def test_what_a_kill_left_over_is_cleared_away(tmp_path):
    (tmp_path / "preset").mkdir()
    for kind in ("new", "old"):
        (tmp_path / f".preset.umbed_{kind}").mkdir()
        (tmp_path / f".preset.umbed_{kind}" / "junk").write_text("")
    with replaced(tmp_path / "preset") as new:
        (new / "weights").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["preset"]
    assert contents(tmp_path / "preset") == {"weights": "new"}


def test_an_error_keeps_what_was_there(tmp_path):
    (tmp_path / "preset").mkdir()
    (tmp_path / "preset" / "weights").write_text("old")
    with pytest.raises(FileNotFoundError), replaced(tmp_path / "preset") as new:
        (new / "weights").write_bytes((tmp_path / "missing").read_bytes())
    assert [path.name for path in tmp_path.iterdir()] == ["preset"]
    assert contents(tmp_path / "preset") == {"weights": "old"}
