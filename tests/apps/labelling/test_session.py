"""Tests of what the page and the plugin of napari have in common."""

import csv

import numpy as np
import pytest
from halves import picture, strokes

import umbed_keras as uk
from umbed_keras.apps.labelling.apply_files import Measuring, apply_to_files
from umbed_keras.apps.labelling.session import Session, objects_of
from umbed_keras.images.image import Details
from umbed_keras.segmentation import live_classifier

PRESET = "celeba_vq_k16"


def fitted(**settings):
    session = Session(uk.segmentation.Project(preset=PRESET, **settings))
    session.fit([(uk.Image(picture()), strokes())])
    return session


def test_results_are_those_of_the_classifier():
    stack = np.stack([picture(seed=seed)[..., 0] for seed in range(3)]).astype("uint16") * 50
    labels = np.zeros(stack.shape, int)
    labels[1] = strokes()
    image, session = uk.Image(stack, "zyx"), Session(uk.segmentation.Project(preset=PRESET))
    session.fit([(image, labels)])
    classifier = uk.segmentation.PixelClassifier(PRESET).fit(stack, labels, axes="zyx")
    expected = classifier.predict_proba(stack, axes="zyx")
    results = list(session.results(image, first=(2,)))
    assert [result.plane for result in results] == [(2,), (0,), (1,)]
    for result in results:
        np.testing.assert_array_equal(result.probabilities, expected[result.plane])
    whole = np.zeros(stack.shape, "float32")
    for result in results:
        result.write(whole, image, result.uncertainty)
    np.testing.assert_array_equal(whole, classifier.uncertainty(stack, axes="zyx"))
    assert session.suggest(image, 4) == classifier.suggest(image, 4)


def test_images_of_other_channels_are_left_out():
    colour, grey = uk.Image(picture()), uk.Image(picture()[..., 0])
    session = Session(uk.segmentation.Project(preset=PRESET))
    session.fit([(colour, strokes()), (colour, strokes() * 0), (grey, strokes())])
    assert session.left_out == 1
    assert len(list(session.results(colour))) == 1
    with pytest.raises(ValueError, match=r"two classes or more.*so far: 0.*other channels: 1"):
        session.fit([(colour, strokes() * 0), (grey, strokes())])


def test_objects_are_measured_in_units():
    mask = np.ones((12, 14), int)
    mask[2:5, 2:6] = mask[8:10, 9:12] = 2
    mask[0, 13] = 3
    details = Details(pixel_size={"y": 0.5, "x": 0.5}, unit="micrometer")
    image = uk.Image(mask * 10.0, "yx", details)
    classes = {2: uk.segmentation.LabelClass("nucleus", (1, 2, 3))}
    numbers, table = objects_of(mask, image, background=1, min_size=2, classes=classes)
    np.testing.assert_array_equal(numbers > 0, mask == 2)
    assert table["area"].tolist() == [3.0, 1.5]
    assert table["class_name"].tolist() == ["nucleus", "nucleus"]
    assert set(table["unit"]) == {"micrometer"}
    assert table["intensity_mean"].tolist() == [20, 20]


def test_the_settings_of_the_project_count():
    image = uk.Image(picture() // 2)
    settings = {"smoothing": 0.0, "seed": 3, "scaling": uk.Scaling((0, 255)), "channels": [1]}
    session = fitted(**settings)
    expected = uk.segmentation.PixelClassifier(PRESET, **settings).fit(picture(), strokes())
    (result,) = session.results(image)
    np.testing.assert_array_equal(result.probabilities, expected.predict_proba(image))
    session.project.smoothing = 2.0
    with pytest.raises(ValueError, match="two classes or more"):
        session.fit([(image, strokes() * 0)])
    assert session.classifier.smoothing == 0.0
    session.fit([(uk.Image(picture()), strokes())])
    assert session.classifier.smoothing == 2.0


def test_the_first_answer_is_refined():
    image, session = uk.Image(picture()), Session(uk.segmentation.Project(preset=PRESET))
    session.fit([(image, strokes())], refine=False)
    (soon,) = session.results(image)
    session.refine()
    (later,) = session.results(image)
    (expected,) = fitted().results(image)
    assert not np.array_equal(soon.probabilities, expected.probabilities)
    np.testing.assert_array_equal(later.probabilities, expected.probabilities)


def test_large_planes_come_by_windows_those_in_view_first(monkeypatch):
    monkeypatch.setattr(live_classifier, "WHOLE", 1000)
    monkeypatch.setattr(live_classifier, "TILE", 16)
    session = fitted()
    image = uk.Image(picture())
    results = list(session.results(image, view=(slice(17, 31), slice(18, 30))))
    assert (results[0].rows, results[0].cols) == (slice(16, 32), slice(16, 32))
    whole = np.zeros((32, 40), int)
    for result in results:
        result.write(whole, image, result.classes)
    np.testing.assert_array_equal(whole, session.classifier.predict(image))


def test_similar_pixels_need_no_strokes():
    image, session = uk.Image(picture()), Session(uk.segmentation.Project(preset=PRESET))
    cosines = session.similar(image, (), 5, 30)
    expected = uk.segmentation.similar_pixels(image, 5, 30, PRESET)
    np.testing.assert_allclose(cosines, expected, atol=1e-6)
    with pytest.raises(ValueError, match="`col`"):
        session.similar(image, (), 5, 40)


def test_a_folder_becomes_masks_and_a_table(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for seed in range(2):
        np.save(folder / f"{seed}.npy", picture(seed=seed))
    (folder / "broken.png").write_bytes(b"no image")
    session = fitted()
    options = {"classes": {2: uk.segmentation.LabelClass("bright", (9, 8, 7))}}
    options["measuring"] = Measuring(background=1)
    *_, last = apply_to_files(session.classifier, [folder], tmp_path / "out", **options)
    assert (last.done, last.total, [path.name for path in last.broken]) == (3, 3, ["broken.png"])
    assert "2 of 3 images" in last.summary()
    assert "broken.png" in last.summary()
    for seed in range(2):
        mask = uk.read_image(tmp_path / "out" / f"{seed}.labels.png")
        assert mask.shape[:2] == (32, 40)
    with (tmp_path / "out" / "objects.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["0", "1"]
    assert {row["class_name"] for row in rows} == {"bright"}
    assert float(rows[0]["area"]) == pytest.approx(640, abs=40)
