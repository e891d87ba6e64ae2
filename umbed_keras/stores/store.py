"""Embeds whatever lies on disk into Zarr."""

import functools
import hashlib
import json
import warnings
from pathlib import Path

import keras
import numpy as np

from umbed_keras.extras import import_extra
from umbed_keras.models import PixelEmbedder
from umbed_keras.models.base.weights_digest import update_by_weights
from umbed_keras.ops.checks import check_integers
from umbed_keras.stores.fill import fill_store
from umbed_keras.stores.image_set import SUFFIXES, Images
from umbed_keras.stores.ome import level_count
from umbed_keras.stores.plan import CHUNK, LARGEST_TILE, Plan, read_plan
from umbed_keras.stores.processes import TRIES
from umbed_keras.stores.tiled_store import identity_of

DTYPES = ("float32", "float16")
# Failures that an error names, or files that a warning does.
SHOWN = 20


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
        source: path of a .npy file, a Zarr array, an OME-Zarr image (its finest level), a TIFF, or
            an image that Pillow reads (upright, on white, 16 bits of grey as 8). Arrays are
            `(height, width)` or `(height, width, channels)` unless the format says otherwise;
            uint8 or floats in 0..1. Or a folder, searched in depth for files named .npy, .tif,
            .tiff, .svs, .ndpi, .jpg, .jpeg, .png, .webp, .bmp, .ppm and .pgm; a warning names
            Zarr and other images in it, which are left out.
        target: path of the store: new, or begun by this call; not in `source`.
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
        RuntimeError: another process works on the target; or, with the rest done, images of a
            folder that can't be read, or tiles that failed three times: the same call tries them
            again, and the store isn't complete until they are in it or removed from the folder.
        ImportError: the extra `stores` isn't installed.
    """
    zarr = import_extra("zarr", "stores")
    if dtype not in DTYPES:
        raise ValueError(f"`dtype` must be one of {DTYPES}. Received: {dtype!r}")
    preset = None if isinstance(model, PixelEmbedder) else str(model)
    model = model if preset is None else PixelEmbedder.from_preset(model)
    source, target = Path(source).resolve(), Path(target).resolve()
    if source in target.parents:
        raise ValueError(f"`target`, {target}, must not lie in `source`, {source}.")
    images = Images(source, model.channels)
    if images.left_out:
        warnings.warn(
            f"{source} is embedded without what is none of {', '.join(SUFFIXES)}: "
            f"{_listed(images.left_out)}.",
            stacklevel=2,
        )
    tile_size = _tile_size(model, memory_budget, images.reading_bytes)
    if model.radius is None and max(max(size) for _, *size in images.sizes) > tile_size:
        warnings.warn(
            f"The backbone {model.backbone.name!r} may look at the whole image (its `reach` is "
            "None): tiles are not what the whole would give.",
            stacklevel=2,
        )
    first = images.first
    plan = Plan(
        identity={
            "content": "codes" if codes else "vectors",
            "dtype": None if codes else dtype,
            "model": {"preset": preset, "sha256": model_hash(model)},
            "source": images.identity(late=identity_of(target).get("source", {}).get("late", ())),
        },
        images=images.sizes,
        arrays=_packed_arrays(model) if codes else {"": ((model.latent_dim,), dtype)},
        tile_size=tile_size,
        scale=first.scale,
        unit=first.unit,
        ome=first.ome,
        # Means of codes are no codes.
        levels=level_count(*first.shape[:2], CHUNK) if first.ome and not codes else 1,
    )
    function = TileEmbedder(model, source, target, codes)
    failed = fill_store(target, plan, function, workers, client, shard, verbose)
    troubles = {"can't be read": images.unreadable, f"failed {TRIES} times": failed}
    said = [
        f"{len(found)} {noun}{'s' * (len(found) > 1)} {what}: "
        f"{_listed([f'{place} ({error})' for place, error in found.items()])}. "
        for noun, (what, found) in zip(("image", "tile"), troubles.items(), strict=True)
        if found
    ]
    if said:
        raise RuntimeError(
            f"{''.join(said)}What else was to do is done; the same call tries these again."
        )
    return zarr.open(target, mode="r")


class TileEmbedder:
    """The vectors or codes of tiles, as `fill_store` asks for them.

    Args:
        model: `PixelEmbedder`.
        source: path of the images.
        target: path of the store, whose plan tells them apart.
        codes: bool, whether codes are asked for.
    """

    def __init__(self, model, source, target, codes):
        self._model, self._source, self._target, self._codes = model, source, target, codes

    @functools.cached_property
    def _images(self):
        return Images(self._source, self._model.channels, read_plan(self._target).images)

    def __call__(self, tile):
        image = self._images[tile.image]
        outputs = self._model.embed_window(image, tile.rows, tile.cols, self._codes)
        return self._model.bottleneck.pack(outputs) if self._codes else outputs

    def share(self, folder):
        """Saves the model as a preset, from which other processes make their own of this."""
        if not folder.exists():
            self._model.save_to_preset(folder)
        return _load, (folder, self._source, self._target, self._codes)


def _load(preset, *arguments):
    """The `TileEmbedder` of another process."""
    return TileEmbedder(PixelEmbedder.from_preset(preset), *arguments)


def _listed(names):
    return "; ".join(names[:SHOWN] + ["..."] * (len(names) > SHOWN))


def _tile_size(model, memory_budget, reading_bytes):
    """The largest tile that can be read and embedded within a budget, up to `LARGEST_TILE`."""
    check_integers(memory_budget=(1, memory_budget))
    most = max(1, LARGEST_TILE // model.stride) * model.stride
    try:
        return min(most, model.largest_tile(memory_budget - reading_bytes))
    except ValueError as error:
        raise ValueError(
            f"`memory_budget`, {memory_budget:,} bytes, less {reading_bytes:,} to read the source, "
            f"is too small: {error}"
        ) from error


def _packed_arrays(model):
    """Name to `(trailing shape, dtype)` of codes as they are stored."""
    spec = model.bottleneck.code_spec().items()
    packed = model.bottleneck.pack(
        {name: np.zeros((1, *part), kind) for name, (part, kind) in spec}
    )
    return {name: (part.shape[1:], part.dtype.name) for name, part in packed.items()}


def model_hash(model):
    """SHA-256 over a model's configuration and weights, whatever its layers are called."""
    config = json.dumps(_nameless(keras.saving.serialize_keras_object(model)), sort_keys=True)
    digest = hashlib.sha256(config.encode())
    update_by_weights(digest, model)
    return digest.hexdigest()


def _nameless(config):
    if not isinstance(config, dict):
        return config
    kept = {key: value for key, value in config.items() if key not in ("name", "compile_config")}
    return {key: _nameless(value) for key, value in kept.items()}
