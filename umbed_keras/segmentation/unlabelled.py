"""What vectors tell without labels: which pixels belong together, and where it looks alike."""

import math

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.preprocessing import normalize

from umbed_keras.ops.checks import check_integers
from umbed_keras.ops.similarity import check_pixel, cosines_to
from umbed_keras.segmentation.image_lists import as_list
from umbed_keras.segmentation.pixel_features import DEFAULT_PRESET, PixelFeatures

# Pixels that centres are learned from at most, from all images together.
LEARNED = 200_000


def cluster_pixels(images, k, embedder=DEFAULT_PRESET, spherical=False, seed=0):
    """Groups pixels by their vectors: mini-batch k-means (Sculley 2010), by scikit-learn.

    Args:
        images: one image, uint8 or floats in 0..1, `(height, width)` or
            `(height, width, channels)`; several as a list, of any sizes, or a batch.
        k: int, clusters.
        embedder: `PixelEmbedder`, or what `PixelEmbedder.from_preset` takes.
        spherical: bool; True compares the directions of vectors (Dhillon & Modha 2001), whatever
            their lengths, which tell how strong contrasts are.
        seed: int.

    Returns:
        int32 array `(height, width)` of numbers in 0..k-1, the largest cluster first; of a list a
        list, of a batch a batch.

    Raises:
        TypeError, ValueError: arguments not as described, or fewer pixels than clusters.
    """
    check_integers(k=(1, k))
    images, arrange = as_list(images, "images")
    pixels = sum(math.prod(image.shape[:2]) for image in images)
    if k > pixels:
        raise ValueError(f"`k` must be at most the number of pixels, {pixels}. Received: {k}")
    features = PixelFeatures(embedder)
    vectors = [features.vectors(image) for image in images]
    flat = np.concatenate([vector.reshape(-1, vector.shape[-1]) for vector in vectors])
    if spherical:
        flat = normalize(flat)
    random = np.random.default_rng(seed)
    learned = flat[random.choice(len(flat), min(len(flat), LEARNED), replace=False)]
    found = MiniBatchKMeans(k, random_state=seed, batch_size=4096, n_init=3).fit(learned)
    if spherical:
        clusters = (flat @ normalize(found.cluster_centers_).T).argmax(axis=1)
    else:
        clusters = found.predict(flat)
    order = np.argsort(-np.bincount(clusters, minlength=k), kind="stable")
    clusters = np.argsort(order)[clusters].astype("int32")
    ends = np.cumsum([vector.shape[0] * vector.shape[1] for vector in vectors])[:-1]
    parts = np.split(clusters, ends)
    return arrange(
        [part.reshape(vector.shape[:2]) for part, vector in zip(parts, vectors, strict=True)]
    )


def similar_pixels(images, row, col, embedder=DEFAULT_PRESET):
    """Where else it looks as at one pixel: cosines of vectors' angles to that pixel's.

    Args:
        images: as in `cluster_pixels`.
        row, col: ints, a pixel of the first image.
        embedder: `PixelEmbedder`, or what `PixelEmbedder.from_preset` takes.

    Returns:
        float32 array `(height, width)` in -1..1, 1 where vectors have one direction; of a list a
        list, of a batch a batch. `umbed_keras.ops.similarity` draws the like.

    Raises:
        TypeError, ValueError: arguments not as described, or a pixel outside the first image.
    """
    images, arrange = as_list(images, "images")
    check_pixel(images[0].shape, row, col)
    features = PixelFeatures(embedder)
    vectors = [features.vectors(image) for image in images]
    chosen = vectors[0][row, col]
    return arrange([cosines_to(vector, chosen).astype("float32") for vector in vectors])
