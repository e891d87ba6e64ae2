"""Datasets of HDF5 files."""

import json

import h5py
import pytest
from image_checks import assert_reads, numbers

import umbed_keras as uk

pytestmark = pytest.mark.torch_alone


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
