"""Images and weights that tests of several metrics share."""

import os
from pathlib import Path

import numpy as np
import pytest

from umbed_keras.metrics._lpips_weights import CHANNELS, KERNELS


@pytest.fixture
def pairs():
    """`pairs(count, size, channels)`: references and noisy copies, float64 in 0..1."""

    def make(count=3, size=24, channels=3):
        rng = np.random.default_rng(0)
        steps = np.linspace(0, 3, size)
        references = 0.5 + 0.4 * np.sin(steps[:, None, None] * rng.uniform(1, 3, (count, 1, 1, 3)))
        references = references * np.cos(steps[:, None] * rng.uniform(0, 1, (count, 1, 1, 1)))
        references = references[..., :channels]
        levels = np.geomspace(0.02, 0.3, count)[:, None, None, None]
        noise = levels * rng.standard_normal(references.shape)
        return references.clip(0, 1), (references + noise).clip(0, 1)

    return make


@pytest.fixture
def shared_data():
    """Path of the folder with the research data."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("UMBED_DATA", beside))
    if not (folder / "lpips_reference").is_dir():
        pytest.skip(f"the research data is not in {folder} (set UMBED_DATA)")
    return folder


@pytest.fixture
def random_lpips(tmp_path):
    """`random_lpips(net)`: path of a file with random weights."""

    def write(net):
        rng = np.random.default_rng(0)
        arrays = {f"lin{i}": rng.uniform(0, 1, n) for i, n in enumerate(CHANNELS[net])}
        for layer, shape in KERNELS[net].items():
            scale = np.sqrt(2 / np.prod(shape[:-1]))
            arrays[f"{layer}/kernel"] = scale * rng.standard_normal(shape)
            arrays[f"{layer}/bias"] = 0.1 * rng.standard_normal(shape[-1])
        path = tmp_path / f"lpips_{net}.npz"
        np.savez(path, **{name: array.astype("float32") for name, array in arrays.items()})
        return path

    return write
