"""Embedding of images on disk into a Zarr store."""

import functools
import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from umbed_keras.images.readers.location import is_address
from umbed_keras.images.scaling import Scaling
from umbed_keras.models import PixelEmbedder
from umbed_keras.ops.checks import check_integers
from umbed_keras.stores.image_collection import ImageCollection
from umbed_keras.stores.image_stores import filled, open_collection, options_identity, plan_of
from umbed_keras.stores.layout import LARGEST_TILE, Tile, read_plan
from umbed_keras.stores.remote_target import write_remote
from umbed_keras.typing import PathLike
from umbed_keras.zoo.saving import write_for_processes
from umbed_keras.zoo.weights import check_finite, update_by_weights

# Dtypes of stored vectors.
DTYPES = ("float32", "float16")


def embed_store(
    model: PixelEmbedder | PathLike,
    source: PathLike,
    target: PathLike,
    codes: bool = False,
    dtype: str = "float32",
    workers: int = 1,
    client: Any = None,
    shard: tuple[int, int] | None = None,
    memory_budget: int = 1 << 30,
    verbose: int = 1,
    scaling: Scaling | None = None,
    channels: Sequence[int | str] | None = None,
    axes: str | None = None,
) -> Any:
    """Embeds an image or a folder of images on disk into a Zarr store, tile by tile.

    The call can be interrupted at any moment, even by `kill -9`: the same call continues, and the
    result is bit for bit that of an uninterrupted run. Each tile is one shard of the store, which
    is written whole and then marked as done.

    Args:
        model: `PixelEmbedder`, or a preset, as `PixelEmbedder.from_preset` takes it.
        source: path or address of an image, as `umbed_keras.read_image` takes it (of OME-Zarr and
            pyramids the finest level), or path of a folder of such images, which is searched with
            its subfolders. A warning lists files that look like images and are left out.
        target: path of the store: new, or begun by the same call. It does not lie in `source`. Or
            an address that fsspec knows, such as `s3://...`, to which the store is copied when it
            is complete; then `client` and `shard` are None.
        codes: bool; True writes codes instead of vectors, as `bottleneck.pack` returns them.
        dtype: `"float32"` or `"float16"`, dtype of the vectors.
        workers: int, number of processes on this machine, each with a share of the cores and GPUs.
        client: `dask.distributed.Client`, whose workers do the work instead. They must have access
            to the same files.
        shard: ints `(i, n)`, 0 <= i < n; computes the i-th of n parts only. The n calls on one
            target may run one after the other or at the same time.
        memory_budget: int, bytes that a worker may use beside the model. It determines the size of
            the tiles; a call that continues must not have less.
        verbose: int, 1 shows a progress bar, 0 shows nothing.
        scaling: `umbed_keras.Scaling` of the images' numbers; None is `Scaling()`. Without limits
            it is fitted to each image, or, if its scope is `"collection"`, to all.
        channels: indices or names of the channels to use, in order; None uses all. Channels that
            are no colours are embedded one by one, and their vectors stand one after the other.
        axes: axes of files that do not name theirs, such as `"zyx"`.

    Returns:
        The `zarr.Array` or `zarr.Group` at `target`, opened for reading. Vectors of one image are
        an array `(height, width, latent_dim)`, after the axes of planes in a stack, NaN where there
        are no data; codes are a group of arrays by name. For a folder there
        is such a node for each image, by its path. An OME-Zarr image gives OME-Zarr 0.5, with
        channels first, and the means of 2 x 2 pixels of the vectors, of 4 x 4 and so on as further
        levels. The attribute `umbed_keras` names preset and source with their SHA-256, the size of
        a pixel, and whether the store is `complete`.

    Raises:
        ValueError: if `dtype`, `workers`, `shard` or `memory_budget` is not allowed, there is no
            such preset, or `target` lies in `source`.
        TypeError: if `scaling` is no `Scaling`.
        ValueError: if a weight of the model is NaN or infinite.
        ValueError: if `source` is no readable image, or a folder without one.
        ValueError: if `target` holds something else, or was begun with another model, source or
            content. It is left as it is.
        OSError: if `source` does not exist, or `target` can't be written to.
        RuntimeError: if another process works on `target`.
        RuntimeError: if images of a folder can't be read, or tiles failed three times. Everything
            else is written by then. The same call tries them again; the store is not complete
            until they are in it or removed from the folder.
        ImportError: if the extra `stores` is not installed.

    Examples:
        >>> np.save("image.npy", np.zeros((20, 30, 3), "uint8"))
        >>> model = uk.PixelEmbedder(latent_dim=4, widths=(4, 4))
        >>> vectors = uk.stores.embed_store(model, "image.npy", "vectors.zarr", verbose=0)
        >>> vectors.shape, vectors.attrs["umbed_keras"]["complete"]
        ((20, 30, 4), True)
    """
    if is_address(target):
        options = {"scaling": scaling, "channels": channels, "axes": axes, "workers": workers}
        options |= {"memory_budget": memory_budget, "verbose": verbose}
        return write_remote(
            str(target),
            lambda path: embed_store(model, source, path, codes, dtype, **options),
            client,
            shard,
        )
    if dtype not in DTYPES:
        raise ValueError(f"`dtype` must be one of {DTYPES}. Received: {dtype!r}")
    preset = None if isinstance(model, PixelEmbedder) else str(model)
    embedder = model if preset is None else PixelEmbedder.from_preset(model)
    check_finite(embedder, embedder)  # stored vectors of NaN mean that there are no data
    options = {"scaling": scaling, "channels": channels, "axes": axes}
    images = open_collection(source, target, embedder, options)
    tile_size = _tile_size(embedder, memory_budget, images.reading_bytes)
    if embedder.radius is None and max(max(size[-2:]) for size in images.sizes) > tile_size:
        warnings.warn(
            f"The backbone {embedder.backbone.name!r} may look at the whole image (its `reach` is "
            "None): tiles differ from the whole image.",
            stacklevel=2,
        )
    arrays = {"": ((images.num_groups * embedder.latent_dim,), dtype)}
    identity = {
        "content": "codes" if codes else "vectors",
        "dtype": None if codes else dtype,
        "model": {"preset": preset, "sha256": _model_hash(embedder)},
    }
    plan = plan_of(
        images,
        target,
        identity | options_identity(options),
        _packed_arrays(embedder, images.num_groups) if codes else arrays,
        tile_size,
        pooled=not codes,  # codes have no means
    )
    # Workers may run in another folder.
    path = str(Path(target).resolve())
    function = _TileEmbedder(embedder, str(images.path), path, codes, options)
    return filled(target, plan, function, images, workers, client, shard, verbose)


class _TileEmbedder:
    """The function that `fill_store` takes: from a tile to its vectors or codes.

    Args:
        model: `PixelEmbedder`.
        source: path or address of the images.
        target: path of the store, whose plan lists the images.
        codes: bool, whether codes are computed.
        options: arguments of `ImageCollection`.
    """

    def __init__(
        self, model: PixelEmbedder, source: str, target: str, codes: bool, options: dict[str, Any]
    ) -> None:
        self._model, self._source, self._target = model, source, target
        self._codes, self._options = codes, options

    @functools.cached_property
    def _images(self) -> ImageCollection:
        plan = read_plan(self._target)
        return ImageCollection(self._source, self._model, **self._options, plan=plan)

    def __call__(self, tile: Tile) -> np.ndarray | dict[str, np.ndarray]:
        vectors = self._images[tile.image]
        if not self._codes:
            return vectors.embed(tile.plane, tile.rows, tile.cols)
        if not vectors.valid(tile.plane, tile.rows, tile.cols).all():
            raise ValueError("there are pixels without data, which have no codes: store vectors")
        pack = self._model.bottleneck.pack
        groups = list(map(pack, vectors.encode(tile.plane, tile.rows, tile.cols)))
        if len(groups) == 1:
            return groups[0]
        return {name: np.stack([group[name] for group in groups], axis=2) for name in groups[0]}

    def share(self, folder: Path) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Saves the model, from which other processes make their own function."""
        preset = write_for_processes(self._model, folder)
        return _load, (preset, self._source, self._target, self._codes, self._options)


def _load(preset: Path, *arguments: Any) -> _TileEmbedder:
    return _TileEmbedder(PixelEmbedder.from_preset(preset), *arguments)


def _tile_size(model: PixelEmbedder, memory_budget: int, reading_bytes: int) -> int:
    """Returns the largest tile that fits a budget, at most `LARGEST_TILE`, in pixels."""
    check_integers(memory_budget=(1, memory_budget))
    most = max(1, LARGEST_TILE // model.stride) * model.stride
    try:
        return min(most, model.largest_tile(memory_budget - reading_bytes))
    except ValueError as error:
        raise ValueError(
            f"`memory_budget`, {memory_budget:,} bytes, less {reading_bytes:,} to read the source, "
            f"is too small: {error}"
        ) from error


def _packed_arrays(model: PixelEmbedder, num_groups: int) -> dict[str, tuple[tuple[int, ...], str]]:
    """Returns names, trailing shapes and dtypes of codes as they are stored."""
    lead = (num_groups,) if num_groups > 1 else ()
    spec = model.bottleneck.code_spec().items()
    packed = model.bottleneck.pack(
        {name: np.zeros((1, *part), kind) for name, (part, kind) in spec}
    )
    return {name: ((*lead, *part.shape[1:]), part.dtype.name) for name, part in packed.items()}


def _model_hash(model: PixelEmbedder) -> str:
    """Returns the SHA-256 of a model's configuration and weights, without the layers' names.

    Initializers do not count either: the weights do, and presets replace some.
    """
    config = keras.saving.serialize_keras_object(model)
    digest = hashlib.sha256(json.dumps(_nameless(config), sort_keys=True).encode())
    update_by_weights(digest, model)
    return digest.hexdigest()


def _nameless(config: Any, names: dict[str, str] | None = None) -> Any:
    """Returns a configuration without names, which become positions of layers, or initializers."""
    if isinstance(config, list | tuple):
        return [_nameless(part, names) for part in config]
    if not isinstance(config, dict):
        known = names is not None and isinstance(config, str)
        return names.get(config, config) if known else config
    # The configuration of a backbone names layers of the network beside it.
    network = config.get("model")
    inner = network.get("config") if isinstance(network, dict) else None
    for part in (inner, config):
        layers = part.get("layers") if isinstance(part, dict) else None
        if isinstance(layers, list) and all(isinstance(layer, dict) for layer in layers):
            positions = {layer.get("name"): f"layer {at}" for at, layer in enumerate(layers)}
            inputs = {f"{name}.input": f"{position}.input" for name, position in positions.items()}
            names = {**(names or {}), **positions, **inputs}
    return {
        key: _nameless(value, names)
        for key, value in config.items()
        if key not in ("name", "compile_config") and not str(key).endswith("_initializer")
    }
