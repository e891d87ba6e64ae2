"""Segmentation without labels: clusters of similar pixels, and similarity to one pixel."""

import math

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.preprocessing import normalize

from umbed_keras.models import PixelEmbedder
from umbed_keras.ops.checks import check_integers
from umbed_keras.ops.similarity import check_pixel, cosines_to
from umbed_keras.segmentation.image_lists import as_list
from umbed_keras.segmentation.pixel_features import DEFAULT_PRESET, PixelFeatures
from umbed_keras.typing import ArrayLike, PathLike

# k-means is fitted to at most this many pixels of all images together.
_MAX_FITTED = 200_000


def cluster_pixels(
    images: ArrayLike,
    k: int,
    embedder: PixelEmbedder | PathLike = DEFAULT_PRESET,
    spherical: bool = False,
    seed: int = 0,
) -> np.ndarray | list[np.ndarray]:
    """Groups the pixels of images into clusters of similar vectors.

    The clusters are those of scikit-learn's mini-batch k-means (Sculley 2010). Several images are
    clustered together: a number means the same in all of them.

    Args:
        images: one image, a uint8 array or floats in 0..1, `(height, width)` or
            `(height, width, channels)`; or several, as a list of images of any sizes or as a batch.
        k: int, number of clusters.
        embedder: `PixelEmbedder`, or a preset, as `PixelEmbedder.from_preset` takes it.
        spherical: bool; True compares the directions of vectors (Dhillon & Modha 2001) and ignores
            their lengths, which grow with the contrast of the image.
        seed: int, random seed.

    Returns:
        Int32 array `(height, width)` with values in 0..k-1, in the order of decreasing size of the
        clusters. For a list of images a list of such arrays, for a batch a batch.

    Raises:
        TypeError: if `images` are neither uint8 nor floating.
        ValueError: if `images` are empty, or an image has values outside 0..1 or a number of
            channels that the embedder does not take.
        ValueError: if `k` is no integer from 1 to the number of pixels.

    Examples:
        >>> image = np.zeros((12, 16, 3), "uint8")
        >>> image[:, 10:] = 200
        >>> clusters = uk.segmentation.cluster_pixels(image, k=2, embedder="celeba_vq_k16")
        >>> clusters[6, [1, 14]].tolist()
        [0, 1]
    """
    check_integers(k=(1, k))
    images, arrange = as_list(images, "images")
    num_pixels = sum(math.prod(image.shape[:2]) for image in images)
    if k > num_pixels:
        raise ValueError(f"`k` must be at most the number of pixels, {num_pixels}. Received: {k}")
    features = PixelFeatures(embedder)
    vectors = [features.vectors(image) for image in images]
    flat = np.concatenate([vector.reshape(-1, vector.shape[-1]) for vector in vectors])
    if spherical:
        flat = normalize(flat)
    random = np.random.default_rng(seed)
    sample = flat[random.choice(len(flat), min(len(flat), _MAX_FITTED), replace=False)]
    kmeans = MiniBatchKMeans(k, random_state=seed, batch_size=4096, n_init=3).fit(sample)
    if spherical:
        clusters = (flat @ normalize(kmeans.cluster_centers_).T).argmax(axis=1)
    else:
        clusters = kmeans.predict(flat)
    order = np.argsort(-np.bincount(clusters, minlength=k), kind="stable")
    clusters = np.argsort(order)[clusters].astype("int32")
    ends = np.cumsum([vector.shape[0] * vector.shape[1] for vector in vectors])[:-1]
    parts = np.split(clusters, ends)
    return arrange(
        [part.reshape(vector.shape[:2]) for part, vector in zip(parts, vectors, strict=True)]
    )


def similar_pixels(
    images: ArrayLike, row: int, col: int, embedder: PixelEmbedder | PathLike = DEFAULT_PRESET
) -> np.ndarray | list[np.ndarray]:
    """Computes how similar every pixel is to one pixel, as the cosine between their vectors.

    `umbed_keras.plots.similarity` draws these values.

    Args:
        images: one image, a uint8 array or floats in 0..1, `(height, width)` or
            `(height, width, channels)`; or several, as a list of images of any sizes or as a batch.
        row: int, row of a pixel of the first image.
        col: int, column of that pixel.
        embedder: `PixelEmbedder`, or a preset, as `PixelEmbedder.from_preset` takes it.

    Returns:
        Float32 array `(height, width)` with values in -1..1, 1 where the vectors have the same
        direction. For a list of images a list of such arrays, for a batch a batch.

    Raises:
        TypeError: if `images` are neither uint8 nor floating.
        ValueError: if `images` are empty, or an image has values outside 0..1 or a number of
            channels that the embedder does not take.
        ValueError: if the pixel lies outside the first image.

    Examples:
        >>> image = np.random.default_rng(0).integers(256, size=(8, 6, 3), dtype="uint8")
        >>> cosines = uk.segmentation.similar_pixels(image, 2, 3, embedder="celeba_vq_k16")
        >>> cosines.shape, round(float(cosines[2, 3]), 3)
        ((8, 6), 1.0)
    """
    images, arrange = as_list(images, "images")
    check_pixel(images[0].shape, row, col)
    features = PixelFeatures(embedder)
    vectors = [features.vectors(image) for image in images]
    chosen = vectors[0][row, col]
    return arrange([cosines_to(vector, chosen).astype("float32") for vector in vectors])
