import copy
import pickle

import numpy as np
import pytest
from skimage.future import TrainableSegmenter

import umbed_keras as uk
from umbed_keras.images.image import Details
from umbed_keras.segmentation import features_func
from umbed_keras.segmentation.pixel_features import PixelFeatures


@pytest.mark.every_backend
def test_channels_come_first_and_then_the_vector(embedder, striped):
    features = features_func(embedder)(striped)
    assert features.shape == (24, 20, 7)
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features[..., :3], striped / np.float32(255))
    vectors = embedder.embed(striped[None])[0]
    np.testing.assert_array_equal(features[..., 3:], vectors)
    np.testing.assert_array_equal(features_func(embedder, intensity=False)(striped), vectors)


def test_the_segmenter_of_scikit_image_takes_the_function(embedder, striped, strokes):
    segmenter = TrainableSegmenter(features_func=features_func(embedder))
    # It trains on all classes but 0, and returns those.
    segmenter.fit(striped, labels=strokes.astype(int))
    classes = segmenter.predict(striped)
    assert (classes[:, :8] == 7).mean() > 0.9
    assert (classes[:, 12:] == 2).mean() > 0.9


def test_grey_and_opaque_images_become_colours(embedder, striped):
    features = PixelFeatures(embedder)
    grey = striped[..., 0]
    for image in (grey, grey[..., None]):
        np.testing.assert_array_equal(features(image), features(np.stack([grey] * 3, axis=-1)))
    opaque = np.concatenate([striped, np.full((24, 20, 1), 255, "uint8")], axis=-1)
    np.testing.assert_array_equal(features(opaque), features(striped))


@pytest.mark.every_backend
def test_an_embedder_of_one_channel_takes_any_number(striped):
    gray = uk.PixelEmbedder(
        latent_dim=3, patch_size=4, pyramid_levels=1, widths=(4, 8), hidden_units=(8,), channels=1
    )
    features = PixelFeatures(gray)
    image = np.concatenate([striped, striped[..., :1]], axis=-1)
    described = features(uk.Image(image, "yxc", Details()))
    assert described.shape == (24, 20, 4 + 4 * 3)
    assert features.num_channels(16) == 4
    for channel in range(4):
        alone = gray.embed(image[None, ..., channel : channel + 1])[0]
        np.testing.assert_array_equal(described[..., 4 + 3 * channel : 7 + 3 * channel], alone)


@pytest.mark.parametrize(
    ("shape", "dtype", "error", "named"),
    [
        ((24, 20, 5), "uint8", ValueError, 'such as axes="zyx"'),
        ((24,), "uint8", ValueError, r"shape \(height, width\)"),
        ((0, 20, 3), "uint8", ValueError, "must have pixels"),
        ((24, 20, 3), "complex64", TypeError, "dtype=complex64"),
    ],
)
def test_ambiguous_images_are_refused(embedder, shape, dtype, error, named):
    with pytest.raises(error, match=named):
        features_func(embedder)(np.zeros(shape, dtype))


def test_vectors_are_kept_by_content(embedder, striped, monkeypatch):
    features = PixelFeatures(embedder, kept_bytes=2 * 24 * 20 * 7 * 4)
    embed, embedded = embedder.embed, []
    monkeypatch.setattr(embedder, "embed", lambda images: embedded.append(1) or embed(images))
    first = features(striped)
    assert features(striped.copy()) is first
    assert len(embedded) == 1
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0
    # The same bytes in another shape are another image.
    features(striped.reshape(20, 24, 3))
    assert len(embedded) == 2
    features(striped)
    features(255 - striped)
    assert features(striped) is first
    assert len(embedded) == 3
    features(striped.reshape(20, 24, 3))
    assert len(embedded) == 4


@pytest.mark.every_backend
def test_features_follow_further_training_of_the_embedder(embedder, striped):
    model = uk.PixelEmbedder.from_config(embedder.get_config())
    features = PixelFeatures(model)
    features(striped)
    model.adapt(striped[None])
    np.testing.assert_array_equal(features.vectors(striped), model.embed(striped[None])[0])


@pytest.mark.every_backend
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda part: pickle.loads(pickle.dumps(part))])
def test_copies_hold_the_embedder_and_no_features(embedder, striped, copied):
    features = PixelFeatures(embedder)
    expected = features(striped)
    other = copied(features)
    assert expected.nbytes > len(pickle.dumps(other)) - len(pickle.dumps(embedder))
    np.testing.assert_array_equal(other(striped), expected)


def test_an_unknown_preset_fails_at_once():
    with pytest.raises(ValueError, match="No preset"):
        features_func("no_such_preset")
