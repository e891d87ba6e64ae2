"""Files of arrays: deflated without loss, in HDF5 as every reader knows it."""

import h5py
import numpy as np
import pytest

from umbed_keras.zoo.arrays import deflate_arrays, read_arrays, write_arrays


def contents(group):
    """All that a file holds: attributes and, of arrays, types, shapes and bytes."""
    found = {"/": dict(group.attrs)}

    def note(name, item):
        found[name] = dict(item.attrs)
        if isinstance(item, h5py.Dataset):
            found[name] |= {"type": item.dtype, "shape": item.shape, "bytes": item[()].tobytes()}

    group.visititems(note)
    return found


@pytest.fixture
def arrays():
    random = np.random.default_rng(0)
    kernel = 0.05 * random.standard_normal((3, 3, 16, 24))
    return {
        "float32": kernel.astype("float32"),
        "float16": kernel.astype("float16"),
        "bfloat16": (kernel.astype("float32").view("uint32") >> 16).astype("uint16").view("V2"),
        "integers": random.integers(-3, 300, (40, 7), "int16"),
        "bytes": random.integers(0, 256, 100, "uint8"),
        "zeros": np.zeros((100, 100), "float32"),
        "one": np.float32(2.5),
        "none": np.zeros((0, 3), "float32"),
    }


def test_a_deflated_file_holds_the_same(tmp_path, arrays):
    path = tmp_path / "model.weights.h5"
    with h5py.File(path, "w") as file:
        file.attrs["name"] = "model"
        for name, values in arrays.items():
            group = file.create_group(f"layers/{name}/vars")
            group.attrs["name"] = name
            group.create_dataset("0", data=values).attrs["axis"] = 1
        before = contents(file)
    size = path.stat().st_size
    deflate_arrays(path)
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    assert path.stat().st_size < 0.9 * size
    with h5py.File(path) as file:
        assert contents(file) == before
        filters = {name: file[f"layers/{name}/vars/0"].compression for name in arrays}
        # What readers may refuse for its size, or what nothing is gained for, stays as it is.
        assert filters == {
            name: "gzip" if name in ("float32", "float16", "bfloat16", "integers") else None
            for name in arrays
        }


def test_arrays_come_back(tmp_path, arrays):
    write_arrays(tmp_path / "codec.h5", arrays)
    found = read_arrays(tmp_path / "codec.h5")
    assert set(found) == set(arrays)
    for name, values in arrays.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)
