import keras
import numpy as np
import pytest
from keras import ops

from umbed_keras.models.pixel_embedder.pyramid_projection import PyramidProjection
from umbed_keras.ops.patch_pyramid import patch_pyramid

UNITS, PATCH, LEVELS, CHANNELS = 5, 4, 3, 2
VALUES = LEVELS * PATCH**2 * CHANNELS  # of a pyramid
RADIUS = (PATCH // 2) * 2 ** (LEVELS - 1)
numpy = ops.convert_to_numpy


def images(height, width):
    """Returns images of values that bfloat16 represents exactly."""
    values = np.random.default_rng(0).integers(65, size=(2, height, width, CHANNELS))
    return (values / 64).astype("float32")


def pad(batch):
    widths = (RADIUS, RADIUS - 1)
    return np.pad(batch, ((0, 0), widths, widths, (0, 0)), mode="reflect")


def pyramids(batch):
    """Returns the pyramids of all pixels, float64 `(batch, height, width, values)`."""
    _, height, width, _ = batch.shape
    padded = pad(batch).astype("float64")
    blocks = []
    for side in (2**level for level in range(LEVELS)):
        corner = RADIUS - (PATCH // 2) * side
        for row in range(corner, corner + PATCH * side, side):
            for col in range(corner, corner + PATCH * side, side):
                shifts = [
                    padded[:, row + down : row + down + height, col + right : col + right + width]
                    for down in range(side)
                    for right in range(side)
                ]
                blocks.append(np.mean(shifts, axis=0))
    return np.concatenate(blocks, axis=-1)


def projection(**kwargs):
    """Returns a layer with a random map, and that map."""
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(VALUES, UNITS)).astype("float32")
    bias = rng.normal(size=UNITS).astype("float32")
    layer = PyramidProjection(UNITS, PATCH, LEVELS, CHANNELS, **kwargs)
    layer.build()
    layer.set_map(matrix, bias)
    return layer, matrix, bias


@pytest.mark.parametrize("size", [(9, 11), (3, 7), (1, 1)], ids=str)
def test_every_pixel_is_a_matrix_product_with_its_pyramid(size, rounding):
    layer, matrix, bias = projection()
    batch = images(*size)
    expected = pyramids(batch) @ matrix + bias
    outputs = numpy(layer(pad(batch)))
    np.testing.assert_allclose(outputs, expected, atol=rounding(VALUES, expected))


def test_chosen_pixels_equal_all_pixels(rounding):
    layer, _, _ = projection()
    batch = images(6, 7)
    rows, cols = (np.tile(axis.ravel(), (2, 1)) for axis in np.mgrid[:6, :7])
    gathered = patch_pyramid(batch, rows, cols, PATCH, LEVELS)
    dense = numpy(layer(pad(batch))).reshape(2, 42, UNITS)
    chosen = numpy(layer.project(gathered))
    np.testing.assert_allclose(chosen, dense, atol=rounding(VALUES, dense))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_computes_in_float32_under_any_policy(policy, rounding):
    layer, matrix, bias = projection(dtype=policy)
    batch = images(4, 4)
    expected = pyramids(batch) @ matrix + bias
    rows, cols = (np.tile(axis.ravel(), (2, 1)) for axis in np.mgrid[:4, :4])

    class Model(keras.layers.Layer):
        """Calls the projection's methods where its own layers' weights are cast."""

        def call(self, padded):
            return layer.project(patch_pyramid(batch, rows, cols, PATCH, LEVELS))

    chosen = Model(dtype=policy)(pad(batch))
    for outputs in (layer(pad(batch)), ops.reshape(chosen, expected.shape)):
        assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
        np.testing.assert_allclose(numpy(outputs), expected, atol=rounding(VALUES, expected))


def test_starts_with_orthonormal_columns_and_zero_at_grey(rounding):
    layer = PyramidProjection(UNITS, PATCH, LEVELS, CHANNELS)
    layer.build()
    grey = np.full((1, LEVELS, PATCH, PATCH, CHANNELS), 0.5, "float32")
    np.testing.assert_allclose(numpy(layer.project(grey)), 0, atol=rounding(VALUES, grey))
    basis = np.eye(grey.size, dtype="float32").reshape(-1, *grey.shape[1:]) + 0.5
    columns = numpy(layer.project(basis))
    np.testing.assert_allclose(columns.T @ columns, np.eye(UNITS), atol=rounding(VALUES))


def test_config_round_trip():
    layer, _, _ = projection(name="projection")
    copy = PyramidProjection.from_config(layer.get_config())
    copy.build()
    copy.set_weights(layer.get_weights())
    assert copy.get_config() == layer.get_config()
    np.testing.assert_array_equal(numpy(copy(pad(images(3, 3)))), numpy(layer(pad(images(3, 3)))))
