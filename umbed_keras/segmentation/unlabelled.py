"""Segmentation without labels: clusters of similar pixels, and similarity to one pixel."""

import math
from collections.abc import Sequence

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.preprocessing import normalize

from umbed_keras.images.image import Image
from umbed_keras.images.scaling import Scaling
from umbed_keras.models import PixelEmbedder
from umbed_keras.ops.checks import check_integers
from umbed_keras.ops.similarity import check_pixel, cosines_to
from umbed_keras.segmentation.image_lists import as_images, join_planes
from umbed_keras.segmentation.pixel_features import DEFAULT_PRESET, PixelFeatures
from umbed_keras.typing import ArrayLike, PathLike

# k-means is fitted to at most this many pixels of all images together.
_MAX_FITTED = 200_000


def cluster_pixels(
    images: Image | PathLike | ArrayLike,
    k: int,
    embedder: PixelEmbedder | PathLike = DEFAULT_PRESET,
    spherical: bool = False,
    seed: int = 0,
    scaling: Scaling | None = None,
    channels: Sequence[int | str] | None = None,
    axes: str | None = None,
) -> np.ndarray | list[np.ndarray]:
    """Groups the pixels of images into clusters of similar vectors.

    The clusters are those of scikit-learn's mini-batch k-means (Sculley 2010). Several images are
    clustered together: a number means the same in all of them.

    Args:
        images: one image: an `umbed_keras.Image`, a path, or an array of numbers of any type,
            `(height, width)` or `(height, width, channels)`; or several, as a list of images of any
            sizes or as a batch.
        k: int, number of clusters.
        embedder: `PixelEmbedder`, or a preset, as `PixelEmbedder.from_preset` takes it.
        spherical: bool; True compares the directions of vectors (Dhillon & Modha 2001) and ignores
            their lengths, which grow with the contrast of the image.
        seed: int, random seed.
        scaling: `umbed_keras.Scaling` of the images' numbers; None is `Scaling()`, fitted to each
            image by itself.
        channels: indices or names of the channels to use, in order; None uses all.
        axes: axes of arrays and files that do not name theirs, such as `"zyx"`.

    Returns:
        Int32 array with the axes of the image but the channels and values in 0..k-1, in the order
        of decreasing size of the clusters; -1 where there are no data. A list of images gives a
        list of arrays, a batch one array.

    Raises:
        TypeError: if `images` are no numbers.
        ValueError: if `images` are empty, or an image has axes that have no one meaning, or a
            number of channels that the embedder does not take.
        ValueError: if `k` is no integer from 1 to the number of pixels.

    Examples:
        >>> image = np.zeros((12, 16, 3), "uint8")
        >>> image[:, 10:] = 200
        >>> clusters = uk.segmentation.cluster_pixels(image, k=2, embedder="celeba_vq_k16")
        >>> clusters[6, [1, 14]].tolist()
        [0, 1]
    """
    check_integers(k=(1, k))
    images, arrange = as_images(images, axes)
    vectors = _vectors(images, embedder, scaling, channels)
    flat = np.concatenate([part.reshape(-1, part.shape[-1]) for part in vectors])
    valid = ~np.isnan(flat[:, 0])
    flat = flat[valid]
    if k > len(flat):
        raise ValueError(f"`k` must be at most the number of pixels, {len(flat)}. Received: {k}")
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
    numbers = np.full(len(valid), -1, "int32")
    numbers[valid] = np.argsort(order)[clusters]
    parts = np.split(numbers, np.cumsum([math.prod(part.shape[:-1]) for part in vectors])[:-1])
    return arrange(
        [part.reshape(vector.shape[:-1]) for part, vector in zip(parts, vectors, strict=True)]
    )


def similar_pixels(
    images: Image | PathLike | ArrayLike,
    row: int,
    col: int,
    embedder: PixelEmbedder | PathLike = DEFAULT_PRESET,
    scaling: Scaling | None = None,
    channels: Sequence[int | str] | None = None,
    axes: str | None = None,
    plane: tuple[int, ...] = (),
) -> np.ndarray | list[np.ndarray]:
    """Computes how similar every pixel is to one pixel, as the cosine between their vectors.

    `umbed_keras.plots.similarity` draws these values.

    Args:
        images: one image: an `umbed_keras.Image`, a path, or an array of numbers of any type,
            `(height, width)` or `(height, width, channels)`; or several, as a list of images of any
            sizes or as a batch.
        row: int, row of a pixel of the first image.
        col: int, column of that pixel.
        embedder: `PixelEmbedder`, or a preset, as `PixelEmbedder.from_preset` takes it.
        scaling: `umbed_keras.Scaling` of the images' numbers; None is `Scaling()`, fitted to each
            image by itself.
        channels: indices or names of the channels to use, in order; None uses all.
        axes: axes of arrays and files that do not name theirs, such as `"zyx"`.
        plane: index of the pixel's plane along the first image's `plane_axes`, for a stack.

    Returns:
        Float32 array with the axes of the image but the channels and values in -1..1, 1 where the
        vectors have the same direction; NaN where there are no data. A list of images gives a list
        of arrays, a batch one array.

    Raises:
        TypeError: if `images` are no numbers.
        ValueError: if `images` are empty, or an image has axes that have no one meaning, or a
            number of channels that the embedder does not take.
        ValueError: if the pixel lies outside the first image, or holds no data.

    Examples:
        >>> image = np.random.default_rng(0).integers(256, size=(8, 6, 3), dtype="uint8")
        >>> cosines = uk.segmentation.similar_pixels(image, 2, 3, embedder="celeba_vq_k16")
        >>> cosines.shape, round(float(cosines[2, 3]), 3)
        ((8, 6), 1.0)
    """
    images, arrange = as_images(images, axes)
    first = images[0]
    check_pixel((first.height, first.width), row, col)
    if len(plane) != len(first.plane_axes):
        raise ValueError(
            f"`plane` must hold an index for each of the axes {first.plane_axes!r} of the first "
            f"image. Received: {plane}"
        )
    vectors = _vectors(images, embedder, scaling, channels)
    position = {**dict(zip(first.plane_axes, plane, strict=True)), "y": row, "x": col}
    chosen = vectors[0][tuple(position[axis] for axis in first.axes.replace("c", ""))]
    if np.isnan(chosen).any():
        raise ValueError(f"`row` and `col` name a pixel without data. Received: {row}, {col}")
    return arrange([cosines_to(part, chosen).astype("float32") for part in vectors])


def _vectors(
    images: list[Image],
    embedder: PixelEmbedder | PathLike,
    scaling: Scaling | None,
    channels: Sequence[int | str] | None,
) -> list[np.ndarray]:
    """The vectors of each image, with its axes but the channels."""
    scaling = scaling or Scaling()
    if scaling.scope == "collection":
        scaling = scaling.fit(images)
    features = PixelFeatures(embedder, scaling, channels)
    return [
        join_planes(image, [features.vectors(image, plane) for plane in image.planes()])
        for image in images
    ]
