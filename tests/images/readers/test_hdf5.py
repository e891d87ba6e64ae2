"""Datasets of HDF5 files."""

import json

import h5py
import numpy as np
import pytest
from image_checks import assert_reads, numbers

import umbed_keras as uk


def test_hdf5_datasets(tmp_path):
    data = numbers((4, 20, 30), "uint16")
    tags = {"axes": [{"key": axis} for axis in "zyx"]}
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/volume"] = data
        file["group/volume"].attrs["axistags"] = json.dumps(tags)
        file["plane"] = data[0]
        file["name"] = "not an image"
    assert_reads(uk.read_image(tmp_path / "a.h5" / "group" / "volume"), data, "zyx")
    assert_reads(uk.read_image(f"{tmp_path}/a.h5/plane"), data[0], "yx")
    with pytest.raises(ValueError, match=r"which dataset.*group/volume \(4, 20, 30\), plane"):
        uk.read_image(tmp_path / "a.h5")
    with pytest.raises(ValueError, match="which dataset"):
        uk.read_image(tmp_path / "a.h5" / "none")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["only"] = data[0]
    assert_reads(uk.read_image(tmp_path / "b.h5"), data[0], "yx")


def test_links_labelled_dimensions_and_filters(tmp_path):
    data = numbers((4, 20, 30), "uint16") >> 8
    with h5py.File(tmp_path / "a.h5", "w") as file:
        options = {"chunks": (1, 8, 8), "compression": "gzip", "shuffle": True}
        item = file.create_dataset("volume", data=data, scaleoffset=0, **options)
        for dimension, letter in zip(item.dims, "zyx", strict=True):
            dimension.label = letter
        file["latest"] = h5py.SoftLink("/volume")
        file["big"] = data[0].astype(">u2")
        file["vector"], file["complex"] = np.zeros(5), np.zeros((2, 3), complex)
        file["empty"] = h5py.Empty("f4")
        file["table"] = np.zeros((3, 4), [("a", "f4")])
    assert_reads(uk.read_image(tmp_path / "a.h5" / "volume"), data, "zyx")
    assert_reads(uk.read_image(tmp_path / "a.h5" / "latest"), data, "zyx")
    assert_reads(uk.read_image(tmp_path / "a.h5" / "big"), data[0], "yx")
    for name in ("vector", "complex", "empty", "table"):
        with pytest.raises(ValueError, match="which dataset"):
            uk.read_image(tmp_path / "a.h5" / name)


def test_the_fill_value_is_nodata(tmp_path):
    data = np.array([[1, 65535], [65535, 2]], "uint16")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = data
        file["a"].attrs["_FillValue"] = np.array([65535], "uint16")
    image = uk.read_image(tmp_path / "a.h5")
    assert image.nodata == 65535
    np.testing.assert_array_equal(image.valid(), data != 65535)


def test_a_damaged_chunk_is_an_error_that_names_the_file(tmp_path):
    data = numbers((200, 300), "uint16")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        item = file.create_dataset("a", data=data, chunks=(200, 300), compression="gzip")
        start = item.id.get_chunk_info(0).byte_offset
    content = bytearray((tmp_path / "a.h5").read_bytes())
    content[start + 100 : start + 5000] = bytes(4900)
    (tmp_path / "a.h5").write_bytes(content)
    image = uk.read_image(tmp_path / "a.h5")
    with pytest.raises(ValueError, match=r"a\.h5"):
        np.asarray(image)
