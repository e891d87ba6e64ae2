"""Checks of arrays of images, and what their errors say."""

import numpy as np
import pytest

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
