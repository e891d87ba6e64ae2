"""Segmentation of images on disk, as large and as many as they may be."""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from umbed_keras.extras import import_extra
from umbed_keras.images.labels import smallest
from umbed_keras.images.readers.location import is_address
from umbed_keras.ops.checks import check_integers
from umbed_keras.stores.image_collection import ImageCollection
from umbed_keras.stores.image_stores import filled, open_collection, plan_of
from umbed_keras.stores.layout import LARGEST_TILE, Tile, read_plan
from umbed_keras.stores.remote_target import write_remote
from umbed_keras.typing import PathLike
from umbed_keras.zoo.saving import write_for_processes


def segment_store(
    classifier: Any,
    source: PathLike,
    target: PathLike,
    probabilities: bool = False,
    uncertainty: bool = False,
    workers: int = 1,
    client: Any = None,
    shard: tuple[int, int] | None = None,
    memory_budget: int = 1 << 31,
    verbose: int = 1,
    axes: str | None = None,
) -> Any:
    """Writes the classes of an image or a folder of images on disk to a Zarr store, tile by tile.

    It is to `PixelClassifier.predict` what `embed_store` is to `PixelEmbedder.embed`: it can be
    interrupted at any moment, and the same call continues. A store that another classifier began,
    or whose images were altered since, is refused.

    Args:
        classifier: fitted `umbed_keras.segmentation.PixelClassifier`, or the path of a file that
            its `save` wrote.
        source, target, workers, client, shard, verbose, axes: as in `embed_store`.
        probabilities: bool, True also writes the probability of every class.
        uncertainty: bool, True also writes the entropy of the probabilities, in 0..1.
        memory_budget: int, bytes that a worker may use beside the model; it determines the size of
            the tiles.

    Returns:
        The `zarr.Array` or `zarr.Group` at `target`, opened for reading. Classes of one image are
        an array with its axes but the channels, in the smallest type that holds them, 0 where
        there are no data. With `probabilities` or `uncertainty` it is a group of the arrays
        `classes`, `probabilities` (classes last, float32) and `uncertainty` (float32), NaN where
        there are no data. For a folder there is such a node for each image, by its path.

    Raises:
        sklearn.exceptions.NotFittedError: if `classifier` is not fitted.
        ValueError: as `embed_store`; if `target` was begun with another classifier; or if
            `memory_budget` is too small for any tile.
        OSError: as `embed_store`.
        RuntimeError: as `embed_store`.
        ImportError: if the extras `stores` and `segmentation` are not installed.

    Examples:
        >>> image = np.zeros((16, 20, 3), "uint8")
        >>> image[:, 10:] = 200
        >>> labels = np.zeros((16, 20), int)
        >>> labels[2:14, 2], labels[2:14, 17] = 1, 2
        >>> classifier = uk.segmentation.PixelClassifier("celeba_vq_k16").fit(image, labels)
        >>> np.save("image.npy", image)
        >>> classes = uk.stores.segment_store(classifier, "image.npy", "classes.zarr", verbose=0)
        >>> classes.dtype.name, classes[8, [2, 17]].tolist()
        ('uint8', [1, 2])
    """
    import_extra("zarr", "stores")
    if is_address(target):
        options = {"workers": workers, "memory_budget": memory_budget, "verbose": verbose}
        return write_remote(
            str(target),
            lambda path: segment_store(
                classifier, source, path, probabilities, uncertainty, axes=axes, **options
            ),
            client,
            shard,
        )
    from umbed_keras.segmentation import PixelClassifier

    if not isinstance(classifier, PixelClassifier):
        classifier = PixelClassifier.load(classifier)
    check_integers(memory_budget=(1, memory_budget))
    embedder = classifier.features.embedder
    features = classifier.features
    options = {"scaling": features.scaling, "channels": features.channels, "axes": axes}
    images = open_collection(source, target, embedder, options)
    window = classifier.window_classifier(images[0].image, memory_budget - images.reading_bytes)
    tile_size = min(window.tile_size, max(1, LARGEST_TILE // embedder.stride) * embedder.stride)
    dtype = smallest(np.append(classifier.classes_, 0)).dtype.name
    arrays: dict[str, Any] = {"": ((), dtype)}
    if probabilities or uncertainty:
        arrays = {"classes": ((), dtype)}
    if probabilities:
        arrays["probabilities"] = ((len(classifier.classes_),), "float32")
    if uncertainty:
        arrays["uncertainty"] = ((), "float32")
    identity = {
        "content": sorted(arrays) if len(arrays) > 1 else "classes",
        "classes": classifier.classes_.tolist(),
        "classifier": {"sha256": _digest(classifier)},
        **({"axes": axes} if axes else {}),
    }
    plan = plan_of(images, target, identity, arrays, tile_size)
    # Workers may run in another folder.
    path = str(Path(target).resolve())
    function = _TileSegmenter(
        classifier, str(images.path), path, list(arrays), options, memory_budget
    )
    return filled(target, plan, function, images, workers, client, shard, verbose)


class _TileSegmenter:
    """The function that `fill_store` takes: from a tile to its classes and probabilities."""

    def __init__(
        self,
        classifier: Any,
        source: str,
        target: str,
        arrays: list[str],
        options: dict[str, Any],
        memory_budget: int,
    ) -> None:
        self._classifier, self._source, self._target = classifier, source, target
        self._arrays, self._options, self._memory_budget = arrays, options, memory_budget
        self._images, self._window = None, (None, None)

    def __call__(self, tile: Tile) -> dict[str, np.ndarray]:
        window = self._window_of(tile.image)
        sides = {"y": tile.rows, "x": tile.cols}
        letters = window.plane_axes
        sides |= {axis: slice(at, at + 1) for axis, at in zip(letters, tile.plane, strict=True)}
        # The axes of planes come first and have one entry each.
        order = {axis: sides[axis] for axis in (*letters, "y", "x")}
        probabilities = window(order)[(0,) * len(letters)]
        from umbed_keras.segmentation.probability_map import relative_entropy

        results = {
            "classes": lambda: self._classifier.most_likely(probabilities),
            "": lambda: self._classifier.most_likely(probabilities),
            "probabilities": lambda: probabilities,
            "uncertainty": lambda: relative_entropy(probabilities),
        }
        return {name: results[name]() for name in self._arrays}

    def _window_of(self, index: int) -> Any:
        if self._images is None:
            embedder = self._classifier.features.embedder
            plan = read_plan(self._target)
            self._images = ImageCollection(self._source, embedder, **self._options, plan=plan)
        if self._window[0] != index:
            vectors = self._images[index]
            self._window = index, self._classifier.window_classifier(vectors, self._memory_budget)
        return self._window[1]

    def share(self, folder: Path) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Saves the classifier, from which other processes make their own function."""
        file = folder / "classifier.npz"
        folder.mkdir(exist_ok=True)
        preset = write_for_processes(self._classifier.features.embedder, folder / "preset")
        if not file.exists():
            self._classifier.save(file)
        own = self._classifier.classifier
        rest = self._source, self._target, self._arrays, self._options, self._memory_budget
        return _load, (file, preset, own, *rest)


def _load(file: Path, preset: Path, own: Any, *arguments: Any) -> _TileSegmenter:
    from umbed_keras.segmentation import PixelClassifier

    return _TileSegmenter(PixelClassifier.load(file, preset, own), *arguments)


def _digest(classifier: Any) -> str:
    """The SHA-256 of a classifier's file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "classifier.npz")
        classifier.save(path)
        return hashlib.sha256(path.read_bytes()).hexdigest()
