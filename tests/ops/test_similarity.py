import numpy as np
import pytest
from scipy.spatial.distance import cosine

from umbed_keras.ops.similarity import check_pixel, cosines_to


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cosines_are_those_of_scipy(dtype, rounding):
    random = np.random.default_rng(0)
    vectors, vector = random.normal(size=(4, 6, 5)).astype(dtype), random.normal(size=5)
    cosines = cosines_to(vectors, vector.astype(dtype))
    assert (cosines.shape, cosines.dtype) == ((4, 6), dtype)
    expected = np.array(
        [[1 - cosine(one.astype("float64"), vector) for one in row] for row in vectors]
    )
    np.testing.assert_allclose(cosines, expected, rtol=0, atol=rounding(5, dtype=dtype))


def test_a_vector_of_zeros_is_similar_to_none():
    assert cosines_to(np.array([[0.0, 0.0], [0.0, 2.0]]), np.array([0.0, 1.0])).tolist() == [0, 1]
    assert cosines_to(np.ones((2, 3)), np.zeros(3)).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("row", "col", "message"),
    [
        (4, 0, "`row` must be an integer from 0 to 3. Received: 4"),
        (0, -1, "`col` must be an integer from 0 to 5. Received: -1"),
        (0, 1.5, "`col` must be an integer from 0 to 5. Received: 1.5"),
    ],
)
def test_pixels_outside_are_refused(row, col, message):
    check_pixel((4, 6), np.int64(3), 5)
    with pytest.raises(ValueError, match=message):
        check_pixel((4, 6, 3), row, col)
