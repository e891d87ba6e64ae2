"""Checks of arrays of images, and what their errors say."""

import numpy as np
import pytest

import umbed_keras as uk
from umbed_keras.images.arrays import check_images


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_named(wrong):
    images = np.zeros((1, 4, 4, 3), "float32")
    images[0, 1, 2] = wrong
    with pytest.raises(ValueError, match="floats that hold NaN or infinite numbers"):
        check_images(images, 3)


@pytest.mark.parametrize(
    ("images", "error"),
    [
        (np.zeros((1, 4, 4, 3), "uint16"), TypeError),
        (np.zeros((1, 4, 4, 3), bool), TypeError),
        (np.full((1, 4, 4, 3), 300.0), ValueError),
        (np.full((1, 4, 4, 3), -1.0), ValueError),
    ],
)
def test_errors_name_scaling(images, error):
    with pytest.raises(error, match=r"`umbed_keras\.Scaling` makes floats in 0\.\.1"):
        check_images(images, 3)


def test_masks_are_not_lost():
    images = np.ma.masked_greater(np.random.default_rng(0).random((1, 4, 4, 3)), 0.5)
    for take in (lambda: check_images(images, 3), lambda: uk.Image(images[0])):
        with pytest.raises(ValueError, match=r"lose their mask.*filled\(numpy\.nan\)"):
            take()
    filled = uk.Image(images[0].astype("float32").filled(np.nan))
    np.testing.assert_array_equal(filled.valid(), ~images.mask[0].any(axis=-1))
    nothing = np.ma.masked_array(np.zeros((1, 4, 4, 3)))
    assert check_images(nothing, 3).shape == (1, 4, 4, 3)
