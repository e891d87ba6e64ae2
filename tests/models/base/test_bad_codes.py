"""`decode` refuses codes that no encoder gives, in the same way on every backend."""

import numpy as np
import pytest

import umbed_keras as uk

PIXELS = {"patch_size": 2, "pyramid_levels": 1, "widths": (4,), "hidden_units": (4,)}
SMALL = {"latent_dim": 2, "filters": 4, "residual_units": 2, "residual_blocks": 1}


def pixels(bottleneck):
    return uk.PixelEmbedder(4, bottleneck=bottleneck, **PIXELS)


MODELS = {
    "pixels, gaussian": lambda: pixels(uk.layers.GaussianBottleneck(4)),
    "pixels, vector": lambda: pixels(uk.layers.VectorQuantizer(8, 4)),
    "pixels, residual": lambda: pixels(uk.layers.ResidualVectorQuantizer(8, 4, 2)),
    "pixels, dictionary": lambda: pixels(uk.layers.DictionaryBottleneck(8, 4, 2)),
    "vqvae": lambda: uk.VQVAE(8, **SMALL),
    "rvqvae": lambda: uk.RVQVAE(8, num_quantizers=2, **SMALL),
    "rvqvae, one codebook": lambda: uk.RVQVAE(8, num_quantizers=2, shared_codebook=True, **SMALL),
    "dlvae": lambda: uk.DLVAE(8, sparsity=2, **SMALL),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return MODELS[request.param]()


def codes_of(model):
    """Returns codes of two maps of 2 x 3, all zero."""
    return {
        name: np.zeros((2, 2, 3, *trailing), dtype)
        for name, (trailing, dtype) in model.bottleneck.code_spec().items()
    }


def changed(codes, name, value, dtype):
    part = codes[name].astype(dtype)
    part[(-1,) * part.ndim] = value
    return {**codes, name: part}


def test_indices_outside_the_codebook(model):
    codes = codes_of(model)
    if "indices" not in codes:
        pytest.skip("no indices")
    for value in (-1, 8, 2**31 + 3):
        with pytest.raises(ValueError, match=rf"codes\['indices'\].*0\.\.7.*{value}"):
            model.decode(changed(codes, "indices", value, "int64"))
    largest = {
        name: model.decode(changed(codes, "indices", 7, name)) for name in ("int64", "uint8")
    }
    np.testing.assert_array_equal(largest["int64"], largest["uint8"])
    for dtype in ("float32", "bool", "complex64", object):
        with pytest.raises(ValueError, match=r"codes\['indices'\].*integers.*dtype"):
            model.decode(changed(codes, "indices", 1, dtype))


def test_numbers_that_are_not_finite_or_not_real(model):
    codes = codes_of(model)
    for name in set(codes) - {"indices"}:
        for value, dtype in (("nan", "float32"), ("-inf", "float16"), (1e300, "float64")):
            with pytest.raises(ValueError, match=rf"codes\['{name}'\].*finite"):
                model.decode(changed(codes, name, float(value), dtype))
        for dtype in ("bool", "complex64", object):
            with pytest.raises(ValueError, match=rf"codes\['{name}'\].*floats.*dtype"):
                model.decode(changed(codes, name, 1, dtype))
        decoded = [model.decode(changed(codes, name, 2, dtype)) for dtype in ("int64", "float32")]
        np.testing.assert_array_equal(*decoded)


def test_entries_that_do_not_fit_together(model):
    codes = codes_of(model)
    first = next(iter(codes))
    with pytest.raises(ValueError, match="dictionary with the keys"):
        model.decode(codes[first])
    if len(codes) > 1:
        with pytest.raises(ValueError, match="one batch, height and width"):
            model.decode({**codes, first: codes[first][:1]})
