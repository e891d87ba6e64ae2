import numpy as np
import pytest

from umbed_keras import plots

pytest.importorskip("matplotlib")


def test_cosines_to_the_chosen_vector_are_drawn():
    vectors = np.random.default_rng(0).normal(size=(4, 6, 3)).astype("float32")
    vectors[1, 2] = 0
    figure = plots.similarity(np.zeros((4, 6, 3)), vectors, 3, 5)
    cosines = figure.axes[1].images[0].get_array()
    chosen = vectors[3, 5].astype("float64")
    for row, col in np.ndindex(4, 6):
        lengths = np.linalg.norm(vectors[row, col].astype("float64")) * np.linalg.norm(chosen)
        expected = vectors[row, col] @ chosen / lengths if lengths else 0
        assert cosines[row, col] == pytest.approx(expected, abs=1e-12)


def test_the_pixel_is_marked_in_both_panels():
    figure = plots.similarity(np.zeros((4, 6, 1), "uint8"), np.ones((4, 6, 2)), 1, 5)
    for axis in figure.axes[:2]:
        assert all(ring.get_offsets().tolist() == [[5, 1]] for ring in axis.collections)
        assert axis.collections


@pytest.mark.parametrize("channels", [1, 3])
def test_uint8_images_are_drawn_as_floats(channels):
    image = np.random.default_rng(0).integers(256, size=(5, 4, channels), dtype="uint8")
    figures = [plots.similarity(of, np.ones((5, 4, 2)), 0, 0) for of in (image, image / 255)]
    pair = [figure.axes[0].images[0].get_array() for figure in figures]
    np.testing.assert_allclose(*pair, rtol=np.finfo("float32").eps)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"image": np.zeros((4, 6))}, r"`image` must have shape .* shape=\(4, 6\)"),
        ({"image": np.zeros((4, 6, 2))}, "with 1 or 3 channels"),
        ({"vectors": np.zeros((6, 4, 3))}, r"`vectors` must have .*4, 6.* shape=\(6, 4, 3\)"),
        ({"vectors": np.zeros((4, 6))}, "`vectors` must have"),
        ({"row": 4}, "`row` must be an integer from 0 to 3. Received: 4"),
        ({"col": -1}, "`col` must be an integer from 0 to 5. Received: -1"),
        ({"col": 1.5}, "`col` must be an integer from 0 to 5. Received: 1.5"),
    ],
)
def test_invalid_arguments_are_value_errors(change, named):
    arguments = {"image": np.zeros((4, 6, 3)), "vectors": np.zeros((4, 6, 3)), "row": 0, "col": 0}
    with pytest.raises(ValueError, match=named):
        plots.similarity(**{**arguments, **change})
