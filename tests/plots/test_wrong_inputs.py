"""Inputs that would be drawn as something else are refused."""

import numpy as np
import pytest

from umbed_keras import plots

pytest.importorskip("matplotlib")

RANDOM = np.random.default_rng(0)
IMAGE, VECTORS = RANDOM.random((6, 5, 3)), RANDOM.normal(size=(6, 5, 4))
CODES, COEFFICIENTS = RANDOM.integers(8, size=(1, 6, 5, 2)), RANDOM.normal(size=(1, 6, 5, 2))
HOLE = np.where(np.arange(4) == 2, np.nan, VECTORS)


def with_nan(array, index):
    array = np.array(array, "float64")
    array[index] = np.nan
    return array


REFUSED = {
    "clusters of floats": (lambda: plots.clusters(IMAGE, IMAGE[..., 0]), TypeError, "`numbers`"),
    "codes of floats": (
        lambda: plots.embedding(IMAGE, VECTORS, IMAGE, code_map=IMAGE[..., 0]),
        TypeError,
        "`code_map` must be integers",
    ),
    "codes of another image": (
        lambda: plots.embedding(IMAGE, VECTORS, IMAGE, code_map=CODES[0, :3, :, 0]),
        ValueError,
        "`code_map` must have shape",
    ),
    "pixel of one number": (
        lambda: plots.embedding(IMAGE, VECTORS, IMAGE, pixel=(2,)),
        ValueError,
        "`pixel`",
    ),
    "pixel without data": (
        lambda: plots.embedding(IMAGE, with_nan(VECTORS, (2, 3)), IMAGE, pixel=(2, 3)),
        ValueError,
        "row 2, column 3 must be finite",
    ),
    "similarity to no data": (
        lambda: plots.similarity(IMAGE, with_nan(VECTORS, (2, 3)), 2, 3),
        ValueError,
        "row 2, column 3 must be finite",
    ),
    "colours of partly NaN": (
        lambda: plots.embedding_to_rgb(HOLE),
        ValueError,
        "`vectors` must be finite.*in 30 of 30 vectors",
    ),
    "colours of NaN alone": (lambda: plots.embedding_to_rgb(np.nan * VECTORS), ValueError, "30 of"),
    "colours of a batch": (lambda: plots.embedding_to_rgb(VECTORS[None]), ValueError, "shape"),
    "colours of nothing": (lambda: plots.embedding_to_rgb(VECTORS[:0]), ValueError, "shape"),
    "heat maps of floats": (
        lambda: plots.code_heatmaps(IMAGE[None], COEFFICIENTS[..., 0], COEFFICIENTS),
        TypeError,
        "`indices` must be integers",
    ),
    "heat maps of other positions": (
        lambda: plots.code_heatmaps(IMAGE[None], CODES[:, :3, :, 0], COEFFICIENTS),
        ValueError,
        "`indices` must have shape",
    ),
    "heat maps of NaN": (
        lambda: plots.code_heatmaps(IMAGE[None], CODES[..., 0], np.nan * COEFFICIENTS),
        ValueError,
        "`coefficients` must be finite",
    ),
    "atoms below 0": (
        lambda: plots.atom_gallery(IMAGE[None], CODES - 3),
        ValueError,
        "`indices` must be at least 0",
    ),
    "atoms of NaN": (
        lambda: plots.atom_gallery(IMAGE[None], CODES, np.nan * COEFFICIENTS),
        ValueError,
        "`coefficients` must be finite",
    ),
    "rates of 0": (
        lambda: plots.rate_distortion({"VQ": {"rate": [0, 8.0], "PSNR": [20.0, 30.0]}}),
        ValueError,
        "Rates must be above 0.*'VQ'",
    ),
    "other measures": (
        lambda: plots.rate_distortion(
            {"VQ": {"rate": [8], "PSNR": [30]}, "DL": {"rate": [8], "PSNR": [30], "SSIM": [1]}}
        ),
        ValueError,
        "`settings`.*SSIM",
    ),
    "lines of NaN": (
        lambda: plots.parallel_coordinates({"size": [1, 2], "error": [np.nan, np.nan]}),
        ValueError,
        "`columns`",
    ),
    "columns of other lengths": (
        lambda: plots.parallel_coordinates({"size": [1, 2], "error": [0.5]}),
        ValueError,
        "`columns` must have one length.*'size': 2",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    draw, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        draw()


def test_colours_of_pixels_without_data_are_black(rounding):
    colours = plots.embedding_to_rgb(with_nan(VECTORS, slice(2, 3)))
    assert not colours[2].any()
    others = np.delete(VECTORS, 2, axis=0)
    expected = plots.embedding_to_rgb(others)
    np.testing.assert_allclose(
        np.delete(colours, 2, axis=0), expected, atol=rounding(30, dtype="float64")
    )


def test_trials_that_failed_are_left_out():
    columns = {"size": [1, 2, 4], "error": [np.nan, 0.5, 0.25]}
    axis = plots.parallel_coordinates(columns).axes[0]
    heights = [line.get_ydata() for line in axis.get_lines()[len(columns) :]]
    np.testing.assert_allclose(heights, [[0, 1], [1, 0]])


def test_the_scale_of_errors_is_that_of_pixels_with_data():
    rebuilt = np.clip(IMAGE + 0.1, 0, 1)[None]
    figure = plots.reconstructions(IMAGE[None], {"a": with_nan(rebuilt, (0, 2, 3))})
    drawn = figure.axes[2].images[0]
    assert drawn.norm.vmax == pytest.approx(0.1, rel=1e-6)


def test_shares_of_uses_sum_to_one():
    axis = plots.usage_bars({"VQ": [0.25, 0.25]}).axes[0]
    assert [bar.get_height() for bar in axis.patches] == [50, 50]
