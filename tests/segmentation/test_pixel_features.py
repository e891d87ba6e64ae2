import numpy as np
import pytest
from skimage.future import TrainableSegmenter

import umbed_keras as uk
from umbed_keras.segmentation import features_func
from umbed_keras.segmentation.pixel_features import PixelFeatures


def test_channels_come_first_and_then_the_vector(embedder, striped):
    found = features_func(embedder)(striped)
    assert found.shape == (24, 20, 7)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[..., :3], striped / np.float32(255))
    vectors = embedder.embed(striped[None])[0]
    np.testing.assert_array_equal(found[..., 3:], vectors)
    np.testing.assert_array_equal(features_func(embedder, intensity=False)(striped), vectors)


def test_scikit_images_segmenter_takes_them(embedder, striped, strokes):
    segmenter = TrainableSegmenter(features_func=features_func(embedder))
    # It trains on all classes but 0, and returns those.
    segmenter.fit(striped, labels=strokes.astype(int))
    found = segmenter.predict(striped)
    assert (found[:, :8] == 7).mean() > 0.9
    assert (found[:, 12:] == 2).mean() > 0.9


def test_grey_and_opaque_images_are_taken_as_colours(embedder, striped):
    features = PixelFeatures(embedder)
    grey = striped[..., 0]
    for image in (grey, grey[..., None]):
        np.testing.assert_array_equal(features(image), features(np.stack([grey] * 3, axis=-1)))
    opaque = np.concatenate([striped, np.full((24, 20, 1), 255, "uint8")], axis=-1)
    np.testing.assert_array_equal(features(opaque), features(striped))


def test_an_embedder_of_one_channel_takes_any_number(striped):
    gray = uk.PixelEmbedder(
        latent_dim=3, patch_size=4, pyramid_levels=1, widths=(4, 8), hidden_units=(8,), channels=1
    )
    features = PixelFeatures(gray)
    image = np.concatenate([striped, striped[..., :1]], axis=-1)
    found = features(image)
    assert found.shape == (24, 20, 4 + 4 * 3)
    assert features.num_channels(16) == 4
    for channel in range(4):
        alone = gray.embed(image[None, ..., channel : channel + 1])[0]
        np.testing.assert_array_equal(found[..., 4 + 3 * channel : 7 + 3 * channel], alone)


@pytest.mark.parametrize(
    ("shape", "dtype", "error", "named"),
    [
        ((24, 20, 4), "uint8", ValueError, "rgba2rgb"),
        ((24, 20, 5), "uint8", ValueError, "5 channels.*'natural_gray_vae_d16'"),
        ((24,), "uint8", ValueError, r"shape \(height, width\)"),
        ((0, 20, 3), "uint8", ValueError, "with pixels"),
        ((24, 20, 3), "uint16", TypeError, "dtype=uint16"),
    ],
)
def test_images_without_one_meaning_are_refused(embedder, shape, dtype, error, named):
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
    # Of the same bytes, but another image.
    features(striped.reshape(20, 24, 3))
    assert len(embedded) == 2
    features(striped)
    features(255 - striped)
    assert features(striped) is first
    assert len(embedded) == 3
    features(striped.reshape(20, 24, 3))
    assert len(embedded) == 4


def test_an_embedder_that_has_learned_on_describes_anew(embedder, striped):
    model = uk.PixelEmbedder.from_config(embedder.get_config())
    features = PixelFeatures(model)
    features(striped)
    model.adapt(striped[None])
    np.testing.assert_array_equal(features.vectors(striped), model.embed(striped[None])[0])
