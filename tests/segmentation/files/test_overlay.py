import numpy as np

from umbed_keras.images.labels import CLASS_COLORS
from umbed_keras.segmentation.files.overlay import overlay


def test_overlay_tints_by_half_and_draws_borders():
    image = np.full((3, 6, 3), 100, "uint8")
    labels = np.array([[1, 1, 2, 2, 0, 0]] * 3)
    drawn = overlay(image, labels)
    first, second = np.array(CLASS_COLORS[:2])
    np.testing.assert_array_equal(drawn[0, 0], (100 + first) // 2)
    np.testing.assert_array_equal(drawn[0, 1], first)
    np.testing.assert_array_equal(drawn[0, 2], (100 + second) // 2)
    np.testing.assert_array_equal(drawn[0, 4:], image[0, 4:])
