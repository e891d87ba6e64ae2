import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from umbed_keras.segmentation import PixelClassifier
from umbed_keras.segmentation.labelled_pixels import (
    MAX_PIXELS_PER_CLASS,
    LabelledPixels,
    training_set,
)
from umbed_keras.segmentation.pixel_features import features_func


@pytest.fixture(scope="module")
def fitted(embedder, striped, strokes):
    # Stripes are edges to a guided filter, which follows them into the other class.
    return PixelClassifier(embedder, smoothing=1.5).fit(striped, strokes)


@pytest.mark.every_backend
def test_a_few_strokes_give_the_rest(fitted, striped):
    classes = fitted.predict(striped)
    assert fitted.classes_.tolist() == [2, 7]
    assert (classes[:, :8] == 7).mean() > 0.95
    assert (classes[:, 12:] == 2).mean() > 0.95


def test_any_classifier_of_scikit_learn(embedder, striped, strokes):
    plain = make_pipeline(StandardScaler(), LogisticRegression())
    classifier = PixelClassifier(embedder, plain, smoothing=2.0).fit(striped, strokes)
    features = features_func(embedder)(striped)
    twin = make_pipeline(StandardScaler(), LogisticRegression())
    twin.fit(features[strokes > 0], strokes[strokes > 0])
    expected = twin.predict_proba(features.reshape(-1, 7)).reshape(24, 20, 2)
    expected = gaussian_filter(expected.astype("float64"), (2, 2, 0))
    probabilities = classifier.predict_proba(striped)
    assert probabilities.dtype == np.float32
    # The optimiser's tolerance: labels come in another order.
    np.testing.assert_allclose(probabilities, expected, atol=1e-3)
    most_likely = classifier.classes_[probabilities.argmax(axis=-1)]
    np.testing.assert_array_equal(classifier.predict(striped), most_likely)
    assert not hasattr(plain, "classes_")


def test_uncertainty_is_entropy(fitted, striped):
    probabilities = fitted.predict_proba(striped).astype("float64")
    expected = -np.sum(probabilities * np.log2(np.maximum(probabilities, 1e-30)), axis=-1)
    uncertainty = fitted.uncertainty(striped)
    np.testing.assert_allclose(uncertainty, expected, atol=1e-5)
    assert 0 <= uncertainty.min() <= uncertainty.max() <= 1 + 1e-6


def test_score_is_the_mean_iou_of_labelled_pixels(fitted, striped):
    labels = np.zeros((24, 20), int)
    labels[:, :9], labels[:6, 9:] = 7, 2
    labels[:3, :3] = 5  # a class that was never taught
    predicted, scores = fitted.predict(striped), []
    for value in (2, 5, 7):
        ours, theirs = (predicted == value) & (labels > 0), labels == value
        scores.append((ours & theirs).sum() / (ours | theirs).sum())
    assert fitted.score(striped, labels) == pytest.approx(np.mean(scores))
    assert fitted.score([striped, striped], [labels, labels]) == pytest.approx(np.mean(scores))


def test_one_image_a_list_and_a_batch(fitted, striped):
    one = fitted.predict(striped)
    batch = np.stack([striped, striped[::-1]])
    np.testing.assert_array_equal(fitted.predict(batch)[0], one)
    listed = fitted.predict([striped, striped[:16]])
    assert [part.shape for part in listed] == [(24, 20), (16, 20)]
    np.testing.assert_array_equal(listed[0], one)


def test_partial_fit_takes_the_newest_labels_of_an_image_and_embeds_nothing_again(
    embedder, striped, strokes, monkeypatch
):
    first, second = strokes.copy(), strokes.copy()
    first[12:] = 0
    second[3, 3] = 2  # once more, as another class
    second[5, 16] = 0  # erased
    expected = PixelClassifier(embedder).fit(striped, second)
    grown = PixelClassifier(embedder).fit(striped, first)
    embed, embedded = embedder.embed, []
    monkeypatch.setattr(embedder, "embed", lambda images: embedded.append(1) or embed(images))
    grown.partial_fit(striped, second)
    assert not embedded
    np.testing.assert_array_equal(grown.predict_proba(striped), expected.predict_proba(striped))
    # And `fit` forgets.
    grown.fit(striped, strokes)
    assert not embedded
    np.testing.assert_array_equal(
        grown.predict(striped), PixelClassifier(embedder).fit(striped, strokes).predict(striped)
    )


def test_whole_images_are_held_out(embedder, striped, strokes):
    pair = [striped, striped[:, ::-1]]
    labels = [strokes, strokes[:, ::-1]]
    classifier = PixelClassifier(embedder, smoothing=1.5).fit(pair, labels)
    images = [
        LabelledPixels.from_label_image(label, features_func(embedder)(image))
        for image, label in zip(pair, labels, strict=True)
    ]
    _, _, groups, _ = training_set(images, 0)
    assert np.bincount(groups).tolist() == [20, 20]
    assert (classifier.predict(pair[1])[:, :8] == 2).mean() > 0.95


def test_strokes_are_counted_within_their_class():
    label = np.zeros((9, 12), int)
    label[0, :3], label[4, :3], label[8, 2:8] = 1, 1, 2
    pixels = LabelledPixels.from_label_image(label, np.zeros((9, 12, 1), "float32"))
    # Two strokes of class 1; the one of class 2 is cut in two along its length.
    assert pixels.strokes.tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1]


def test_a_stroke_counts_as_one_label():
    label = np.zeros((9, 12), int)
    label[0, :3], label[4, :4], label[8, 2:7], label[6, 0] = 1, 1, 2, 2
    pixels = LabelledPixels.from_label_image(label, np.zeros((9, 12, 1), "float32"))
    # The second image holds one stroke of class 1, which counts as two.
    other = LabelledPixels.from_label_image(label[:3], np.zeros((3, 12, 1), "float32"))
    _, labels, _, weights = training_set([pixels, other], seed=0)
    assert np.bincount(labels, weights).tolist() == pytest.approx([0, 4, 2])
    alone = training_set([pixels], seed=0)[3]
    assert alone.tolist() == pytest.approx([1 / 3] * 3 + [1 / 4] * 4 + [1] + [1 / 5] * 5)


def test_a_fit_uses_a_sample_of_many_labels_of_a_class():
    label = np.ones((60, 60), int)
    label[0, :7] = 2
    features = np.arange(3600, dtype="float32").reshape(60, 60, 1)
    chosen, labels, groups, _ = training_set([LabelledPixels.from_label_image(label, features)], 0)
    assert np.bincount(labels).tolist() == [0, MAX_PIXELS_PER_CLASS, 7]
    assert len(np.unique(chosen)) == len(chosen) == len(groups)


def test_equal_seeds_give_equal_probabilities(embedder, striped, strokes):
    first, second = (PixelClassifier(embedder, seed=3).fit(striped, strokes) for _ in range(2))
    np.testing.assert_array_equal(first.predict_proba(striped), second.predict_proba(striped))


def test_predict_large_equals_predict(fitted, striped, tmp_path, monkeypatch):
    image = np.tile(striped, (3, 3, 1))
    expected = fitted.predict(image)
    monkeypatch.setattr(fitted.embedder_, "largest_tile", lambda budget: 64)
    path = tmp_path / "image.npy"
    np.save(path, image)
    out = np.lib.format.open_memmap(tmp_path / "labels.npy", "w+", "uint8", (72, 60))
    assert fitted.predict_large(np.load(path, mmap_mode="r"), out, verbose=0) is out
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(fitted.predict_large(image, verbose=0), expected)


def test_out_of_another_shape_or_dtype_is_refused(fitted, striped):
    for out in (np.empty((24, 21), int), np.empty((24, 20), "float32"), np.empty((24, 20), bool)):
        with pytest.raises(ValueError, match=r"`out` must be an array of shape \(24, 20\)"):
            fitted.predict_large(striped, out)


@pytest.mark.parametrize(
    ("labels", "error", "named"),
    [
        (np.full((24, 20), 0.5), ValueError, "must be whole numbers. Received: dtype=float64"),
        (np.full((24, 20), "a"), TypeError, "`labels` must be integers. Received: dtype=<U1"),
        (np.zeros((24, 21), int), ValueError, r"of their image, \(24, 20\)"),
        (np.zeros((24, 20), int), ValueError, "all are 0"),
        (np.eye(24, 20, dtype=int), ValueError, r"two classes or more.*Received: \[1\]"),
        ([np.ones((24, 20), int)] * 2, ValueError, "as many as `images`. Received: 2 and 1"),
    ],
)
def test_labels_are_checked(embedder, striped, labels, error, named):
    with pytest.raises(error, match=named):
        PixelClassifier(embedder).fit(striped, labels)


def test_a_failed_fit_keeps_the_earlier_fit(embedder, striped, strokes):
    classifier = PixelClassifier(embedder).fit(striped, strokes)
    expected = classifier.predict(striped)
    with pytest.raises(ValueError, match="two classes"):
        classifier.fit(striped, np.minimum(strokes, 1))
    np.testing.assert_array_equal(classifier.predict(striped), expected)
