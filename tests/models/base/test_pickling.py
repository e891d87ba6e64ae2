"""Models and classifiers that are pickled compute the same numbers bit for bit."""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import keras
import numpy as np
import pytest

import umbed_keras as uk


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(256, size=(20, 24, 3), dtype="uint8")


@pytest.fixture(scope="module")
def embedder(image):
    network = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.Conv2D(5, 3, strides=2, padding="same")]
    )
    model = uk.PixelEmbedder(
        4,
        patch_size=4,
        pyramid_levels=1,
        widths=(4,),
        hidden_units=(4,),
        backbone=uk.layers.ModelBackbone(network),
        feature_components=4,
    )
    model.adapt(image[None])
    return model


@pytest.fixture(scope="module")
def classifier(embedder, image):
    pytest.importorskip("sklearn")
    labels = np.zeros((20, 24), int)
    labels[2:9, 2:6], labels[2:9, 18:22] = 1, 2
    return uk.segmentation.PixelClassifier(embedder).fit(image, labels)


@pytest.mark.torch_alone
def test_another_process_computes_the_same(embedder, classifier, image):
    """As workers of Ray, Spark or Dask do."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        vectors = pool.submit(embedder.embed, image[None]).result()
        probabilities = pool.submit(classifier.predict_proba, image).result()
    np.testing.assert_array_equal(vectors, embedder.embed(image[None]))
    np.testing.assert_array_equal(probabilities, classifier.predict_proba(image))


@pytest.mark.torch_alone
@pytest.mark.parametrize("name", ["pickle", "cloudpickle", "joblib"])
def test_copies_compute_the_same(name, embedder, classifier, image, tmp_path):
    package = pytest.importorskip(name)
    for original in (embedder, classifier):
        if name == "joblib":
            package.dump(original, tmp_path / "file")
            twin = package.load(tmp_path / "file")
        else:
            twin = pickle.loads(package.dumps(original))
        if original is embedder:
            assert np.array_equal(twin.embed(image[None]), original.embed(image[None]))
        else:
            assert np.array_equal(twin.predict_proba(image), original.predict_proba(image))


@pytest.mark.torch_alone
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda part: pickle.loads(pickle.dumps(part))])
def test_copies_keep_their_preset_and_their_codec(copied):
    model = uk.PixelEmbedder.from_preset("free_lite0_vq_k64")
    twin = copied(model)
    assert model.origin["preset"] == "free_lite0_vq_k64"
    assert dict(twin.origin) == dict(model.origin)
    for name, values in model.codec_arrays.items():
        np.testing.assert_array_equal(twin.codec_arrays[name], values)
    model.codec_arrays = None
    assert copied(model).codec_arrays is None
