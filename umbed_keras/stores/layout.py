"""The Zarr groups and arrays of a store."""

import contextlib

import numpy as np

from umbed_keras.extras import import_extra
from umbed_keras.stores import ome
from umbed_keras.stores.plan import CHUNK

# The key of the attributes of ours.
ATTRIBUTES = "umbed_keras"


def create(path, plan, image):
    """Creates what isn't there of an image's groups and arrays.

    Args:
        path: path of the store.
        plan: `Plan` of it.
        image: int, place in its `images`.
    """
    zarr = import_extra("zarr", "stores")
    own = {"scale": plan.scale, "unit": plan.unit, "complete": False}
    groups, arrays = {"": {ATTRIBUTES: {**plan.identity, **own}}}, {}
    for name, (trailing, dtype) in plan.arrays.items():
        axes = ["y", "x", *("c" for _ in trailing)]
        if plan.ome:
            axes = axes[2:] + axes[:2]
            attributes = groups.setdefault(plan.key(image, name), {})
            attributes |= ome.metadata(axes, plan.scale, plan.unit, plan.levels)
        for level in range(plan.levels):
            size = ome.level_size(plan.images[image][1:], level)
            chunks, shards = zip(*(_sides(side, plan.tile_size) for side in size), strict=True)
            shape, chunks, shards = (
                (*trailing, *part) if plan.ome else (*part, *trailing)
                for part in (size, chunks, shards)
            )
            arrays[plan.key(image, name, level)] = {
                "shape": shape,
                "chunks": chunks,
                "shards": shards,
                "dtype": dtype,
                "compressors": _compressors(dtype),
                "dimension_names": axes,
                # To look for chunks of zeros takes longer than to write the few that there are.
                "config": {"write_empty_chunks": True},
            }
    if "" in arrays:
        arrays[""]["attributes"] = groups.pop("")
    # Of several workers another may be the first, and makes the same.
    for key, attributes in groups.items():
        with contextlib.suppress(zarr.errors.ContainsGroupError):
            zarr.create_group(path, path=key, attributes=attributes)
    for key, options in arrays.items():
        with contextlib.suppress(zarr.errors.ContainsArrayError):
            zarr.create_array(path, name=key or None, **options)


def _sides(side, tile_size):
    """Sides of a chunk and of a shard along an axis."""
    chunk = min(tile_size // max(1, round(tile_size / CHUNK)), side)
    return chunk, min(tile_size, -(-side // chunk) * chunk)


def _compressors(dtype):
    """Vectors' mantissas are noise: to try hard beyond empty regions takes time for nothing."""
    if np.dtype(dtype).kind != "f":
        return "auto"
    return import_extra("zarr", "stores").codecs.ZstdCodec(level=-5)
