"""Every kind of bottleneck, by a name: functions that make one."""

import functools

import keras
import numpy as np
import pytest

from umbed_keras.bottlenecks.dictionary_bottleneck import DictionaryBottleneck
from umbed_keras.bottlenecks.finite_scalar_quantizer import FiniteScalarQuantizer
from umbed_keras.bottlenecks.gaussian_bottleneck import GaussianBottleneck
from umbed_keras.bottlenecks.residual_vector_quantizer import ResidualVectorQuantizer
from umbed_keras.bottlenecks.scalar_quantizer import ScalarQuantizer
from umbed_keras.bottlenecks.vector_quantizer import VectorQuantizer

DIM = 6
BOTTLENECKS = {
    "gaussian": functools.partial(GaussianBottleneck, DIM, seed=0),
    "vq_ema": functools.partial(VectorQuantizer, 8, DIM),
    "vq_gradient": functools.partial(VectorQuantizer, 8, DIM, update="gradient"),
    "vq_cosine": functools.partial(VectorQuantizer, 8, DIM, distance="cosine"),
    "rvq": functools.partial(ResidualVectorQuantizer, 8, DIM, 3),
    "rvq_shared": functools.partial(ResidualVectorQuantizer, 8, DIM, 3, shared_codebook=True),
    "dictionary_online": functools.partial(DictionaryBottleneck, 12, DIM, 2, update="online"),
    "dictionary_gradient": functools.partial(DictionaryBottleneck, 12, DIM, 2),
    "dictionary_quantized": functools.partial(DictionaryBottleneck, 12, DIM, 2, coefficient_bits=8),
    "dictionary_stopping": functools.partial(
        DictionaryBottleneck, 12, DIM, 2, coefficient_bits=6, min_gain=1.0
    ),
    "fsq": functools.partial(FiniteScalarQuantizer, DIM, (8, 5, 5, 4, 3, 2)),
    "scalar": functools.partial(ScalarQuantizer, DIM, rate_weight=1e-2),
}
DISCRETE = {name: make for name, make in BOTTLENECKS.items() if name != "gaussian"}
# Kinds that differ from another in a detail, which few tests need on every backend.
VARIANTS = ("vq_gradient", "vq_cosine", "rvq_shared", "dictionary_gradient", "dictionary_stopping")
# Torch compiles through a C++ toolchain that users need not have; Keras does not by default.
COMPILED = keras.backend.backend() != "torch"


def kinds(bottlenecks, everywhere=False):
    """A parameter `make` of every kind, of which variants run on PyTorch alone or everywhere."""
    parameters = [
        pytest.param(
            make,
            id=name,
            marks=pytest.mark.torch_alone if name in VARIANTS and not everywhere else (),
        )
        for name, make in bottlenecks.items()
    ]
    return pytest.mark.parametrize("make", parameters)


every_bottleneck = kinds(BOTTLENECKS)
every_variant = kinds(BOTTLENECKS, everywhere=True)
every_codebook = kinds(DISCRETE)


def sample(layer, *leading, seed=0):
    """Normal latents; of few shapes throughout, because JAX compiles each operation for each."""
    leading = leading or (64,)
    return np.random.default_rng(seed).normal(size=(*leading, layer.input_dim)).astype("float32")
