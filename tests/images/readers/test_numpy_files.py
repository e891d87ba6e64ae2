"""Arrays in NumPy's files."""

import numpy as np
import pytest
from image_checks import assert_reads, numbers

import umbed_keras as uk

pytestmark = pytest.mark.torch_alone


def test_numpy_files(tmp_path):
    data = numbers((20, 30, 3), "float64")
    np.save(tmp_path / "a.npy", data)
    np.savez(tmp_path / "a.npz", one=data)
    np.savez(tmp_path / "b.npz", one=data, two=data[..., 0])
    assert_reads(uk.read_image(tmp_path / "a.npy"), data, "yxc")
    assert_reads(uk.read_image(tmp_path / "a.npz"), data, "yxc")
    assert_reads(uk.read_image(tmp_path / "b.npz", series="two"), data[..., 0], "yx")
    with pytest.raises(ValueError, match=r"one.*two.*`series`"):
        uk.read_image(tmp_path / "b.npz")
    np.save(tmp_path / "c.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"c\.npy"):
        uk.read_image(tmp_path / "c.npy")
