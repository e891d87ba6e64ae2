"""Vectors and classes by the workers of a Dask cluster, of every kind that `Client` connects to."""

import contextlib
import os
import subprocess
import sys
import time

import numpy as np
import pytest

import umbed_keras as uk
from umbed_keras.segmentation import PixelClassifier
from umbed_keras.stores import embed_store, segment_store

distributed = pytest.importorskip("distributed")


@contextlib.contextmanager
def threads(folder):
    """Workers that are threads of this process."""
    with distributed.Client(
        processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None
    ) as client:
        yield client


@contextlib.contextmanager
def processes(folder):
    """A worker process that this process starts."""
    options = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": None}
    cluster = distributed.LocalCluster(**options, local_directory=folder)
    with distributed.Client(cluster) as client:
        yield client
    # On a busy machine the process may end later than Dask waits for.
    with contextlib.suppress(TimeoutError):
        cluster.close()


@contextlib.contextmanager
def address(folder):
    """A scheduler and a worker started from the shell, each in a folder of its own."""
    file = folder / "scheduler.json"
    commands = (
        ["dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"],
        ["dask_worker", "--host", "127.0.0.1", "--nthreads", "2", "--no-nanny", "--no-dashboard"],
    )
    with contextlib.ExitStack() as stack:
        for name, *options in commands:
            own = folder / name
            own.mkdir()
            command = [sys.executable, "-m", f"distributed.cli.{name}", *options]
            process = subprocess.Popen([*command, "--scheduler-file", file], cwd=own)
            stack.callback(process.wait)
            stack.callback(process.kill)
        while not (file.exists() and file.read_text().endswith("}")):
            assert process.poll() is None
            time.sleep(0.05)
        with distributed.Client(scheduler_file=str(file)) as client:
            yield client.wait_for_workers(1) or client


@pytest.fixture(
    scope="module", params=[threads, processes, address], ids=lambda kind: kind.__name__
)
def client(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        with request.param(tmp_path_factory.mktemp("cluster")) as client:
            yield client


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch, image):
    """Sources and targets are given by relative paths, which workers elsewhere can't follow."""
    monkeypatch.chdir(tmp_path)
    np.save("image.npy", image)


def test_vectors(client, model, image, small_tiles):
    options = {"scaling": uk.Scaling((0, 255)), "channels": [2, 1, 0], "verbose": 0}
    stored = embed_store(model, "image.npy", "a.zarr", client=client, **options)
    whole = embed_store(model, "image.npy", "b.zarr", **options)
    assert stored.attrs["umbed_keras"]["complete"]
    np.testing.assert_allclose(stored[:], whole[:], rtol=0, atol=1e-5 * np.ptp(whole[:]))


def test_classes(client, model, image, monkeypatch):
    monkeypatch.setattr("umbed_keras.stores.segmentation.LARGEST_TILE", 64)
    labels = np.zeros(image.shape[:2], int)
    labels[2:9, 2:9], labels[20:25, 20:25] = 1, 2
    classifier = PixelClassifier(model).fit(image, labels)
    stored = segment_store(classifier, "image.npy", "a.zarr", client=client, verbose=0)
    assert stored.attrs["umbed_keras"]["complete"]
    assert np.mean(stored[:] == classifier.predict(image)) >= 0.9999


def test_images_that_were_unreadable_at_first(client, model, image, small_tiles, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.npy").touch()
    np.save("images/b.npy", image[:20])
    with pytest.raises(RuntimeError, match="1 image can't be read"):
        embed_store(model, "images", "a.zarr", client=client, verbose=0)
    np.save("images/a.npy", image[:30])
    stored = embed_store(model, "images", "a.zarr", client=client, verbose=0)
    for name, rows in (("a.npy", 30), ("b.npy", 20)):
        expected = model.embed_large(image[:rows], verbose=0)
        atol = 1e-5 * np.ptp(expected)
        np.testing.assert_allclose(stored[name][:], expected, rtol=0, atol=atol)
