import numpy as np
import pytest

from umbed_keras import plots

pytest.importorskip("matplotlib")


def test_clusters_are_drawn_in_their_mean_colour():
    random = np.random.default_rng(0)
    image = random.integers(256, size=(6, 5, 3), dtype="uint8")
    numbers = random.integers(3, size=(6, 5))
    figure = plots.clusters(image, numbers)
    means = figure.axes[2].images[0].get_array()
    for number in range(3):
        expected = image[numbers == number].astype("float64").mean(axis=0) / 255
        inside = means[numbers == number]
        np.testing.assert_allclose(inside, np.broadcast_to(expected, inside.shape), rtol=1e-5)
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), numbers)


@pytest.mark.parametrize(
    ("image", "numbers", "named"),
    [
        (np.zeros((4, 6)), np.zeros((4, 6), int), "`image` must have shape"),
        (np.zeros((4, 6, 2)), np.zeros((4, 6), int), "with 1 or 3 channels"),
        (np.zeros((4, 6, 3)), np.zeros((4, 5), int), r"`numbers` must have shape \(4, 6\)"),
    ],
)
def test_invalid_arguments_are_value_errors(image, numbers, named):
    with pytest.raises(ValueError, match=named):
        plots.clusters(image, numbers)
