import keras
import numpy as np
import pytest
from keras import ops

from umbed_keras.backend.constants import Constants

ARRAYS = {"scale": np.array([2.0, 3.0], "float32"), "index": np.array([1, 0], "int32")}


def test_arrays_come_as_tensors():
    tensors = Constants(ARRAYS).beside(ops.ones(2))
    for name, array in ARRAYS.items():
        assert ops.dtype(tensors[name]) == array.dtype.name
        np.testing.assert_array_equal(ops.convert_to_numpy(tensors[name]), array)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="kept on PyTorch alone")
def test_tensors_are_kept_but_not_those_of_inference_mode():
    import torch

    constants, weight = Constants(ARRAYS), torch.ones(2, requires_grad=True)
    with torch.inference_mode():
        inside = constants.beside(weight)["scale"]
        assert inside.is_inference()
    outside = constants.beside(weight)["scale"]
    assert constants.beside(weight)["scale"] is outside
    (weight * outside).sum().backward()
    np.testing.assert_array_equal(weight.grad.numpy(), ARRAYS["scale"])
