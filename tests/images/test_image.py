"""What an array without axes can mean."""

import numpy as np
import pytest

import umbed_keras as uk


@pytest.mark.parametrize(
    ("shape", "advice"),
    [
        ((5, 20, 30), "zyx"),
        ((5, 2, 20, 30), "zcyx"),
        ((5, 20, 30, 3), "zyxc"),
        ((5, 20, 30, 1), "zyxc"),
        ((4, 5, 2, 20, 30), "tzcyx"),
        ((4, 5, 20, 30, 3), "tzyxc"),
    ],
)
def test_the_advice_about_axes_fits_the_shape(shape, advice):
    array = np.zeros(shape, "uint8")
    with pytest.raises(ValueError, match=f'axes="{advice}"'):
        uk.Image(array)
    image = uk.Image(array, advice)
    assert (image.height, image.width) == (20, 30)
