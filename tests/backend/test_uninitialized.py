import math

import keras
import numpy as np
import pytest

from umbed_keras.backend.uninitialized import uninitialized_variables


def test_a_model_of_a_petabyte_has_shapes():
    with uninitialized_variables():
        layer = keras.layers.Dense(1 << 24)
        layer.build((None, 1 << 24))
        assert sum(math.prod(weight.shape) for weight in layer.weights) == (1 << 48) + (1 << 24)


def test_nothing_is_left_to_be_initialized_later():
    def fail():
        with uninitialized_variables():
            keras.layers.Dense(1 << 24).build((None, 1 << 24))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    # A scope that initializes its variables would meet the ones before.
    with keras.StatelessScope(initialize_variables=True):
        layer = keras.layers.Dense(2)
        layer.build((None, 3))
    assert np.isfinite(keras.ops.convert_to_numpy(layer.kernel)).all()


@pytest.mark.torch_alone
def test_shapes_are_not_found_by_computing_much():
    class Scale(keras.layers.Layer):
        def call(self, inputs):
            return inputs * keras.ops.ones(5)

    with uninitialized_variables(), pytest.raises(ValueError, match=r"the shape \(1, 65536, 65536"):
        Scale()(keras.KerasTensor((1, 1 << 16, 1 << 16, 3)))
    with pytest.raises(RuntimeError):  # the mode ends with the context
        Scale()(keras.KerasTensor((1, 1, 3)))
