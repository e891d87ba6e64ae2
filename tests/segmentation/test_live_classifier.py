"""Tests of the classifier that learns stroke by stroke, against one that learns all at once."""

import numpy as np
import pytest

import umbed_keras as uk
from umbed_keras.segmentation import live_classifier
from umbed_keras.segmentation.live_classifier import LiveClassifier
from umbed_keras.segmentation.project.runs import labels_of, rows_of, runs_of, with_rows

PRESET = "celeba_vq_k16"


@pytest.fixture
def project(tmp_path):
    """Two noisy images of a dark and a bright half; the first has strokes."""
    project = uk.segmentation.Project({1: "dark", 2: "bright"}, PRESET)
    for seed in range(2):
        values = np.random.default_rng(seed).integers(0, 40, (40, 48, 3))
        values[:, 24:] += 180
        np.save(tmp_path / f"{seed}.npy", values.astype("uint8"))
        project.add_image(tmp_path / f"{seed}.npy")
    labels = np.zeros((40, 48), int)
    labels[4:-4, 3], labels[4:-4, -4] = 1, 2
    project.set_strokes(next(iter(project.images)), labels)
    return project


def whole(live, key):
    [tile] = live.tiles((key, ()))
    return live.probabilities((key, ()), tile)


def test_strokes_one_after_the_other_teach_as_much_as_all_at_once(project):
    live = LiveClassifier(project)
    first, second = project.images
    assert live.fit()
    live.self_train()
    assert not live.fit()
    labels = np.zeros((40, 48), int)
    labels[10:20, 10], labels[10:20, 40] = 1, 2
    project.set_strokes(second, labels)
    assert live.fit()
    live.self_train()
    expected = project.fit()
    for key in project.images:
        probabilities = expected.predict_proba(project.open_image(key))
        # Guesses of the first image are those of its own strokes here.
        assert np.mean(np.abs(whole(live, key) - probabilities)) < 0.02
    project.set_strokes(second, np.zeros((40, 48), int))
    assert live.fit()
    live.self_train()
    once = LiveClassifier(project)
    once.fit()
    once.self_train()
    np.testing.assert_array_equal(whole(live, first), whole(once, first))


def test_what_was_learned_stays_if_one_class_is_left(project):
    live = LiveClassifier(project)
    live.fit()
    key = next(iter(project.images))
    before, strokes = whole(live, key), project.strokes(key)
    project.set_strokes(key, np.where(strokes == 2, 0, strokes))
    with pytest.raises(ValueError, match="two classes"):
        live.fit()
    np.testing.assert_array_equal(whole(live, key), before)
    project.set_strokes(key, strokes)
    assert not live.fit()


def test_drafts_take_every_second_pixel(project):
    live = LiveClassifier(project)
    live.fit()
    key = next(iter(project.images))
    [tile] = live.tiles((key, ()))
    draft = live.probabilities((key, ()), tile, half=True)
    assert draft.shape == (20, 24, 2)
    assert np.mean(draft.argmax(-1) == whole(live, key)[::2, ::2].argmax(-1)) > 0.95


def test_tiles_are_parts_of_the_whole(project, monkeypatch):
    key = next(iter(project.images))
    live = LiveClassifier(project)
    live.fit()
    expected = whole(live, key)
    for name, value in (("WHOLE", 100), ("TILE", 16)):
        monkeypatch.setattr(live_classifier, name, value)
    tiles = live.tiles((key, ()), row=39, col=0)
    assert tiles[0] == (slice(32, 40), slice(0, 16))
    assert len(tiles) == 9
    live._kept.clear()
    for tile in tiles:
        part = live.probabilities((key, ()), tile)
        assert part.shape[:2] == expected[tile].shape[:2]
        assert np.mean(part.argmax(-1) == expected[tile].argmax(-1)) > 0.99
    tiled = LiveClassifier(project)
    tiled.fit()
    tiled.self_train()
    assert np.mean(tiled.probabilities((key, ()), tiles[0]).argmax(-1) == 0) == 1
    [(plane, suggestion)] = tiled.suggest([(key, ())], 1)
    assert plane == (key, ())
    assert 0 <= suggestion.row < 40


def test_images_with_other_channels_are_named(project, tmp_path):
    values = np.random.default_rng(0).integers(0, 255, (5, 20, 24), "uint8")
    np.save(tmp_path / "other.npy", values)
    key = project.add_image(tmp_path / "other.npy", "cyx")
    live = LiveClassifier(project)
    live.fit()
    with pytest.raises(ValueError, match=r"other\.npy has other channels"):
        whole(live, key)


def test_rows_of_runs_are_replaced():
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, (9, 7))
    runs = runs_of(labels)
    np.testing.assert_array_equal(rows_of(runs, (9, 7), slice(2, 5)), labels[2:5])
    new = random.integers(0, 3, (3, 7))
    labels[2:5] = new
    changed = with_rows(runs, (9, 7), slice(2, 5), new)
    np.testing.assert_array_equal(labels_of(changed, (9, 7)), labels)
