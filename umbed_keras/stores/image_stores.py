"""What stores of vectors and of classes have in common: planning and filling."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from umbed_keras.extras import import_extra
from umbed_keras.images.readers.location import is_address
from umbed_keras.models import PixelEmbedder
from umbed_keras.stores.fill_store import fill_store
from umbed_keras.stores.image_collection import ImageCollection
from umbed_keras.stores.layout import CHUNK, Plan
from umbed_keras.stores.ome_zarr import level_count
from umbed_keras.stores.tiled_store import stored_identity
from umbed_keras.stores.worker_pool import TRIES
from umbed_keras.typing import PathLike

# Failures in an error and files in a warning that are listed at most.
_LISTED = 20


def open_collection(
    source: PathLike, target: PathLike, embedder: PixelEmbedder, options: dict[str, Any]
) -> ImageCollection:
    """Opens the images at a path, and warns of what is left out and of tiles that may differ.

    Args:
        source: path or address of an image, or path of a folder.
        target: path of the store to write.
        embedder: `PixelEmbedder`.
        options: dictionary of the arguments `scaling`, `channels` and `axes` of `ImageCollection`.

    Raises:
        ValueError: if `target` lies in `source`; or as `ImageCollection`.

    Examples:
        >>> np.save("image.npy", np.zeros((5, 6), "uint16"))
        >>> embedder = uk.PixelEmbedder(latent_dim=4, widths=(4,))
        >>> open_collection("image.npy", "vectors.zarr", embedder, {}).sizes
        [('', 5, 6)]
    """
    if not is_address(source):
        source = Path(source).resolve()
        if source in Path(target).resolve().parents:
            raise ValueError(f"`target`, {target}, must not lie in `source`, {source}.")
    images = ImageCollection(source, embedder, **options)
    if images.left_out:
        warnings.warn(f"Files in {source} are left out: {_listed(images.left_out)}.", stacklevel=3)
    return images


def options_identity(options: dict[str, Any]) -> dict[str, Any]:
    """Returns those arguments of `ImageCollection` that are not the default, for an identity.

    Args:
        options: as in `open_collection`.

    Examples:
        >>> options_identity({"scaling": None, "channels": [1], "axes": None})
        {'channels': [1]}
    """
    given = {key: value for key, value in options.items() if value is not None}
    if "scaling" in given:
        given["scaling"] = given["scaling"].get_config()
    if "channels" in given:
        given["channels"] = list(given["channels"])
    return given


def plan_of(
    images: ImageCollection,
    target: PathLike,
    identity: dict[str, Any],
    arrays: dict[str, Any],
    tile_size: int,
    pooled: bool = False,
) -> Plan:
    """Returns the plan of a store of images.

    Args:
        images: `ImageCollection`.
        target: path of the store, which may have been begun.
        identity: what the content depends on beside the images.
        arrays: as in `Plan`.
        tile_size: int, side of the tiles in pixels.
        pooled: bool, whether an OME-Zarr image gets OME-Zarr with further levels of means.

    Examples:
        >>> np.save("image.npy", np.zeros((5, 6), "uint16"))
        >>> images = ImageCollection("image.npy", uk.PixelEmbedder(latent_dim=4, widths=(4,)))
        >>> plan_of(images, "a.zarr", {}, {"": ((4,), "float32")}, tile_size=16).images
        [('', 5, 6)]
    """
    first, before = images[0].image, stored_identity(target)
    sizes = first.pixel_size
    one_axis = all(len(trailing) <= 1 for trailing, _ in arrays.values())
    is_ome = first.is_ome and not first.plane_axes and one_axis
    return Plan(
        identity={
            **identity,
            "source": images.identity(late=before.get("source", {}).get("late", ())),
        },
        images=images.sizes,
        arrays=arrays,
        tile_size=tile_size,
        scale=(sizes.get("y", 1.0), sizes.get("x", 1.0)),
        unit=first.unit,
        ome=is_ome,
        levels=level_count(first.height, first.width, CHUNK) if is_ome and pooled else 1,
        plane_axes=images.plane_axes,
        scalings=images.scalings,
    )


def filled(
    target: PathLike,
    plan: Plan,
    function: Any,
    images: ImageCollection,
    workers: int,
    client: Any,
    shard: tuple[int, int] | None,
    verbose: int,
) -> Any:
    """Fills a store and returns it.

    Args:
        target, plan, function, workers, client, shard, verbose: as in `fill_store`.
        images: `ImageCollection`, whose unreadable images are named.

    Returns:
        The `zarr.Array` or `zarr.Group` at `target`, opened for reading.

    Raises:
        RuntimeError: if images can't be read, or tiles failed three times; all else is written.

    Examples:
        >>> np.save("image.npy", np.zeros((5, 6), "uint16"))
        >>> images = ImageCollection("image.npy", uk.PixelEmbedder(latent_dim=4, widths=(4,)))
        >>> plan = plan_of(images, "a.zarr", {}, {"": ((), "uint8")}, tile_size=16)
        >>> function = lambda tile: np.ones((5, 6))
        >>> filled("a.zarr", plan, function, images, 1, None, None, 0).shape
        (5, 6)
    """
    failed = fill_store(target, plan, function, workers, client, shard, verbose)
    problems = _problems("image", "can't be read", images.unreadable)
    problems += _problems("tile", f"failed {TRIES} times", failed)
    if problems:
        raise RuntimeError(f"{problems}All others are written; the same call tries these again.")
    return import_extra("zarr", "stores").open(target, mode="r")


def _problems(noun: str, problem: str, errors: dict[str, str]) -> str:
    """Returns a sentence about what failed, and a space; nothing if nothing did."""
    if not errors:
        return ""
    listed = _listed([f"{name} ({error})" for name, error in errors.items()])
    return f"{len(errors)} {noun}{'s' * (len(errors) > 1)} {problem}: {listed}. "


def _listed(names: Sequence[str]) -> str:
    return "; ".join(names[:_LISTED] + ["..."] * (len(names) > _LISTED))
