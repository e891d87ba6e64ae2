import numpy as np
import pytest

from umbed_keras import plots

pytest.importorskip("matplotlib")


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_one_channel_are_drawn_grey(channels):
    image = np.linspace(0.2, 0.4, 6 * 5 * channels).reshape(6, 5, channels)
    vectors = np.random.default_rng(0).random((6, 5, 4))
    figure = plots.embedding(image, vectors, image)
    for axis in (figure.axes[0], figure.axes[2]):
        drawn = axis.images[0]
        colours = drawn.to_rgba(drawn.get_array())[..., :3]
        np.testing.assert_allclose(colours, np.broadcast_to(image, (6, 5, 3)), atol=1 / 255)


def test_a_chosen_pixel_is_ringed_and_compared_with_all(rounding):
    random = np.random.default_rng(1)
    image, vectors = random.random((6, 5, 3)), random.normal(size=(6, 5, 4))
    codes = random.integers(64, size=(6, 5))
    figure = plots.embedding(image, vectors, image, codes, pixel=(2, 3))
    panels = {axis.get_title(): axis for axis in figure.axes}
    drawn = panels["similarity to the ringed pixel (cosine)"].images[0].get_array()
    chosen = vectors[2, 3]
    cosines = vectors @ chosen / np.linalg.norm(vectors, axis=-1) / np.linalg.norm(chosen)
    np.testing.assert_allclose(drawn, cosines, atol=rounding(4, dtype="float64"))
    ring = panels["image"].collections[-1]
    np.testing.assert_array_equal(ring.get_offsets(), [(3, 2)])
    assert "code (first index)" in panels
