"""Arrays in NumPy's files."""

import numpy as np
import pytest
from image_checks import assert_reads, numbers

import umbed_keras as uk


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


@pytest.mark.parametrize("dtype", ["U3", "M8[s]", [("a", "f4"), ("b", "i2")]], ids=str)
def test_what_is_no_number_is_refused(tmp_path, dtype):
    np.save(tmp_path / "a.npy", np.zeros((3, 4), dtype))
    np.savez(tmp_path / "a.npz", a=np.zeros((3, 4), dtype))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(ValueError, match=rf"{name}.* no numbers"):
            uk.read_image(tmp_path / name)


def test_arrays_by_their_index(tmp_path):
    data = numbers((20, 30), "uint16")
    np.savez(tmp_path / "a.npz", one=data, two=data.T.astype(">u2"))
    assert_reads(uk.read_image(tmp_path / "a.npz", series=1), data.T, "yx")
    with pytest.raises(ValueError, match=r"one.*two.*series=2"):
        uk.read_image(tmp_path / "a.npz", series=2)
