"""Arrays that are computed tile by tile."""

import numpy as np
import pytest
import zarr
from scipy import ndimage

from umbed_keras.images.stored_image import StoredImage
from umbed_keras.images.tiled_map import largest_tile, output_array, tiled_map
from umbed_keras.images.tiles import tile_grid, tile_views, window


@pytest.fixture
def array():
    return np.random.default_rng(0).random((37, 53))


def box_mean(array):
    return ndimage.uniform_filter(array, 5, mode="reflect")


def test_a_filter_over_tiles_with_its_halo_is_the_filter_of_the_whole(array):
    result = tiled_map(lambda *side: box_mean(array[side]), array.shape, (16, 16), halo=2)
    np.testing.assert_allclose(result, box_mean(array), rtol=1e-12)


def test_without_the_halo_it_differs(array):
    result = tiled_map(lambda *side: box_mean(array[side]), array.shape, (16, 16))
    assert np.abs(result - box_mean(array)).max() > 0.1


@pytest.mark.parametrize("tile_shape", [(16, 16), (64, 64)])
def test_structures_keep_their_dtypes_and_trailing_axes(array, tile_shape):
    def function(*side):
        return {"sign": (array[side] > 0.5), "pair": np.stack([array[side]] * 2, axis=-1)}

    result = tiled_map(function, array.shape, tile_shape)
    np.testing.assert_array_equal(result["sign"], array > 0.5)
    np.testing.assert_array_equal(result["pair"], np.stack([array, array], axis=-1))
    assert result["pair"].flags.writeable
    assert result["pair"].flags.c_contiguous


def test_results_are_cast_to_the_dtype_of_out(array, tmp_path):
    out = zarr.create_array(tmp_path / "out.zarr", shape=array.shape, chunks=(16, 16), dtype="u1")
    assert tiled_map(lambda *side: 200 * array[side], array.shape, (16, 16), out) is out
    np.testing.assert_array_equal(out[:], (200 * array).astype("uint8"))


def test_progress_counts_tiles(array, capsys):
    tiled_map(lambda *side: array[side], array.shape, (16, 16), verbose=1)
    assert "12/12" in capsys.readouterr().out


def test_tiles_cover_everything_once():
    count = np.zeros((5, 37, 53), int)
    for tile in tile_grid(count.shape, (2, 16, 64)):
        count[tile] += 1
    assert (count == 1).all()


@pytest.mark.parametrize("out", [np.empty((2, 4), "f4"), np.empty((2, 3), "f8"), [1], "out.npy"])
def test_an_array_that_does_not_hold_the_results_is_refused(out):
    with pytest.raises(ValueError, match=r"`out` must be a float32 array of shape \(2, 3\)"):
        output_array(out, (2, 3), "float32")


@pytest.mark.parametrize("dtype", ["int8", "float32", "bool"])
def test_integers_that_do_not_hold_all_values_are_refused(dtype):
    with pytest.raises(ValueError, match=r"integers that hold \[  1 200\]"):
        output_array(np.empty((2, 3), dtype), (2, 3), "int64", values=np.array([1, 200]))


@pytest.mark.parametrize("budget", [10_000, 123_456, 5_000_000])
def test_the_largest_tile_fits_and_the_next_does_not(budget):
    def needed(side):
        return 1000 + 10 * (side + 2 * 8) ** 2

    side = largest_tile(budget, bytes_per_pixel=10, reserved=1000, halo=8, stride=4)
    assert side % 4 == 0
    assert needed(side) <= budget < needed(side + 4)


def test_a_budget_below_the_smallest_tile_is_refused():
    least = 1000 + 10 * (4 + 2 * 8) ** 2
    assert largest_tile(least, 10, reserved=1000, halo=8, stride=4) == 4
    with pytest.raises(ValueError, match=f"at least {least:,} bytes"):
        largest_tile(least - 1, 10, reserved=1000, halo=8, stride=4)


@pytest.mark.parametrize("rows", [(0, 7), (-3, 4), (5, 12), (-20, 30)])
def test_windows_are_reflected_where_they_leave_the_image(rows):
    image = np.random.default_rng(0).integers(0, 256, (7, 1, 3), dtype="uint8")
    padded = np.pad(image / 255, ((20, 30), (4, 4), (0, 0)), mode="reflect")
    result = window(StoredImage(image, 3), slice(0, 1), rows, (-2, 3))[0]
    # A float32 division rounds by half a unit in the last place.
    expected = padded[rows[0] + 20 : rows[1] + 20, 2:7]
    np.testing.assert_allclose(result, expected, rtol=2**-24)


def test_a_view_ends_at_a_multiple_of_the_stride():
    images = np.zeros((2, 21, 50, 3), "float32")
    tile = slice(0, 2), slice(16, 21), slice(16, 32)
    view, surrounded, top, left = tile_views(images, tile, stride=8, halo=16, reach=3)
    assert (view.shape, surrounded.shape) == ((2, 24, 48, 3), (2, 10, 21, 3))
    assert (top, left) == (16, 16)
