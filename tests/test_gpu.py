"""What runs on a GPU gives what it gives on the CPU."""

import keras
import numpy as np
import pytest
from keras import backend, ops
from skimage.data import astronaut

import umbed_keras as uk


def has_gpu():
    if backend.backend() == "torch":
        import torch

        return torch.cuda.is_available()
    if backend.backend() == "jax":
        import jax

        return any(device.platform == "gpu" for device in jax.devices())
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not has_gpu(), reason="Keras's backend sees no GPU"),
]


def on_both(function):
    """A function's result on the CPU and on the GPU."""
    results = []
    for device in ("cpu", "gpu"):
        with keras.device(device):
            results.append(keras.tree.map_structure(ops.convert_to_numpy, function()))
    return results


@pytest.mark.parametrize(("num_atoms", "dim", "sparsity"), [(16, 3, 3), (64, 16, 8), (512, 64, 5)])
def test_pursuit_takes_the_same_atoms(num_atoms, dim, sparsity):
    rng = np.random.default_rng(0)
    signals = rng.standard_normal((5000, dim)).astype("float32")
    atoms = rng.standard_normal((num_atoms, dim)).astype("float32")
    (cpu, _), (gpu, _) = on_both(
        lambda: uk.ops.orthogonal_matching_pursuit(signals, atoms, sparsity)
    )
    assert (np.sort(cpu) == np.sort(gpu)).all(axis=1).mean() >= 0.999


@pytest.mark.parametrize("preset", sorted(uk.PixelEmbedder.presets))
def test_preset_gives_the_same_vectors(preset):
    image = astronaut()[None, :256, :256]
    cpu, gpu = on_both(lambda: uk.PixelEmbedder.from_preset(preset).embed(image))
    close = np.abs(cpu - gpu).max(axis=-1) <= 1e-3 * np.ptp(cpu)
    assert close.mean() >= 0.999


@pytest.mark.parametrize("precision", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_fit_lowers_the_error(precision):
    images = astronaut().reshape(4, 128, 4, 128, 3).swapaxes(1, 2).reshape(-1, 128, 128, 3)
    with keras.device("gpu"):
        model = uk.PixelEmbedder(dtype=precision)
        model.compile(optimizer="adam")
        history = model.fit(images, epochs=4, steps_per_epoch=8, verbose=0).history
    assert history["reconstruction"][-1] < history["reconstruction"][0]
