import numpy as np
import pytest

from umbed_keras import plots

pytest.importorskip("matplotlib")


def images(count=3, size=16, channels=3):
    """Returns images in which every pixel has another colour."""
    values = np.random.default_rng(0).permutation(count * size**2 * channels)
    return values.reshape(count, size, size, channels) / values.size


def sparse(count=3, size=16, **uses):
    """Returns codes whose first slots hold the given `(image, row, col): coefficient` per atom."""
    indices, coefficients = np.zeros((2, count, size, size, 2))
    for name, positions in uses.items():
        for position, coefficient in positions.items():
            indices[*position, 0], coefficients[*position, 0] = int(name[1:]), coefficient
    return indices.astype("int32"), coefficients.astype("float32")


def drawn(figure, rows):
    """Returns the surroundings that are drawn, a list for each row."""
    axes = np.reshape(figure.axes, (rows, -1))
    return [[axis.images[0].get_array() for axis in row if axis.images] for row in axes]


def labels(figure):
    return [text.get_text() for axis in figure.axes for text in axis.texts]


def middles(pictures, stack):
    """Returns the pixel in the middle of each picture, `(image, row, col)`."""
    pixels = []
    for picture in pictures:
        middle = picture[len(picture) // 2, len(picture) // 2]
        pixels.append(tuple(int(at) for at in np.argwhere((stack == middle).all(-1))[0]))
    return pixels


def test_rows_show_the_strongest_pixels_of_the_most_used_signed_atoms():
    stack = images()
    codes = sparse(
        a5={(0, 3, 4): 1, (0, 12, 9): 2, (1, 8, 8): -3, (2, 7, 6): 4},
        a2={(1, 2, 2): -5, (1, 5, 9): -1},
    )
    figure = plots.atom_gallery(stack, *codes, examples=2, window=4)
    assert labels(figure)[::2] == ["atom 5 +", "atom 2 −", "atom 5 −"]  # noqa: RUF001
    assert labels(figure)[1] == f"{100 * 3 / (3 * 16**2):.2g} %"
    rows = drawn(figure, 3)
    assert middles(rows[0], stack) == [(2, 7, 6), (0, 12, 9)]
    # Only one image uses it: the second pixel is a window away.
    assert middles(rows[1], stack) == [(1, 2, 2), (1, 5, 9)]
    assert middles(rows[2], stack) == [(1, 8, 8)]


def test_images_take_turns_and_pixels_are_a_window_apart():
    stack = images()
    positions = {(0, row, col): 9 + row + col for row in range(6, 9) for col in range(6, 9)}
    codes = sparse(a1={**positions, (0, 2, 2): 5, (1, 4, 4): 1, (2, 5, 5): 2})
    figure = plots.atom_gallery(stack, *codes, atoms=1, window=4)
    expected = [(0, 8, 8), (2, 5, 5), (1, 4, 4), (0, 2, 2)]
    assert middles(drawn(figure, 1)[0], stack) == expected


def test_surroundings_of_any_size_are_reflected_at_the_borders():
    stack = images(1, 5)
    figure = plots.atom_gallery(stack, *sparse(1, 5, a1={(0, 0, 4): 1}), window=24)
    padded = np.pad(stack[0], ((12, 12), (12, 12), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(drawn(figure, 1)[0][0], padded[0:24, 4:28])


def test_the_pixel_of_a_codebook_entry_lies_in_its_largest_area():
    stack = images(1)
    indices = np.zeros((1, 16, 16), "int64")
    indices[0, 2:4, 2:4] = 7
    indices[0, 8:13, 7:12] = 7
    figure = plots.atom_gallery(stack, indices, atoms=2, examples=1, window=5)
    assert labels(figure)[::2] == ["code 0", "code 7"]
    assert middles(drawn(figure, 2)[1], stack) == [(0, 10, 9)]


def test_the_pixel_of_a_square_is_its_middle():
    stack = images(1)
    codes = sparse(1, 4, a1={(0, 1, 2): 1})
    figure = plots.atom_gallery(stack, *codes, window=8)
    assert middles(drawn(figure, 1)[0], stack) == [(0, 6, 10)]


def test_a_map_is_coloured_where_an_image_uses_the_atom():
    stack = images(2)
    codes = sparse(2, 8, a1={(1, 3, 4): -2, (1, 5, 6): -1, (0, 1, 1): -4})
    figure = plots.atom_gallery(stack, *codes, atoms=1, examples=2, window=4, map_of=1)
    first, *others = figure.axes
    picture, colour = first.images
    grey = 0.45 + 0.55 * stack[1].mean(axis=-1)
    np.testing.assert_allclose(picture.get_array(), grey, rtol=1e-6)
    opacity = np.zeros((8, 8))
    # The 90 % quantile of 1 and 2 is 1.9.
    opacity[3, 4], opacity[5, 6] = 1, 1 / 1.9
    np.testing.assert_allclose(colour.get_array()[..., 3], opacity, rtol=1e-6)
    assert colour.get_extent() == picture.get_extent()
    # The pixels beside it are the same as without.
    plain = plots.atom_gallery(stack, *codes, atoms=1, examples=2, window=4)
    for axis, same in zip(others, plain.axes, strict=True):
        np.testing.assert_array_equal(axis.images[0].get_array(), same.images[0].get_array())


@pytest.mark.parametrize("channels", [1, 3])
def test_uint8_images_are_drawn_as_floats(channels):
    stack = np.uint8(255 * images(1, channels=channels))
    codes = sparse(1, a1={(0, 8, 8): 1})
    pairs = [drawn(plots.atom_gallery(of, *codes), 1)[0][0] for of in (stack, stack / 255)]
    np.testing.assert_allclose(*pairs, rtol=np.finfo("float32").eps)


def test_codes_without_uses_give_an_empty_figure():
    assert not labels(plots.atom_gallery(images(), *sparse()))


@pytest.mark.parametrize(
    ("change", "error", "named"),
    [
        ({"images": np.zeros((3, 16, 16))}, ValueError, r"`images` must .* shape=\(3, 16, 16\)"),
        ({"images": np.zeros((3, 16, 16, 2))}, ValueError, "with 1 or 3 channels"),
        ({"indices": np.zeros((3, 16, 16, 2))}, TypeError, "`indices` must be integers.*float64"),
        ({"indices": np.zeros((2, 16, 16), int)}, ValueError, "`indices` must have shape"),
        ({"indices": np.zeros((3, 5, 5), int)}, ValueError, "divided by one integer"),
        ({"indices": np.zeros((3, 8, 4), int)}, ValueError, "divided by one integer"),
        ({"indices": np.zeros((3, 16), int)}, ValueError, "`indices` must have shape"),
        ({"coefficients": np.zeros((3, 16, 16))}, ValueError, "`coefficients` must have the shape"),
        ({"atoms": 0}, ValueError, "`atoms` must be an integer >= 1. Received: 0"),
        ({"examples": 2.5}, ValueError, "`examples` must be an integer >= 1. Received: 2.5"),
        ({"window": -1}, ValueError, "`window` must be an integer >= 1. Received: -1"),
        ({"map_of": 3}, ValueError, "`map_of` must be the number of an image, below 3"),
    ],
)
def test_invalid_arguments_raise_errors(change, error, named):
    indices, coefficients = sparse()
    arguments = {"images": images(), "indices": indices, "coefficients": coefficients, **change}
    with pytest.raises(error, match=named):
        plots.atom_gallery(**arguments)
