"""Kills, full disks, and other processes at work on the same store."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import filling
import numpy as np
import pytest
import zarr

from umbed_keras.stores.fill_store import fill_store
from umbed_keras.stores.layout import DONE, PROGRESS
from umbed_keras.stores.tiled_store import StoreError, TiledStore


@pytest.fixture
def calls(tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    return folder


def run(script, *arguments, start=()):
    """Runs a script that can import `filling`; returns what it printed."""
    paths = os.pathsep.join(sys.path)
    done = subprocess.run(
        [*start, sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def same_files(one, two):
    """Whether two stores have the same files, byte for byte."""
    return subprocess.run(["diff", "-r", one, two], capture_output=True).returncode == 0


KILLS = """
import os, random, signal, sys, time
from pathlib import Path
import filling
from umbed_keras.stores.fill_store import fill_store
from umbed_keras.stores.layout import DONE, PROGRESS
target, calls = map(Path, sys.argv[1:])
randomness, marks, marked = random.Random(0), target / PROGRESS / DONE, {}
def moments():
    try:
        return {mark.name: mark.stat().st_mtime_ns for mark in marks.iterdir()}
    except FileNotFoundError:
        return {}
for kill in range(12):
    child = os.fork()
    if child == 0:
        fill_store(target, filling.plan(), filling.Coordinates(calls), verbose=0)
        os._exit(0)
    if kill % 4:  # as it works
        while moments() == marked and os.waitpid(child, os.WNOHANG) == (0, 0):
            time.sleep(0.001)
    time.sleep(randomness.uniform(0, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    now = moments()
    assert all(now[name] == moment for name, moment in marked.items()), "a tile was done twice"
    marked = now
    if len(marked) > 80:
        break
print(kill + 1, len(marked))
"""


def test_kills_at_random_moments(tmp_path, calls):
    kills, done = map(int, run(KILLS, tmp_path / "killed.zarr", calls).split())
    assert kills > 2
    assert done > 0
    fill_store(tmp_path / "killed.zarr", filling.plan(), filling.Coordinates(calls), verbose=0)
    again = len(list(calls.iterdir())) - 100
    # Each run repeats no more than the tile at which the last one was killed.
    assert again <= kills + 1
    (tmp_path / "more").mkdir()
    function = filling.Coordinates(tmp_path / "more")
    fill_store(tmp_path / "whole.zarr", filling.plan(), function, verbose=0)
    assert same_files(tmp_path / "killed.zarr", tmp_path / "whole.zarr")
    np.testing.assert_array_equal(zarr.open(tmp_path / "killed.zarr")[:], filling.expected())


def test_dead_workers_are_replaced(tmp_path, calls, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setattr("umbed_keras.stores.worker_pool.TRIES", 2)  # each death is a start
    function = filling.Coordinates(calls, deaths={"0.0.30.20": 9}, errors={"0.0.0.0": 1})
    plan = filling.plan(side=40)
    failed = fill_store(tmp_path / "store.zarr", plan, function, workers=2, verbose=0)
    assert failed == {"rows 30:40, columns 20:30": "its process died (-9)"}
    tries = [name.name.split("_")[0] for name in calls.iterdir()]
    assert {name: tries.count(name) for name in set(tries)} == {
        **{f"0.0.{row}.{col}": 1 for row in (0, 10, 20, 30) for col in (0, 10, 20, 30)},
        "0.0.30.20": 2,
        "0.0.0.0": 2,
    }
    workers = {name.name.split("_")[2] for name in calls.iterdir()}
    assert os.getpid() not in workers
    assert len(workers) > 1
    # The rest is complete, and another call writes what is left.
    store = TiledStore(tmp_path / "store.zarr")
    assert [tile.name for tile in store.pending()] == ["0.0.30.20"]
    assert not fill_store(store.path, plan, filling.Coordinates(calls), verbose=0)
    filled = zarr.open(store.path)
    assert filled.attrs["umbed_keras"]["complete"]
    np.testing.assert_array_equal(filled[:], filling.expected(40))


TALKER = """
import pickle, sys, time
sys.stdout.buffer.write({answers} * pickle.dumps(None) + b"no answer")
sys.stdout.buffer.flush()
time.sleep(600)
"""


@pytest.mark.parametrize("answers", [0, 1])
def test_workers_that_answer_nonsense_are_killed(tmp_path, calls, monkeypatch, answers):
    (tmp_path / "talker.py").write_text(TALKER.format(answers=answers))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    monkeypatch.setattr("umbed_keras.stores.worker_pool.WORKER", "talker")
    plan, function = filling.plan(side=20, tile_size=20), filling.Coordinates(calls)
    if answers:
        failed = fill_store(tmp_path / "store.zarr", plan, function, workers=2, verbose=0)
        assert failed == {"rows 0:20, columns 0:20": "its process died (-9)"}
    else:
        with pytest.raises(RuntimeError, match=r"A worker died 3 times as it started \(-9\)"):
            fill_store(tmp_path / "store.zarr", plan, function, workers=2, verbose=0)


def test_a_cluster_with_a_killed_worker(tmp_path, calls, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    function = filling.Coordinates(calls, deaths={"0.0.0.10": 1}, errors={"0.0.30.20": 9})
    plan = filling.plan(side=40, ome=True, levels=2)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=tmp_path
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        failed = fill_store(tmp_path / "store.zarr", plan, function, client=client, verbose=0)
        assert failed == {"rows 30:40, columns 20:30": "RuntimeError: ArithmeticError: no sum"}
        function = filling.Coordinates(calls)
        assert not fill_store(tmp_path / "store.zarr", plan, function, client=client, verbose=0)
    tries = [name.name.split("_")[0] for name in calls.iterdir()]
    assert (tries.count("0.0.0.10"), tries.count("0.0.30.20"), len(tries)) == (2, 4, 16 + 1 + 3)
    (tmp_path / "more").mkdir()
    function = filling.Coordinates(tmp_path / "more")
    fill_store(tmp_path / "whole.zarr", plan, function, verbose=0)
    assert same_files(tmp_path / "store.zarr", tmp_path / "whole.zarr")


DISK = """
import subprocess, sys
from pathlib import Path
import filling
from umbed_keras.stores.fill_store import fill_store
disk, calls = map(Path, sys.argv[1:])
def mount(*options):
    subprocess.run(["mount", *options, disk], check=True)
def fill():
    try:
        fill_store(disk / "store.zarr", filling.plan(), filling.Coordinates(calls), verbose=0)
    except OSError as error:
        return str(error)
mount("-t", "tmpfs", "-o", "size=200k", "tmpfs")
print(fill())
mount("-o", "remount,size=10m")
mount("-o", "remount,ro")
print(fill())
mount("-o", "remount,rw")
print(fill())
import shutil
shutil.copytree(disk / "store.zarr", calls.parent / "store.zarr")
"""


def own_disks():
    """Returns whether this process may mount disks that only it sees."""
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    done = shutil.which("unshare") and subprocess.run(command, capture_output=True)
    return bool(done) and done.returncode == 0


@pytest.mark.skipif(not own_disks(), reason="mounting a small disk is not allowed here")
def test_a_full_disk_and_one_that_becomes_read_only(tmp_path, calls):
    (tmp_path / "disk").mkdir()
    messages = run(DISK, tmp_path / "disk", calls, start=("unshare", "-rm")).splitlines()
    assert "No space left on device" in messages[0]
    assert "Read-only file system" in messages[1]
    assert messages[2] == "None"
    # Only the tile that failed was computed again.
    assert len(list(calls.iterdir())) == 101
    np.testing.assert_array_equal(zarr.open(tmp_path / "store.zarr")[:], filling.expected())


def test_interrupted_at_the_beginning_or_at_the_end(tmp_path, calls):
    target, plan, function = (
        tmp_path / "store.zarr",
        filling.plan(side=20),
        filling.Coordinates(calls),
    )
    (target / PROGRESS / DONE).mkdir(parents=True)  # before the plan was written
    fill_store(target, plan, function, verbose=0)
    assert len(list(calls.iterdir())) == 4
    (target / PROGRESS / DONE).mkdir(parents=True)  # before it and a lock were removed
    (tmp_path / ".store.zarr.umbed_lock_0_of_1").touch()
    fill_store(target, plan, function, verbose=0)
    assert len(list(calls.iterdir())) == 4
    assert {path.name for path in target.iterdir()} == {"c", "zarr.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"calls", "store.zarr"}


def test_a_target_that_is_removed_meanwhile(tmp_path, calls):
    class Removing(filling.Coordinates):
        def __call__(self, tile):
            if tile.name == "0.0.10.0":
                shutil.rmtree(tmp_path / "store.zarr")
                (tmp_path / "store.zarr").write_text("another's")
            return super().__call__(tile)

    plan = filling.plan(side=20)
    with pytest.raises(StoreError, match="can't be written to"):
        fill_store(tmp_path / "store.zarr", plan, Removing(calls), verbose=0)
    assert (tmp_path / "store.zarr").read_text() == "another's"
    assert len(list(calls.iterdir())) == 3  # it ends at once


@pytest.mark.parametrize("name", ["store.zarr", "x[2].zarr"])
def test_two_runs_at_once(tmp_path, calls, name):
    plan, function = filling.plan(side=40), filling.Coordinates(calls)
    store = TiledStore.begin(tmp_path / name, plan)
    with store.running((0, 2)):
        for shard in (None, (0, 2), (1, 3)):
            with pytest.raises(RuntimeError, match=r"written by another process \(shard 0/2\)"):
                fill_store(store.path, plan, function, shard=shard, verbose=0)
        assert not list(calls.iterdir())
        fill_store(store.path, plan, function, shard=(1, 2), verbose=0)
        assert len(list(calls.iterdir())) == 8
    fill_store(store.path, plan, function, verbose=0)
    assert len(list(calls.iterdir())) == 16
    np.testing.assert_array_equal(zarr.open(store.path)[:], filling.expected(40))
    assert {path.name for path in tmp_path.iterdir()} == {"calls", name}  # no lock is left


WRITER = """
import os, sys, tempfile
import numpy as np
from umbed_keras.stores.fill_store import fill_store
from umbed_keras.stores.layout import Plan
plan = Plan({"what": "ones"}, [("", 6, 4)], {"": ((), "uint8")}, tile_size=4)
ones = lambda tile: np.ones((tile.bottom - tile.top, 4))
with tempfile.TemporaryDirectory() as folder:
    fill_store(folder + "/store.zarr", plan, ones, verbose=0)  # imports what root alone may read
if os.getuid() == 0:
    os.setuid(65534)
fill_store(sys.argv[1], plan, ones, verbose=0)
"""


def test_a_folder_in_a_read_only_one_is_filled():
    with tempfile.TemporaryDirectory() as parent:
        target = Path(parent, "store.zarr")
        target.mkdir()
        target.chmod(0o777)
        os.chmod(parent, 0o555)  # root writes there all the same, so the program drops its rights
        try:
            command = [sys.executable, "-c", WRITER, str(target)]
            done = subprocess.run(command, capture_output=True, text=True)
        finally:
            os.chmod(parent, 0o755)
        assert done.returncode == 0, done.stderr
        assert (zarr.open(target)[:] == 1).all()
        assert not [path.name for path in target.iterdir() if "lock" in path.name]
