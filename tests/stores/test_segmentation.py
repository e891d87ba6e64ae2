"""Classes of images on disk, against `PixelClassifier.predict`."""

import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import zarr
from sklearn.naive_bayes import GaussianNB

import umbed_keras as uk
from umbed_keras.segmentation import PixelClassifier
from umbed_keras.segmentation.probability_map import relative_entropy
from umbed_keras.stores import embed_store, segment_store
from umbed_keras.stores.layout import PROGRESS


@pytest.fixture(scope="module")
def embedder():
    model = uk.PixelEmbedder(
        latent_dim=4, patch_size=4, pyramid_levels=2, widths=(4, 8), hidden_units=(8,), seed=0
    )
    model.adapt(np.random.default_rng(0).integers(256, size=(4, 24, 20, 3), dtype="uint8"))
    return model


@pytest.fixture(scope="module")
def counts():
    """Two brightnesses, as a camera of 16 bits counts them, in discs."""
    rows, cols = np.mgrid[:150, :210]
    random = np.random.default_rng(0)
    inside = np.hypot(rows % 50 - 25, cols % 70 - 35) < 18
    return (1000 + 300 * inside + random.normal(0, 60, inside.shape)).round().astype("uint16")


@pytest.fixture(scope="module")
def labels(counts):
    labels = np.zeros(counts.shape, int)
    labels[20:30, 33:38], labels[2:5, 60:80] = 300, 7
    return labels


@pytest.fixture(scope="module")
def classifier(embedder, counts, labels):
    return PixelClassifier(embedder, smoothing=1.5).fit(counts, labels)


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr("umbed_keras.stores.segmentation.LARGEST_TILE", 64)


def test_classes_equal_those_of_predict(classifier, counts, small_tiles, tmp_path):
    np.save(tmp_path / "image.npy", counts)
    stored = segment_store(classifier, tmp_path / "image.npy", tmp_path / "a.zarr", verbose=0)
    assert stored.dtype == "uint16"
    assert stored.shards == (64, 64)
    np.testing.assert_array_equal(stored[:], classifier.predict(counts))
    about = stored.attrs["umbed_keras"]
    assert about["complete"]
    assert about["classes"] == [7, 300]


def test_probabilities_and_uncertainty(classifier, counts, small_tiles, tmp_path):
    image = counts.astype("float32")
    image[:9, :9] = np.nan
    np.save(tmp_path / "image.npy", image)
    stored = segment_store(
        classifier, tmp_path / "image.npy", tmp_path / "a.zarr", True, True, verbose=0
    )
    expected = classifier.predict_proba(image)
    np.testing.assert_allclose(stored["probabilities"][:], expected, atol=1e-5)
    np.testing.assert_allclose(stored["uncertainty"][:], relative_entropy(expected), atol=1e-4)
    np.testing.assert_array_equal(stored["classes"][:] == 0, np.isnan(image))


def test_stacks_channels_and_folders(embedder, counts, labels, small_tiles, tmp_path):
    stack = np.stack([np.stack([counts, counts[::-1]])[:, :80], np.stack([counts] * 2)[:, :80]])
    classifier = PixelClassifier(embedder, smoothing=1.5)
    strokes = np.stack([labels[:80], np.zeros_like(labels[:80])])
    classifier.fit(stack, strokes, axes="zcyx")
    folder = tmp_path / "images"
    folder.mkdir()
    for name, image in (("one.npy", stack), ("two.npy", stack[::-1, :, 10:])):
        np.save(folder / name, image)
    (folder / "broken.tif").write_bytes(b"no image")
    with pytest.raises(RuntimeError, match=r"1 image can't be read: broken.tif"):
        segment_store(classifier, folder, tmp_path / "a.zarr", axes="zcyx", verbose=0)
    stored = zarr.open(tmp_path / "a.zarr")
    for name, image in (("one.npy", stack), ("two.npy", stack[::-1, :, 10:])):
        expected = classifier.predict(image, axes="zcyx")
        assert stored[name].metadata.dimension_names == ("z", "y", "x")
        np.testing.assert_array_equal(stored[name][:], expected)


def test_vectors_of_stacks_and_channels(embedder, counts, tmp_path):
    image = np.stack([np.stack([counts, counts[::-1]]), np.stack([counts] * 2)])
    np.save(tmp_path / "image.npy", image)
    target = tmp_path / "vectors.zarr"
    scaling = uk.Scaling((900, 1500))
    options = {"axes": "zcyx", "scaling": scaling, "channels": [1], "verbose": 0}
    stored = embed_store(embedder, tmp_path / "image.npy", target, **options)
    expected = [embedder.embed(np.stack([scaling(part[1])] * 3, -1)[None])[0] for part in image]
    np.testing.assert_allclose(stored[:], expected, atol=1e-5)
    for other in ({"channels": [0]}, {"scaling": uk.Scaling((0, 1500))}):
        with pytest.raises(ValueError, match="something else was begun"):
            embed_store(embedder, tmp_path / "image.npy", target, **{**options, **other})


def test_another_classifier_or_image_is_never_taken_for_done(
    embedder, classifier, counts, labels, small_tiles, tmp_path
):
    np.save(tmp_path / "image.npy", counts)
    arguments = tmp_path / "image.npy", tmp_path / "a.zarr"
    segment_store(classifier, *arguments, verbose=0)
    other = PixelClassifier(embedder, smoothing=0).fit(counts, labels)
    with pytest.raises(ValueError, match="`classifier` was"):
        segment_store(other, *arguments, verbose=0)
    np.save(tmp_path / "image.npy", counts[::-1])
    with pytest.raises(ValueError, match="`source` was"):
        segment_store(classifier, *arguments, verbose=0)


@pytest.fixture
def foreign():
    """An embedder whose backbone is no class of this package: a network of Keras's layers."""
    layers = [keras.Input((None, None, 3)), keras.layers.Conv2D(4, 4, 4, activation="relu")]
    model = uk.PixelEmbedder(
        latent_dim=4,
        patch_size=4,
        pyramid_levels=1,
        widths=(4, 8),
        hidden_units=(8,),
        backbone=uk.layers.ModelBackbone(keras.Sequential(layers), reach=0),
        feature_components=4,
    )
    model.adapt(np.random.default_rng(0).integers(256, size=(4, 24, 20, 3), dtype="uint8"))
    return model


def test_workers_and_saved_classifiers(foreign, counts, labels, small_tiles, tmp_path):
    np.save(tmp_path / "image.npy", counts)
    foreign.save_to_preset(tmp_path / "preset")
    classifier = PixelClassifier(str(tmp_path / "preset"), GaussianNB(), smoothing=1.0)
    classifier.fit(counts, labels)
    arguments = tmp_path / "image.npy", tmp_path / "a.zarr"
    stored = segment_store(classifier, *arguments, workers=2, verbose=0)
    np.testing.assert_array_equal(stored[:], classifier.predict(counts))
    plain = PixelClassifier(str(tmp_path / "preset")).fit(counts, labels)
    plain.save(tmp_path / "mine.npz")
    again = segment_store(tmp_path / "mine.npz", arguments[0], tmp_path / "b.zarr", verbose=0)
    np.testing.assert_array_equal(again[:], plain.predict(counts))


PROGRAM = """
import sys
from umbed_keras.stores import segment_store, segmentation
segmentation.LARGEST_TILE = 32
segment_store(*sys.argv[1:], verbose=0)
"""


def test_killed_runs_go_on(embedder, counts, labels, tmp_path):
    np.save(tmp_path / "image.npy", counts)
    embedder.save_to_preset(tmp_path / "preset")
    classifier = PixelClassifier(str(tmp_path / "preset"), smoothing=1.5).fit(counts, labels)
    classifier.save(tmp_path / "mine.npz")
    target = tmp_path / "a.zarr"
    command = [sys.executable, "-c", PROGRAM, "mine.npz", "image.npy", str(target)]
    done = target / PROGRESS / "done"
    process = subprocess.Popen(command, cwd=tmp_path)
    deadline = time.monotonic() + 120
    while not (done.exists() and len(os.listdir(done)) >= 3) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    written = (
        {path.name: path.stat().st_mtime_ns for path in done.iterdir()} if done.exists() else {}
    )
    process = subprocess.Popen(command, cwd=tmp_path)
    while process.poll() is None:
        for name, at in written.items():
            mark = done / name
            if mark.exists():
                assert mark.stat().st_mtime_ns == at  # no finished tile is written again
        time.sleep(0.01)
    assert process.returncode == 0
    np.testing.assert_array_equal(zarr.open(target)[:], classifier.predict(counts))


def test_remote_targets(classifier, counts, small_tiles, tmp_path, monkeypatch):
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    np.save("image.npy", counts)
    target = "memory://results/a.zarr"
    stored = segment_store(classifier, "image.npy", target, verbose=0)
    np.testing.assert_array_equal(stored[:], classifier.predict(counts))
    system = fsspec.filesystem("memory")
    before = system.info("/results/a.zarr/zarr.json")["created"]
    segment_store(classifier, "image.npy", target, verbose=0)  # it is done
    assert system.info("/results/a.zarr/zarr.json")["created"] == before
    np.save("image.npy", counts[::-1])
    with pytest.raises(ValueError, match="`source` was"):
        segment_store(classifier, "image.npy", target, verbose=0)
    with pytest.raises(ValueError, match="`client` and `shard` need"):
        segment_store(classifier, "image.npy", "memory://results/b.zarr", shard=(0, 2))
    system.pipe_file("/results/c.zarr/mine.txt", b"mine")
    with pytest.raises(ValueError, match="holds something else"):
        segment_store(classifier, "image.npy", "memory://results/c.zarr", verbose=0)
    assert not list((tmp_path / "home").rglob("zarr.json"))
    assert {path.name for path in tmp_path.iterdir()} <= {"image.npy", "home"}


def test_sources_of_any_file_system(classifier, counts, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://bucket/image.npy", "wb") as file:
        np.save(file, counts)
    stored = segment_store(classifier, "memory://bucket/image.npy", tmp_path / "a.zarr", verbose=0)
    np.testing.assert_array_equal(stored[:], classifier.predict(counts))
