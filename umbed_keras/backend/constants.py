"""Constant arrays as tensors on the device where they are used."""

from collections.abc import Mapping

import numpy as np
from keras import backend, ops

from umbed_keras.typing import Tensor


class Constants:
    """Arrays that functions of tensors read and that no optimizer changes.

    On PyTorch the tensors are kept for each device, so that they are copied there only once. On
    TensorFlow and JAX they become constants of the graph that is traced.

    Args:
        arrays: name to NumPy array.

    Examples:
        >>> constants = Constants({"scale": np.array([2.0, 3.0], "float32")})
        >>> tensors = constants.beside(keras.ops.ones(2))
        >>> keras.ops.convert_to_numpy(tensors["scale"]).tolist()
        [2.0, 3.0]
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        self._arrays = arrays
        self._tensors = {}

    def beside(self, tensor: Tensor) -> dict[str, Tensor]:
        """Returns the arrays as tensors on the device of a tensor.

        Args:
            tensor: any tensor of the backend.

        Returns:
            Name to tensor, of the shapes and dtypes of the arrays.
        """
        if backend.backend() != "torch":
            return self._converted()
        import torch

        # Tensors made in inference mode cannot be used where gradients are computed.
        key = (tensor.device, torch.is_inference_mode_enabled())
        if key not in self._tensors:
            self._tensors[key] = self._converted()
        return self._tensors[key]

    def _converted(self):
        return {name: ops.convert_to_tensor(array) for name, array in self._arrays.items()}
