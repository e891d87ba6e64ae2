import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from umbed_keras.segmentation import cluster_pixels, similar_pixels


def test_clusters_are_those_of_k_means(embedder, striped):
    clusters = cluster_pixels(striped, 2, embedder)
    assert clusters.shape == (24, 20)
    assert clusters.dtype == np.int32
    vectors = embedder.embed(striped[None])[0].reshape(-1, 4)
    expected = KMeans(2, n_init=3, random_state=0).fit_predict(vectors)
    # Mini-batches come near the same centres.
    assert adjusted_rand_score(expected, clusters.ravel()) > 0.9


def test_the_largest_cluster_is_first(embedder, striped):
    counts = np.bincount(cluster_pixels(striped, 5, embedder).ravel(), minlength=5)
    assert (np.diff(counts) <= 0).all()


def test_spherical_clusters_ignore_lengths(embedder, striped, monkeypatch):
    expected = cluster_pixels(striped, 3, embedder, spherical=True)
    lengths = np.random.default_rng(0).choice([0.5, 2.0], size=(1, 24, 20, 1)).astype("float32")
    embed = embedder.embed
    monkeypatch.setattr(embedder, "embed", lambda images: lengths * embed(images))
    np.testing.assert_array_equal(cluster_pixels(striped, 3, embedder, spherical=True), expected)
    vectors = embed(striped[None])[0].astype("float64")
    directions = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    centres = np.stack([directions[expected == number].mean(axis=0) for number in range(3)])
    centres /= np.linalg.norm(centres, axis=-1, keepdims=True)
    # Nearly all pixels are nearest to the mean direction of their cluster.
    assert ((directions @ centres.T).argmax(axis=-1) == expected).mean() > 0.95


def test_similarity_is_the_cosine(embedder, striped):
    similarities = similar_pixels([striped, striped[:12]], 20, 3, embedder)
    assert [part.shape for part in similarities] == [(24, 20), (12, 20)]
    chosen = embedder.embed(striped[None])[0, 20, 3].astype("float64")
    for image, part in zip((striped, striped[:12]), similarities, strict=True):
        vectors = embedder.embed(image[None])[0].astype("float64")
        lengths = np.linalg.norm(vectors, axis=-1) * np.linalg.norm(chosen)
        np.testing.assert_allclose(part, vectors @ chosen / lengths, atol=1e-6)


def test_one_image_a_list_and_a_batch(embedder, striped):
    one = cluster_pixels(striped, 2, embedder)
    np.testing.assert_array_equal(cluster_pixels(striped[None], 2, embedder), one[None])
    listed = cluster_pixels([striped], 2, embedder)
    assert isinstance(listed, list)
    np.testing.assert_array_equal(listed[0], one)


def test_bad_arguments(embedder, striped):
    with pytest.raises(ValueError, match=r"`k` must be an integer >= 1. Received: 0"):
        cluster_pixels(striped, 0, embedder)
    with pytest.raises(ValueError, match="at most the number of pixels, 6"):
        cluster_pixels(striped[:2, :3], 7, embedder)
    with pytest.raises(ValueError, match="`images` must not be empty"):
        cluster_pixels([], 2, embedder)
    with pytest.raises(ValueError, match=r"`row` must be an integer from 0 to 23. Received: 24"):
        similar_pixels(striped, 24, 0, embedder)
