import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

import umbed_keras as uk
from umbed_keras.segmentation import PixelClassifier


@pytest.mark.every_backend
def test_a_loaded_classifier_predicts_what_the_saved_one_does(embedder, striped, strokes, tmp_path):
    saved = PixelClassifier(embedder, smoothing=1.0, seed=2).fit(
        [striped, striped[::-1]], [strokes, np.roll(strokes, 1, axis=0)]
    )
    saved.save(tmp_path / "mine.npz")
    loaded = PixelClassifier.load(tmp_path / "mine.npz", embedder)
    assert loaded.classes_.tolist() == [2, 7]
    np.testing.assert_array_equal(loaded.predict_proba(striped), saved.predict_proba(striped))
    # And goes on learning as the saved one does.
    more = strokes.astype(int)
    more[10, 2:5] = 4
    np.testing.assert_array_equal(
        loaded.partial_fit(striped, more).predict(striped),
        saved.partial_fit(striped, more).predict(striped),
    )


def test_the_preset_is_saved(striped, strokes, tmp_path):
    PixelClassifier("celeba_vq_k16").fit(striped, strokes).save(tmp_path / "mine.npz")
    assert PixelClassifier.load(tmp_path / "mine.npz").embedder == "celeba_vq_k16"


def test_files_of_earlier_versions_load(striped, strokes):
    """The file was saved by version 0.2.0 before `PixelClassifier` was an estimator."""
    loaded = PixelClassifier.load(Path(__file__).parent / "version_0_2_0" / "classifier.npz")
    assert loaded.get_params() == {
        "embedder": "celeba_vq_k16",
        "classifier": None,
        "smoothing": 1.0,
        "seed": 2,
        "scaling": uk.Scaling(),
        "channels": None,
    }
    fitted = clone(loaded).fit(striped, strokes)
    # Features are saved as another processor rounded them.
    np.testing.assert_allclose(
        loaded.predict_proba(striped), fitted.predict_proba(striped), atol=1e-4
    )


def test_a_custom_classifier_must_be_passed_to_load(embedder, striped, strokes, tmp_path):
    saved = PixelClassifier(embedder, GaussianNB()).fit(striped, strokes)
    saved.save(tmp_path / "mine.npz")
    loaded = PixelClassifier.load(tmp_path / "mine.npz", embedder, GaussianNB())
    np.testing.assert_array_equal(loaded.predict(striped), saved.predict(striped))
    for other in (None, LogisticRegression()):
        with pytest.raises(ValueError, match=r"`classifier` must be passed .*: GaussianNB"):
            PixelClassifier.load(tmp_path / "mine.npz", embedder, other)


def test_numpy_numbers_are_saved(embedder, striped, strokes, tmp_path):
    saved = PixelClassifier(embedder, smoothing=np.float32(1.5), seed=np.int64(1))
    saved.fit(striped, strokes).save(tmp_path / "mine.npz")
    loaded = PixelClassifier.load(tmp_path / "mine.npz", embedder)
    assert (loaded.smoothing, loaded.seed) == (1.5, 1)


def test_other_embedders_are_refused(embedder, striped, strokes, tmp_path):
    PixelClassifier(embedder).fit(striped, strokes).save(tmp_path / "mine.npz")
    with pytest.raises(ValueError, match="`embedder` must be passed"):
        PixelClassifier.load(tmp_path / "mine.npz")
    other = uk.PixelEmbedder.from_config({**embedder.get_config(), "seed": 9})
    with pytest.raises(ValueError, match="`embedder` has other weights"):
        PixelClassifier.load(tmp_path / "mine.npz", other)


def test_the_file_holds_numbers_only(embedder, striped, strokes, tmp_path):
    path = tmp_path / "mine.npz"
    PixelClassifier(embedder).fit(striped, strokes).save(path)
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as file:
                array = np.lib.format.read_array(file, allow_pickle=False)
                assert array.dtype.kind in "iuf"


def test_broken_files_are_refused(embedder, striped, strokes, tmp_path):
    path = tmp_path / "mine.npz"
    PixelClassifier(embedder).fit(striped, strokes).save(path)
    whole = path.read_bytes()
    for broken in (b"", b"no archive", whole[: len(whole) // 2], whole[:100] + whole[140:]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match="is no file of a pixel classifier"):
            PixelClassifier.load(path, embedder)
    np.savez(path, header=np.array(["a pickle", None], object))
    with pytest.raises(ValueError, match="is no file of a pixel classifier"):
        PixelClassifier.load(path, embedder)


def test_a_failed_save_leaves_the_old_file(embedder, striped, strokes, tmp_path, monkeypatch):
    path = tmp_path / "mine.npz"
    classifier = PixelClassifier(embedder).fit(striped, strokes)
    classifier.save(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        classifier.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["mine.npz"]
