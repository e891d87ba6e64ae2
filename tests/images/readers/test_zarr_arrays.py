"""Zarr arrays and OME-Zarr images of every version."""

import numpy as np
import pytest
from image_checks import assert_reads, numbers

import umbed_keras as uk

zarr = pytest.importorskip("zarr")


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_arrays(tmp_path, version):
    data = numbers((3, 20, 30), "uint16")
    options = {"zarr_format": version, "chunks": (1, 8, 8)}
    if version == 3:
        options["dimension_names"] = ("z", "y", "x")
    array = zarr.create_array(tmp_path / "a.zarr", shape=data.shape, dtype=data.dtype, **options)
    array[:] = data
    axes = None if version == 3 else "zyx"
    assert_reads(uk.read_image(tmp_path / "a.zarr", axes=axes), data, "zyx")
    group = zarr.open_group(tmp_path / "group.zarr", mode="w", zarr_format=version)
    group.create_array("one", shape=(4, 5), dtype="uint8")
    group.create_array("two", shape=(4, 5), dtype="uint8")
    with pytest.raises(ValueError, match=r"group.*one.*two"):
        uk.read_image(tmp_path / "group.zarr")
    assert uk.read_image(tmp_path / "group.zarr", series="two").shape == (4, 5)


def test_ome_zarr(tmp_path):
    data = numbers((2, 20, 30), "uint16")
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    for level, part in enumerate((data, data[:, ::2, ::2])):
        group.create_array(str(level), shape=part.shape, dtype=part.dtype)[:] = part
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "yx"]
    scales = [[1, 0.5, 0.5], [1, 1, 1]]
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": axes,
            "datasets": [
                {
                    "path": str(level),
                    "coordinateTransformations": [{"type": "scale", "scale": part}],
                }
                for level, part in enumerate(scales)
            ],
        }
    ]
    group.attrs["omero"] = {"channels": [{"label": "DAPI"}, {"label": "GFP"}]}
    image = uk.read_image(tmp_path / "a.zarr")
    assert_reads(image, data, "cyx")
    assert (image.pixel_size, image.unit) == ({"y": 0.5, "x": 0.5}, "micrometer")
    assert image.channel_names == ("DAPI", "GFP")
    assert_reads(uk.read_image(tmp_path / "a.zarr", level=1), data[:, ::2, ::2], "cyx")


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("dtype", [">u2", "bool", "float16", ">f4", "int64"])
def test_types_and_byte_orders(tmp_path, version, dtype):
    data = numbers((20, 30), np.dtype(dtype).newbyteorder("=")).astype(dtype)
    options = {"chunks": (8, 8), "zarr_format": version}
    array = zarr.create_array(tmp_path / "a.zarr", shape=data.shape, dtype=data.dtype, **options)
    array[:] = data
    image = uk.read_image(tmp_path / "a.zarr")
    assert_reads(image, data.astype(data.dtype.newbyteorder("=")), "yx")


def test_sharded_and_unwritten_chunks(tmp_path):
    options = {"shape": (64, 64), "dtype": "uint16", "chunks": (8, 8), "shards": (32, 32)}
    array = zarr.create_array(tmp_path / "a.zarr", fill_value=7, **options)
    data = np.full((64, 64), 7, "uint16")
    array[:20, :20] = data[:20, :20] = numbers((20, 20), "uint16")
    assert_reads(uk.read_image(tmp_path / "a.zarr"), data, "yx")


def test_an_image_in_a_group(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    for name in "01":
        part = group.create_group(name)
        part.create_array("0", shape=(4, 5), dtype="uint8")[:] = int(name)
        axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
        part.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [{"path": "0"}]}]
    with pytest.raises(ValueError, match=r"a\.zarr is a group"):
        uk.read_image(tmp_path / "a.zarr")
    expected = np.full((4, 5), 1, "uint8")
    assert_reads(uk.read_image(tmp_path / "a.zarr", series="1"), expected, "yx")
    assert_reads(uk.read_image(tmp_path / "a.zarr" / "1"), expected, "yx")


def test_a_damaged_chunk_is_an_error_that_names_the_file(tmp_path):
    array = zarr.create_array(tmp_path / "a.zarr", shape=(8, 8), chunks=(8, 8), dtype="uint16")
    array[:] = 1
    (chunk,) = (path for path in (tmp_path / "a.zarr" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(b"damaged")
    image = uk.read_image(tmp_path / "a.zarr")
    with pytest.raises(ValueError, match=r"a\.zarr"):
        np.asarray(image)
