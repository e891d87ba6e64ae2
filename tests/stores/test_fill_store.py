"""Kills, full disks, broken sources, and others at work on the same store."""

import os
import shutil
import subprocess
import sys

import filling
import numpy as np
import pytest
import tifffile
import zarr

from umbed_keras.stores import embed_store
from umbed_keras.stores.fill_store import fill_store
from umbed_keras.stores.layout import DONE, PROGRESS
from umbed_keras.stores.tiled_store import StoreError, TiledStore

pytestmark = pytest.mark.torch_alone


@pytest.fixture
def calls(tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    return folder


def run(script, *arguments, start=()):
    """Runs a script that can import `filling`; gives what it printed."""
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
        fill_store(target, filling.plan(), filling.Places(calls), verbose=0)
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
    fill_store(tmp_path / "killed.zarr", filling.plan(), filling.Places(calls), verbose=0)
    again = len(list(calls.iterdir())) - 100
    # Of each run no more than the tile that was in work.
    assert again <= kills + 1
    (tmp_path / "more").mkdir()
    places = filling.Places(tmp_path / "more")
    fill_store(tmp_path / "whole.zarr", filling.plan(), places, verbose=0)
    assert same_files(tmp_path / "killed.zarr", tmp_path / "whole.zarr")
    np.testing.assert_array_equal(zarr.open(tmp_path / "killed.zarr")[:], filling.expected())


def test_workers_that_die(tmp_path, calls, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setattr("umbed_keras.stores.worker_pool.TRIES", 2)  # each death is a start
    places = filling.Places(calls, deaths={"0.0.30.20": 9}, errors={"0.0.0.0": 1})
    plan = filling.plan(side=40)
    failed = fill_store(tmp_path / "store.zarr", plan, places, workers=2, verbose=0)
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
    # The rest is complete, and another call does what is left.
    store = TiledStore(tmp_path / "store.zarr")
    assert [tile.name for tile in store.pending()] == ["0.0.30.20"]
    assert not fill_store(store.path, plan, filling.Places(calls), verbose=0)
    found = zarr.open(store.path)
    assert found.attrs["umbed_keras"]["complete"]
    np.testing.assert_array_equal(found[:], filling.expected(40))


TALKER = """
import pickle, sys, time
sys.stdout.buffer.write({answers} * pickle.dumps(None) + b"no answer")
sys.stdout.buffer.flush()
time.sleep(600)
"""


@pytest.mark.parametrize("answers", [0, 1])
def test_workers_that_talk_nonsense_and_live(tmp_path, calls, monkeypatch, answers):
    (tmp_path / "talker.py").write_text(TALKER.format(answers=answers))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    monkeypatch.setattr("umbed_keras.stores.worker_pool.WORKER", "talker")
    plan, places = filling.plan(side=20, tile_size=20), filling.Places(calls)
    if answers:
        failed = fill_store(tmp_path / "store.zarr", plan, places, workers=2, verbose=0)
        assert failed == {"rows 0:20, columns 0:20": "its process died (-9)"}
    else:
        with pytest.raises(RuntimeError, match=r"A worker died 3 times as it started \(-9\)"):
            fill_store(tmp_path / "store.zarr", plan, places, workers=2, verbose=0)


def test_a_cluster_of_which_a_worker_is_killed(tmp_path, calls, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    places = filling.Places(calls, deaths={"0.0.0.10": 1}, errors={"0.0.30.20": 9})
    plan = filling.plan(side=40, ome=True, levels=2)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=tmp_path
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        failed = fill_store(tmp_path / "store.zarr", plan, places, client=client, verbose=0)
        assert failed == {"rows 30:40, columns 20:30": "RuntimeError: ArithmeticError: no sum"}
        places = filling.Places(calls)
        assert not fill_store(tmp_path / "store.zarr", plan, places, client=client, verbose=0)
    tries = [name.name.split("_")[0] for name in calls.iterdir()]
    assert (tries.count("0.0.0.10"), tries.count("0.0.30.20"), len(tries)) == (2, 4, 16 + 1 + 3)
    (tmp_path / "more").mkdir()
    places = filling.Places(tmp_path / "more")
    fill_store(tmp_path / "whole.zarr", plan, places, verbose=0)
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
        fill_store(disk / "store.zarr", filling.plan(), filling.Places(calls), verbose=0)
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
    """Whether this process may mount what it alone sees."""
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    found = shutil.which("unshare") and subprocess.run(command, capture_output=True)
    return bool(found) and found.returncode == 0


@pytest.mark.skipif(not own_disks(), reason="mounting a small disk is not allowed here")
def test_a_full_disk_and_one_that_becomes_read_only(tmp_path, calls):
    (tmp_path / "disk").mkdir()
    said = run(DISK, tmp_path / "disk", calls, start=("unshare", "-rm")).splitlines()
    assert "No space left on device" in said[0]
    assert "Read-only file system" in said[1]
    assert said[2] == "None"
    # What was in work when it went wrong was done again, and nothing else.
    assert len(list(calls.iterdir())) == 101
    np.testing.assert_array_equal(zarr.open(tmp_path / "store.zarr")[:], filling.expected())


def test_cut_off_as_it_begins_or_as_it_ends(tmp_path, calls):
    target, plan, places = tmp_path / "store.zarr", filling.plan(side=20), filling.Places(calls)
    (target / PROGRESS / DONE).mkdir(parents=True)  # its plan was about to be written
    fill_store(target, plan, places, verbose=0)
    assert len(list(calls.iterdir())) == 4
    (target / PROGRESS / DONE).mkdir(parents=True)  # it was about to be removed, and a lock
    (tmp_path / ".store.zarr.umbed_lock_0_of_1").touch()
    fill_store(target, plan, places, verbose=0)
    assert len(list(calls.iterdir())) == 4
    assert {path.name for path in target.iterdir()} == {"c", "zarr.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"calls", "store.zarr"}


def test_a_target_that_goes_away(tmp_path, calls):
    class Removing(filling.Places):
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
    plan, places = filling.plan(side=40), filling.Places(calls)
    store = TiledStore.begin(tmp_path / name, plan)
    with store.running((0, 2)):
        for shard in (None, (0, 2), (1, 3)):
            with pytest.raises(RuntimeError, match=r"written by another process \(shard 0/2\)"):
                fill_store(store.path, plan, places, shard=shard, verbose=0)
        assert not list(calls.iterdir())
        fill_store(store.path, plan, places, shard=(1, 2), verbose=0)
        assert len(list(calls.iterdir())) == 8
    fill_store(store.path, plan, places, verbose=0)
    assert len(list(calls.iterdir())) == 16
    np.testing.assert_array_equal(zarr.open(store.path)[:], filling.expected(40))
    assert {path.name for path in tmp_path.iterdir()} == {"calls", name}  # no lock is left


def test_what_fails_is_reported_by_its_place(model, image, small_tiles, tmp_path):
    broken = image / np.float32(255)
    broken[70, 140] = np.nan
    np.save(tmp_path / "image.npy", broken)
    with pytest.raises(RuntimeError, match=r"rows 64:128, columns 128:192 \(.*nan"):
        embed_store(model, tmp_path / "image.npy", tmp_path / "vectors.zarr", verbose=0)
    found = zarr.open(tmp_path / "vectors.zarr")
    assert not found.attrs["umbed_keras"]["complete"]
    expected = model.embed(image[None])[0]
    # Tiles that see the pixel have none of it; others are there.
    assert (found[:64, :64] != 0).all()
    np.testing.assert_allclose(
        found[:64, :64], expected[:64, :64], rtol=0, atol=1e-5 * np.ptp(expected)
    )


def test_a_source_that_ends_early(model, image, small_tiles, tmp_path):
    np.save(tmp_path / "image.npy", image)
    os.truncate(tmp_path / "image.npy", 50_000)
    with pytest.raises((ValueError, OSError)):
        embed_store(model, tmp_path / "image.npy", tmp_path / "vectors.zarr", verbose=0)
    assert not (tmp_path / "vectors.zarr").exists()
    tifffile.imwrite(tmp_path / "image.tif", image, rowsperstrip=16, compression="zlib")
    os.truncate(tmp_path / "image.tif", (tmp_path / "image.tif").stat().st_size * 3 // 4)
    with pytest.raises(RuntimeError, match="rows 128:150, columns 0:64"):
        embed_store(model, tmp_path / "image.tif", tmp_path / "vectors.zarr", verbose=0)
    # The tiles whose surroundings were still there.
    expected = model.embed(image[None])[0, :64]
    found = zarr.open(tmp_path / "vectors.zarr")[:64]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.ptp(expected))


@pytest.mark.parametrize("late", [False, True], ids=["mended at once", "mended one by one"])
def test_images_that_cannot_be_read_join_later(model, image, small_tiles, tmp_path, late):
    folder, target = tmp_path / "images", tmp_path / "vectors.zarr"
    folder.mkdir()
    parts = {f"{name}.npy": image[: 30 * number] for number, name in enumerate("abcd", 1)}
    for name in parts:
        (folder / name).touch()
    np.save(folder / "b.npy", parts["b.npy"])

    def embed(**options):
        return embed_store(model, folder, target, verbose=0, **options)

    says = r"^3 images can't be read: a\.npy .*c\.npy .*d\.npy .*the same call"
    with pytest.raises(RuntimeError, match=says):
        embed()
    first = zarr.open(target)
    assert not first.attrs["umbed_keras"]["complete"]
    moment = next((target / "b.npy" / "c").rglob("0")).stat().st_mtime_ns
    if late:
        np.save(folder / "c.npy", parts["c.npy"])
        with pytest.raises(RuntimeError, match=r"^2 images can't be read: a\.npy .*d\.npy"):
            embed(shard=(0, 2))
    for name, part in parts.items():
        np.save(folder / name, part)
    if late:
        embed(shard=(1, 2))
        assert not zarr.open(target).attrs["umbed_keras"]["complete"]
    found = embed(shard=(0, 2) if late else None)
    for name, part in parts.items():
        np.testing.assert_array_equal(found[name][:], model.embed_large(part, verbose=0))
    assert found.attrs["umbed_keras"]["complete"]
    assert next((target / "b.npy" / "c").rglob("0")).stat().st_mtime_ns == moment
    assert {path.name for path in tmp_path.iterdir()} == {"images", "vectors.zarr"}
    embed()  # it is known again
    for name in ("b.npy", "c.npy"):
        np.save(folder / name, parts["a.npy"])
        with pytest.raises(ValueError, match="something else was begun: `source` was"):
            embed()
        np.save(folder / name, parts[name])


def test_an_image_that_cannot_be_read_may_be_removed(model, image, small_tiles, tmp_path):
    folder, target = tmp_path / "images", tmp_path / "vectors.zarr"
    folder.mkdir()
    np.save(folder / "a.npy", image)
    (folder / "b.npy").touch()
    with pytest.raises(RuntimeError, match=r"^1 image can't be read: b\.npy \(ValueError"):
        embed_store(model, folder, target, verbose=0)
    (folder / "b.npy").unlink()
    found = embed_store(model, folder, target, verbose=0)
    assert found.attrs["umbed_keras"]["complete"]
    assert {path.name for path in tmp_path.iterdir()} == {"images", "vectors.zarr"}
