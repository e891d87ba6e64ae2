"""Pixels of images of any number type, channels and planes."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.naive_bayes import GaussianNB

import umbed_keras as uk
from umbed_keras.images.image import Details
from umbed_keras.segmentation import PixelClassifier, cluster_pixels, features_func, similar_pixels
from umbed_keras.segmentation.classifier_file import read_labelled


@pytest.fixture(scope="module")
def counts(striped):
    """The striped image as a camera of 16 bits writes it: few grey levels, far from its range."""
    return striped[..., 0].astype("uint16") + 1000


@pytest.fixture(scope="module")
def stack(counts):
    """Three planes, the second turned about."""
    return np.stack([counts, counts[:, ::-1], counts])


@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "uint64", "float32", "float64"])
def test_numbers_of_any_type_are_stretched_between_percentiles(embedder, counts, strokes, dtype):
    low, high = np.percentile(counts.astype("float64"), (1, 99.8))
    by_hand = np.clip((counts - low) / (high - low), 0, 1).astype("float32")
    expected = PixelClassifier(embedder).fit(by_hand, strokes).predict_proba(by_hand)
    image = counts.astype(dtype)
    probabilities = PixelClassifier(embedder).fit(image, strokes).predict_proba(image)
    np.testing.assert_allclose(probabilities, expected, atol=1e-4)


def test_booleans_are_black_and_white(embedder, counts, strokes):
    mask = counts > 1128
    described = features_func(embedder)(mask)
    np.testing.assert_array_equal(described, features_func(embedder)(mask.astype("uint8") * 255))


def test_other_channels_are_embedded_one_by_one(embedder, counts):
    image = uk.Image(np.stack([counts, counts[::-1]]), "cyx")
    scaling = uk.Scaling((1000, 1255))
    described = features_func(embedder, scaling=scaling)(image)
    planes = [scaling(np.asarray(image)[channel]) for channel in range(2)]
    alone = [embedder.embed(np.stack([plane] * 3, axis=-1)[None])[0] for plane in planes]
    np.testing.assert_array_equal(described, np.concatenate([np.stack(planes, -1), *alone], -1))
    second = features_func(embedder, scaling=scaling, channels=[1])(image)
    np.testing.assert_array_equal(second, features_func(embedder, scaling=scaling)(counts[::-1]))


def test_a_stack_is_classified_plane_by_plane(embedder, stack, strokes):
    labels = np.zeros(stack.shape, int)
    labels[0] = strokes  # of one plane only
    classifier = PixelClassifier(embedder).fit(stack, labels, axes="zyx")
    classes = classifier.predict(stack, axes="zyx")
    assert classes.shape == stack.shape
    assert (classes[1, :, 13:] == 7).mean() > 0.9
    assert (classes[1, :, :7] == 2).mean() > 0.9
    assert classifier.predict_proba(stack, axes="zyx").shape == (*stack.shape, 2)
    # Its planes share one scaling.
    limits = uk.Scaling(uk.Scaling().fit(uk.Image(stack, "zyx")).limits)
    plane = PixelClassifier(embedder, scaling=limits).fit(stack[0], strokes)
    np.testing.assert_array_equal(plane.predict(stack[1]), classes[1])
    # Axes may come in any order.
    turned = uk.Image(stack.transpose(2, 0, 1), "xzy")
    np.testing.assert_array_equal(classifier.predict(turned), classes.transpose(2, 0, 1))
    np.testing.assert_array_equal(
        classifier.predict_large(turned, verbose=0), classifier.predict(turned)
    )


def test_planes_of_several_channels(embedder, stack, strokes):
    image = uk.Image(np.stack([stack, stack[:, ::-1]], axis=1), "zcyx")
    labels = np.zeros(stack.shape, int)
    labels[2] = strokes
    classifier = PixelClassifier(embedder).fit(image, labels)
    assert classifier.num_features_ == 2 * (1 + 4)
    classes = classifier.predict(image)
    assert classes.shape == stack.shape
    np.testing.assert_array_equal(classifier.predict_large(image, verbose=0), classes)


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_pixels_without_data_have_no_class(embedder, counts, strokes, hole):
    image = counts.astype("float32")
    image[3:6, 3:12] = hole
    plain = PixelClassifier(embedder, GaussianNB(), smoothing=1.0).fit(image, strokes)
    inside = np.isfinite(image)
    probabilities = plain.predict_proba(image)
    np.testing.assert_array_equal(np.isnan(probabilities[..., 0]), ~inside)
    classes = plain.predict(image)
    np.testing.assert_array_equal(classes == 0, ~inside)
    np.testing.assert_array_equal(plain.predict_large(image, verbose=0), classes)
    # Their labels do not count.
    without = np.where(inside, strokes, 0)
    again = PixelClassifier(embedder, GaussianNB(), smoothing=1.0).fit(image, without)
    np.testing.assert_array_equal(again.predict_proba(image), probabilities)
    # They weigh nothing in the filter: a normalised convolution (Knutsson & Westin 1993).
    features = features_func(embedder)(image)
    raw = np.zeros((24, 20, 2))
    raw[inside] = plain.classifier_.predict_proba(features[inside])
    weights = gaussian_filter(inside.astype("float64"), 1.0)[..., None]
    expected = gaussian_filter(raw, (1, 1, 0)) / weights
    np.testing.assert_allclose(probabilities[inside], expected[inside], atol=1e-5)


def test_nodata_of_integers_has_no_class(embedder, counts, strokes):
    numbers = counts.copy()
    numbers[:2] = 0
    image = uk.Image(numbers, "yx", Details(nodata=0))
    classes = PixelClassifier(embedder).fit(image, strokes).predict(image)
    np.testing.assert_array_equal(classes == 0, numbers == 0)
    vectors = features_func(embedder, intensity=False)(image)
    assert np.isnan(vectors[:2]).all()
    assert np.isfinite(vectors[2:]).all()


def test_files_are_read_where_they_are_named(embedder, counts, strokes, tmp_path):
    np.save(tmp_path / "image.npy", counts)
    np.save(tmp_path / "strokes.npy", strokes)
    classifier = PixelClassifier(embedder).fit(tmp_path / "image.npy", tmp_path / "strokes.npy")
    expected = PixelClassifier(embedder).fit(counts, strokes).predict(counts)
    np.testing.assert_array_equal(classifier.predict(str(tmp_path / "image.npy")), expected)
    large = classifier.predict_large(tmp_path / "image.npy", verbose=0)
    np.testing.assert_array_equal(large, expected)


def test_one_scaling_for_a_collection(embedder, counts, strokes):
    bright = counts * 2
    scaling = uk.Scaling(scope="collection")
    classifier = PixelClassifier(embedder, scaling=scaling).fit([counts, bright], [strokes] * 2)
    assert classifier.scaling_ == uk.Scaling(scope="collection").fit([counts, bright])
    assert PixelClassifier(embedder).fit(counts, strokes).scaling_ == uk.Scaling()


def test_clones_of_other_scalings_do_not_disturb_each_other(embedder, counts, strokes):
    first = PixelClassifier(embedder, scaling=uk.Scaling((900, 1300))).fit(counts, strokes)
    features = first.features
    second = clone(first).set_params(scaling=uk.Scaling((0, 65535)))
    with pytest.warns(UserWarning, match="nearly constant"):
        second.fit(counts, strokes)
    assert features.scaling == uk.Scaling((900, 1300))
    assert second.features.embedder is first.features.embedder


def test_a_nearly_constant_image_is_warned_of(embedder, strokes):
    dark = np.full((24, 20), 0.5)
    dark[3, 3] = 0.505
    with pytest.warns(UserWarning, match="nearly constant after scaling"):
        PixelClassifier(embedder).fit(dark, strokes)


def test_classes_of_int64_and_uint64_stay_apart(embedder, counts, strokes):
    large = 2**53  # beyond it floats merge neighbours
    signed = np.where(strokes == 7, large, strokes.astype("int64"))
    unsigned = np.where(strokes == 7, np.uint64(large + 1), strokes.astype("uint64"))
    classifier = PixelClassifier(embedder).fit([counts, counts[::-1]], [signed, unsigned])
    assert classifier.classes_.tolist() == [2, large, large + 1]


def test_a_copy_in_floats_is_the_same_image(embedder, striped, strokes):
    classifier = PixelClassifier(embedder).fit(striped, strokes)
    changed = np.where(strokes == 7, 5, strokes)
    classifier.partial_fit(striped / 255, changed)
    assert classifier.classes_.tolist() == [2, 5]


def test_labels_of_equal_images_are_joined(embedder, counts, strokes):
    upper, lower = strokes.copy(), strokes.copy()
    upper[12:], lower[:12] = 0, 0
    joined = PixelClassifier(embedder).fit([counts, counts.copy()], [upper, lower])
    expected = PixelClassifier(embedder).fit(counts, strokes)
    np.testing.assert_array_equal(joined.predict_proba(counts), expected.predict_proba(counts))


def test_images_of_other_channels_are_refused(embedder, counts, strokes):
    classifier = PixelClassifier(embedder).fit(counts, strokes)
    two = uk.Image(np.stack([counts, counts]), "cyx")
    for method in (classifier.predict, classifier.predict_large, classifier.uncertainty):
        with pytest.raises(ValueError, match="as many channels as those of `fit`"):
            method(two)
    with pytest.raises(ValueError, match="the same number of channels"):
        PixelClassifier(embedder).fit([counts, two], [strokes, strokes])


def test_clusters_and_similarity_of_stacks_and_holes(embedder, stack):
    clusters = cluster_pixels(stack, 2, embedder, axes="zyx")
    assert clusters.shape == stack.shape
    assert set(np.unique(clusters)) == {0, 1}
    cosines = similar_pixels(stack, 5, 4, embedder, axes="zyx", plane=(1,))
    assert cosines.shape == stack.shape
    assert cosines[1, 5, 4] == pytest.approx(1, abs=1e-6)
    holed = stack[0].astype("float32")
    holed[:3] = np.nan
    assert (cluster_pixels(holed, 2, embedder)[:3] == -1).all()
    np.testing.assert_array_equal(np.isnan(similar_pixels(holed, 9, 9, embedder)), np.isnan(holed))
    with pytest.raises(ValueError, match="without data"):
        similar_pixels(holed, 0, 0, embedder)


def test_scaling_and_channels_are_saved(embedder, counts, strokes, tmp_path):
    image = uk.Image(np.stack([counts, counts[::-1]]), "cyx", Details(channel_names=("a", "b")))
    options = {"scaling": uk.Scaling((900, 1300)), "channels": ["b"]}
    saved = PixelClassifier(embedder, **options).fit(image, strokes)
    saved.save(tmp_path / "mine.npz")
    loaded = PixelClassifier.load(tmp_path / "mine.npz", embedder)
    assert (loaded.scaling, loaded.channels) == (uk.Scaling((900, 1300)), ["b"])
    np.testing.assert_array_equal(loaded.predict_proba(image), saved.predict_proba(image))


def test_a_classifier_with_other_parameters_is_refused(embedder, striped, strokes, tmp_path):
    saved = PixelClassifier(embedder, RandomForestClassifier(5, max_depth=2)).fit(striped, strokes)
    saved.save(tmp_path / "mine.npz")
    with pytest.raises(ValueError, match="'max_depth': '2'"):
        PixelClassifier.load(tmp_path / "mine.npz", embedder, RandomForestClassifier(5))
    same = RandomForestClassifier(5, max_depth=2)
    loaded = PixelClassifier.load(tmp_path / "mine.npz", embedder, same)
    np.testing.assert_array_equal(loaded.predict(striped), saved.predict(striped))


def test_a_preset_is_found_from_another_working_directory(
    embedder, striped, strokes, tmp_path, monkeypatch
):
    embedder.save_to_preset(tmp_path / "preset")
    monkeypatch.chdir(tmp_path)
    saved = PixelClassifier("preset").fit(striped, strokes)
    saved.save("mine.npz")
    monkeypatch.chdir("preset")
    loaded = PixelClassifier.load("../mine.npz")
    np.testing.assert_array_equal(loaded.predict(striped), saved.predict(striped))


def test_an_embedder_from_a_preset_names_it(striped, strokes, tmp_path):
    embedder = uk.PixelEmbedder.from_preset("celeba_vq_k16")
    PixelClassifier(embedder).fit(striped, strokes).save(tmp_path / "mine.npz")
    assert PixelClassifier.load(tmp_path / "mine.npz").embedder == "celeba_vq_k16"


def test_a_file_of_a_full_mask_stays_small(embedder, tmp_path):
    random = np.random.default_rng(0)
    image = random.integers(256, size=(128, 128, 3), dtype="uint8")
    mask = np.repeat(1 + np.arange(128) // 64, 128).reshape(128, 128)
    classifier = PixelClassifier(embedder, GaussianNB()).fit(image, mask)
    classifier.save(tmp_path / "mine.npz")
    _, images, _ = read_labelled(tmp_path / "mine.npz")
    assert [len(pixels.labels) for pixels in images.values()] == [2000]


def test_windows_are_large_at_the_default_budget(embedder, striped, strokes):
    classifier = PixelClassifier(embedder).fit(striped, strokes)
    image = uk.Image(np.zeros((2048, 2048, 3), "uint8"))
    assert classifier.window_classifier(image).tile_size >= 512


def test_a_small_budget_names_the_least_that_is_enough(embedder, striped, strokes):
    classifier = PixelClassifier(embedder).fit(striped, strokes)
    with pytest.raises(ValueError, match="bytes are enough") as error:
        classifier.predict_large(striped, memory_budget=1000)
    enough = int(str(error.value).split(" bytes are enough")[0].split()[-1].replace(",", ""))
    classes = classifier.predict_large(striped, memory_budget=enough, verbose=0)
    np.testing.assert_array_equal(classes, classifier.predict(striped))
