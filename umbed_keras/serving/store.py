"""Embeds whatever lies on disk into Zarr."""

import hashlib
import json
import warnings
from pathlib import Path

import keras
import numpy as np

from umbed_keras.data.images import check_images
from umbed_keras.data.stores import StoredImage
from umbed_keras.models import PixelEmbedder
from umbed_keras.ops._checks import check_integers
from umbed_keras.serving._extra import extra
from umbed_keras.serving.ome import level_count
from umbed_keras.serving.sources import fingerprint, images_in, is_folder_of_images, open_source
from umbed_keras.serving.tiled_store import (
    CHUNK,
    LARGEST_TILE,
    PROGRESS,
    Plan,
    TiledStore,
    locked,
    read_plan,
)
from umbed_keras.serving.workers import TRIES, Recipe, write_tiles

DTYPES = ("float32", "float16")


def embed_store(
    model,
    source,
    target,
    codes=False,
    dtype="float32",
    workers=1,
    client=None,
    shard=None,
    memory_budget=1 << 30,
    verbose=1,
):
    """Embeds an image, or a folder of them, from disk to Zarr (format 3), tile by tile.

    Ended at any moment, even by `kill -9`, the same call goes on: each tile is one shard of the
    store, written whole and then marked as done, and what comes out is bit for bit what a run
    without a break gives.

    Args:
        model: a `PixelEmbedder`, or what its `from_preset` takes.
        source: path of a .npy file, a Zarr array, an OME-Zarr image (its finest level), a TIFF, an
            image that Pillow reads, or a folder of those. Arrays are `(height, width)` or
            `(height, width, channels)` unless the format says otherwise; uint8 or floats in 0..1.
        target: path of the store: new, or begun by this call.
        codes: bool; True writes the codes instead of the vectors, as `bottleneck.pack` gives them.
        dtype: `"float32"` or `"float16"`, of the vectors.
        workers: int, processes on this machine, each with its share of cores and GPUs.
        client: `dask.distributed.Client`; its workers, which must see the same files, do the work
            instead.
        shard: pair `(i, n)` of ints, 0 <= i < n: does the i-th of n parts alone, for n calls on
            one target, at once or not.
        memory_budget: int, bytes that a worker may use beyond the model. It decides how large
            tiles are; a call that goes on may not have less.
        verbose: 1 shows a progress bar, 0 nothing.

    Returns:
        The `zarr.Array` or `zarr.Group` at `target`, read-only. Vectors of one image are an array
        `(height, width, latent_dim)`; codes a group of arrays by their names; of a folder there is
        such a node for each image, by its path. From OME-Zarr comes OME-Zarr 0.5, with channels
        first, and the vectors' means of 2 x 2 pixels, of 4 x 4 and so on as further levels. The
        attribute `umbed_keras` names preset and source with their SHA-256, the size of a pixel,
        and whether the store is `complete`.

    Raises:
        TypeError, ValueError: arguments not as described; a target that holds something else, or
            was begun with another model, source or content, which stays as it is.
        OSError: the target can't be written to.
        RuntimeError: another process works on the target; or, with the rest complete, tiles that
            failed three times, which the same call tries again.
        ImportError: the extra `stores` isn't installed.
    """
    zarr = extra("zarr")
    check_integers(workers=(1, workers))
    if dtype not in DTYPES:
        raise ValueError(f"`dtype` must be one of {DTYPES}. Received: {dtype!r}")
    shard = _checked_shard(shard, workers, client)
    preset = None if isinstance(model, PixelEmbedder) else str(model)
    model = model if preset is None else PixelEmbedder.from_preset(model)
    source, target = Path(source).resolve(), Path(target).resolve()
    tile_size = min(model._largest_tile(memory_budget), LARGEST_TILE)
    plan, unreadable = _plan(model, preset, source, target, codes, dtype, tile_size)
    _warn_if_whole(model, plan.images, tile_size)
    store = TiledStore.begin(target, plan)
    failed = {}
    if store is not None:
        if store.plan.tile_size > tile_size:
            raise ValueError(
                f"`target` was begun in tiles of {store.plan.tile_size} pixels; `memory_budget`, "
                f"{memory_budget:,}, is enough for {tile_size}."
            )
        function = TileEmbedder(model, source, store.plan.images, codes)
        options = {"workers": workers, "client": client, "verbose": verbose}
        with store.running(shard):
            recipe = _recipe(model, source, store, codes, alone=workers == 1 and client is None)
            failed |= write_tiles(recipe, store.pending(0, shard), function, **options)
        with store.finishing() as everything:
            # Levels are made of the whole one below, by the shard that comes last.
            for level in range(1, store.plan.levels if everything else 1):
                if not store.pending(level - 1):
                    failed |= write_tiles(recipe, store.pending(level), function, **options)
    failures = {**{store.where(tile): error for tile, error in failed.items()}, **unreadable}
    if failures:
        raise RuntimeError(
            f"{len(failures)} of the tiles failed {TRIES} times. What else was to do is done; the "
            f"same call tries these again: {_listed(failures)}"
        )
    return zarr.open(target, mode="r")


class TileEmbedder:
    """The vectors or codes of a store's tiles, as `write_tiles` asks for them.

    Args:
        model: `PixelEmbedder`.
        source: path of an image, or of the folder of `images`.
        images: as a `Plan` has them.
        codes: bool, whether codes are asked for.
    """

    def __init__(self, model, source, images, codes):
        self._model, self._source, self._images, self._codes = model, source, images, codes
        self._open = (None, None)

    def __call__(self, tile):
        name = self._images[tile.image][0]
        if self._open[0] != name:
            self._open = (name, open_source(self._source / name, self._model.channels))
        outputs = self._model.embed_window(self._open[1], tile.rows, tile.cols, self._codes)
        return self._model.bottleneck.pack(outputs) if self._codes else outputs


def _recipe(model, source, store, codes, alone):
    """How other processes come by the model: from a preset that lies in the store."""
    folder = store.path / PROGRESS / "preset"
    with locked(store.path):
        if not alone and not folder.exists():
            model.save_to_preset(folder)
    return Recipe(str(store.path), load_embedder, (folder, source, codes))


def load_embedder(folder, source, codes):
    """The `TileEmbedder` of a store, from the preset that lies in it."""
    images = read_plan(folder.parents[1]).images
    return TileEmbedder(PixelEmbedder.from_preset(folder), source, images, codes)


def _plan(model, preset, source, target, codes, dtype, tile_size):
    """The plan of a store, and name to error of images that can't be read."""
    identity = {
        "content": "codes" if codes else "vectors",
        "dtype": None if codes else dtype,
        "model": {"preset": preset, "sha256": model_hash(model)},
    }
    if codes:
        spec = model.bottleneck.code_spec().items()
        packed = model.bottleneck.pack({name: np.zeros((1, *part)) for name, (part, _) in spec})
        arrays = {name: (part.shape[1:], part.dtype.name) for name, part in packed.items()}
    else:
        arrays = {"": ((model.latent_dim,), dtype)}
    options, unreadable, files = {}, {}, source
    if is_folder_of_images(source):
        images = []
        for path in images_in(source):
            name = path.as_posix()
            try:
                images.append((name, *_opened(source / path, model.channels).shape[:2]))
            except (OSError, TypeError, ValueError) as error:
                unreadable[name] = f"{type(error).__name__}: {error}"
        if not images:
            raise ValueError(f"No image of `source` can be read: {_listed(unreadable)}")
    else:
        image = _opened(source, model.channels)
        images, files = [("", *image.shape[:2])], image.files
        # Means of codes are no codes.
        levels = level_count(*image.shape[:2], CHUNK) if image.ome and not codes else 1
        options = {"scale": image.scale, "unit": image.unit, "ome": image.ome, "levels": levels}
    identity["source"] = {"path": str(source), "sha256": fingerprint(files)}
    return Plan(identity, images, arrays, tile_size, **options), unreadable


def _opened(path, channels):
    """The image at a path, of which a model of `channels` takes any window."""
    image = open_source(path, channels)
    StoredImage(image, channels)
    check_images(np.zeros((1, 1, 1, channels), image.dtype), channels)
    return image


def _listed(failures, most=20):
    parts = [f"{place} ({error})" for place, error in list(failures.items())[:most]]
    return "; ".join(parts + ["..."] * (len(failures) > most))


def _checked_shard(shard, workers, client):
    if shard is None:
        return 0, 1
    if len(shard) != 2 or not 0 <= shard[0] < shard[1]:
        raise ValueError(f"`shard` must be (i, n) with 0 <= i < n. Received: {shard}")
    return tuple(map(int, shard))


def _warn_if_whole(model, images, tile_size):
    if model.radius is None and max(max(size) for _, *size in images) > tile_size:
        warnings.warn(
            f"The backbone {model.backbone.name!r} may look at the whole image (its `reach` is "
            "None): tiles are not what the whole would give.",
            stacklevel=3,
        )


def model_hash(model):
    """SHA-256 over a model's configuration and weights, whatever its layers are called."""
    config = json.dumps(_nameless(keras.saving.serialize_keras_object(model)), sort_keys=True)
    digest = hashlib.sha256(config.encode())
    for weight in model.weights:
        digest.update(np.ascontiguousarray(keras.ops.convert_to_numpy(weight)).tobytes())
    return digest.hexdigest()


def _nameless(config):
    if not isinstance(config, dict):
        return config
    kept = {key: value for key, value in config.items() if key not in ("name", "compile_config")}
    return {key: _nameless(value) for key, value in kept.items()}
