"""Images that every image metric takes, and images that it refuses."""

import numpy as np
import pytest
from keras import ops

from umbed_keras.metrics import PSNR
from umbed_keras.metrics._unit_images import unit_images


def test_every_range_is_scaled_to_0_to_1(rounding):
    unit = np.array([0.0, 0.2, 1.0], "float32").reshape(1, 1, 1, 3)
    for images, value_range in [
        (unit, (0.0, 1.0)),
        (255 * unit, (0, 255)),
        (2 * unit - 1, (-1, 1)),
        (np.uint8([0, 51, 255]).reshape(1, 1, 1, 3), (-1, 1)),
        (unit.astype("float64"), (0, 1)),
        (unit.astype("float16"), (0, 1)),
    ]:
        for scaled in unit_images(images, images, value_range):
            assert ops.dtype(scaled) == "float32"
            dtype = "float16" if images.dtype == "float16" else "float32"
            tolerance = rounding(2, unit, dtype)
            np.testing.assert_allclose(ops.convert_to_numpy(scaled), unit, atol=tolerance)


@pytest.mark.parametrize(
    "value_range", [(1, 0), (0, 0), (0, 1, 2), 1, None, ("a", "b"), (0, np.nan)]
)
def test_bad_ranges_are_value_errors(value_range):
    with pytest.raises(ValueError, match="`value_range` must be"):
        PSNR(value_range=value_range)


@pytest.mark.parametrize(
    ("references", "images", "named"),
    [
        ((2, 8, 8, 3), (2, 8, 9, 3), "same shape"),
        ((2, 8, 8, 3), (8, 8, 3), "same shape"),
        ((8, 8, 3), (8, 8, 3), r"\(batch, height, width, channels\)"),
        ((2, 8, 8, 1), (2, 8, 8, 1), "3 channels"),
        ((2, 8, 4, 3), (2, 8, 4, 3), "at least 5 pixels"),
    ],
    ids=str,
)
def test_bad_shapes_are_value_errors(references, images, named):
    with pytest.raises(ValueError, match=named):
        unit_images(
            np.zeros(references, "float32"),
            np.zeros(images, "float32"),
            (0, 1),
            channels=3,
            min_size=5,
        )


def test_integers_are_type_errors():
    with pytest.raises(TypeError, match="`images` must be uint8"):
        unit_images(np.zeros((1, 2, 2, 3), "uint8"), np.zeros((1, 2, 2, 3), "int32"), (0, 1))


@pytest.mark.parametrize("place", [0, 1])
def test_floats_of_another_scale_are_value_errors(place):
    images = np.random.default_rng(0).random((2, 16, 16, 3), "float32")
    pair = [images, images]
    pair[place] = 255 * images
    name = ("references", "images")[place]
    with pytest.raises(ValueError, match=rf"`{name}` must be.*value_range.*\(0\.0, 1\.0\).*254"):
        PSNR().update_state(*pair)
    metric = PSNR(value_range=(0, 255))
    metric.update_state(255 * images, 255 * images)
    # Reconstructions may overshoot.
    PSNR().update_state(images, 1.8 * images - 0.5)
