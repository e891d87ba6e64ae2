"""Codes and latents that no bottleneck knows are refused, and never become others."""

import numpy as np
import pytest
from keras import ops

import umbed_keras as uk

LATENTS = np.random.default_rng(0).standard_normal((5, 4)).astype("float32")
MAKERS = {
    "vector": lambda: uk.layers.VectorQuantizer(8, 4),
    "residual": lambda: uk.layers.ResidualVectorQuantizer(8, 4, 2),
    "dictionary": lambda: uk.layers.DictionaryBottleneck(8, 4, 2),
    "levels": lambda: uk.layers.FiniteScalarQuantizer(4, 5),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("wrong", [-1, 8, 999])
def test_indices_that_do_not_exist_are_refused(name, wrong):
    bottleneck = MAKERS[name]()
    codes = {key: ops.convert_to_numpy(part) for key, part in bottleneck.encode(LATENTS).items()}
    codes["indices"] = np.full_like(codes["indices"], wrong)
    for use in (bottleneck.decode, bottleneck.pack):
        with pytest.raises(ValueError, match=r"`codes\['indices'\]` must lie in 0\.\."):
            use(codes)


@pytest.mark.parametrize("name", [*MAKERS, "integers"])
def test_fractions_are_no_indices(name):
    makers = {**MAKERS, "integers": lambda: uk.layers.ScalarQuantizer(4)}
    bottleneck = makers[name]()
    codes = {key: ops.convert_to_numpy(part) for key, part in bottleneck.encode(LATENTS).items()}
    codes["indices"] = codes["indices"] + 0.6
    with pytest.raises(TypeError, match=r"`codes\['indices'\]` must be integers"):
        bottleneck.decode(codes)


@pytest.mark.parametrize("name", MAKERS)
def test_complex_latents_are_refused(name):
    with pytest.raises(TypeError, match="takes real numbers"):
        MAKERS[name]()(LATENTS.astype("complex64"))
