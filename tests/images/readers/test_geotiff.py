"""Georeference, nodata and masks of GeoTIFF files, against rasterio."""

import numpy as np
import pytest
from image_checks import numbers

import umbed_keras as uk

pytest.importorskip("imagecodecs", reason="needs the extra `images`")
rasterio = pytest.importorskip("rasterio")


def test_geotiff(tmp_path):
    data = numbers((2, 30, 40), "int16")
    data[:, :5] = -9999
    transform = rasterio.transform.from_origin(500000, 4000000, 10, 10)
    options = {"driver": "GTiff", "height": 30, "width": 40, "count": 2, "dtype": "int16"}
    with rasterio.open(
        tmp_path / "a.tif", "w", crs="EPSG:32633", transform=transform, nodata=-9999, **options
    ) as file:
        file.write(data)
    image = uk.read_image(tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as file:
        moved = np.moveaxis(file.read(), 0, -1)
        mask = file.dataset_mask() != 0
    stored = np.asarray(image)
    last = stored if image.axes == "yxc" else np.moveaxis(stored, 0, -1)
    np.testing.assert_array_equal(last, moved)
    assert image.georeference.transform == tuple(transform)[:6]
    assert rasterio.crs.CRS.from_wkt(image.georeference.crs).to_epsg() == 32633
    assert image.nodata == -9999
    np.testing.assert_array_equal(image.valid(), mask)
    np.testing.assert_array_equal(image.valid(slice(3, 9), slice(5, 20)), mask[3:9, 5:20])
