"""What all models share: compiled methods."""

import numpy as np
import pytest
from keras import ops

import umbed_keras as uk


@pytest.fixture(scope="module")
def model():
    return uk.VQVAE(4, 2, downsamplings=1, filters=4, residual_blocks=0, residual_units=2)


def test_functions_of_one_name_are_compiled_apart(model):
    one, two = model._compiled(lambda x: x + 1), model._compiled(lambda x: x + 2)
    number = np.zeros((), "float32")
    assert [float(ops.convert_to_numpy(f(number))) for f in (one, two)] == [1, 2]


def test_a_bound_method_is_compiled_once(model):
    assert model._compiled(model.call) is model._compiled(model.call)
