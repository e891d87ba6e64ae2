"""The position on the earth and the mask of a GeoTIFF, by rasterio."""

from typing import Any

import numpy as np

from umbed_keras.images.image import Georeference
from umbed_keras.images.readers.location import Location


def geography(location: Location) -> dict[str, Any]:
    """Returns what rasterio knows of a GeoTIFF.

    Args:
        location: location of the file.

    Returns:
        Entries of `umbed_keras.images.image.Details`: `georeference`, `nodata` and `mask`. Empty
        where rasterio is not installed or the file is not on this machine.

    Examples:
        >>> geography(Location("memory://image.tif"))
        {}
    """
    try:
        import rasterio
        from rasterio.enums import MaskFlags
        from rasterio.windows import Window
    except ImportError:
        return {}
    if location.path is None:
        return {}
    path = str(location.path)
    with rasterio.open(path) as dataset:
        flags = {flag for band in dataset.mask_flag_enums for flag in band}
        transform = tuple(dataset.transform)[:6]
        crs = dataset.crs.to_wkt() if dataset.crs else None
        height, width = dataset.height, dataset.width
        nodata = dataset.nodata
    known: dict[str, Any] = {"georeference": Georeference(crs, transform), "nodata": nodata}
    if MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags:

        def mask(rows: slice, cols: slice) -> np.ndarray:
            top, bottom, _ = rows.indices(height)
            left, right, _ = cols.indices(width)
            with rasterio.open(path) as dataset:
                window = Window(left, top, right - left, bottom - top)
                return dataset.dataset_mask(window=window) != 0

        known["mask"] = mask
    return known
