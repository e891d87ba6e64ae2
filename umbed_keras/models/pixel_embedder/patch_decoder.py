"""A decoder from latent vectors to patch pyramids."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.affine import Dense, cast_weights, dense
from umbed_keras.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="umbed_keras")
class PatchDecoder(keras.layers.Layer):
    """Decodes latent vectors to patch pyramids by a linear map plus a perceptron.

    Further outputs of the same map and perceptron decode the features of a backbone, if there is
    one. The perceptron's last layer starts at zero, so that the output is linear at first. Its
    input is divided by `scale`, the standard deviation of the latents.

    Args:
        patch_shape: ints `(levels, patch_size, patch_size, channels)`.
        hidden_units: ints, widths of the perceptron's hidden layers.
        features: int, number of features to decode beside the pyramid.
        **kwargs: `name`, `dtype` and further arguments of `keras.layers.Layer`.

    Call arguments:
        latents: tensor `(..., latent_dim)`.

    A call returns pyramids `(..., levels, patch_size, patch_size, channels)`, not clipped to 0..1.

    Examples:
        >>> layer = uk.layers.PatchDecoder((2, 4, 4, 3), hidden_units=(8,))
        >>> latents = np.random.default_rng(0).random((5, 6), dtype="float32")
        >>> tuple(layer(latents).shape)
        (5, 2, 4, 4, 3)
    """

    def __init__(
        self,
        patch_shape: Sequence[int],
        hidden_units: Sequence[int] = (128, 128),
        features: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.patch_shape = tuple(patch_shape)
        self.hidden_units = tuple(hidden_units)
        self.features = int(features)
        values = math.prod(self.patch_shape) + self.features
        dtype = self.dtype_policy
        self.linear = Dense(values, dtype=dtype, name="linear")
        self.hidden = [
            Dense(units, dtype=dtype, name=f"hidden_{index}")
            for index, units in enumerate(self.hidden_units)
        ]
        self.correction = Dense(
            values, kernel_initializer="zeros", use_bias=False, dtype=dtype, name="correction"
        )

    def build(self, input_shape: Shape) -> None:
        latent_dim = input_shape[-1]
        self.scale = self.add_weight(
            shape=(latent_dim,), initializer="ones", trainable=False, dtype="float32", name="scale"
        )
        self.linear.build((None, latent_dim))
        for layer, before in zip(self.hidden, (latent_dim, *self.hidden_units), strict=False):
            layer.build((None, before))
        self.correction.build((None, self.hidden_units[-1]))

    def set_map(self, matrix: np.ndarray, bias: np.ndarray, scale: np.ndarray) -> None:
        """Sets the linear map `latents @ matrix + bias` and the scale of the latents.

        Args:
            matrix: float32 array `(latent_dim, values)`, where `values` is the number of values in
                a pyramid plus `features`.
            bias: float32 array `(values,)`.
            scale: float32 array `(latent_dim,)`, standard deviations of the latents.
        """
        self.linear.kernel.assign(matrix)
        self.linear.bias.assign(bias)
        self.scale.assign(scale)

    def call(self, latents: Tensor) -> Tensor:
        """Decodes pyramids.

        Args:
            latents: tensor `(..., latent_dim)`.

        Returns:
            Tensor `(..., levels, patch_size, patch_size, channels)`, not clipped.
        """
        return self._decode(latents, math.prod(self.patch_shape), self.patch_shape)

    def with_features(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Decodes pyramids and features.

        Args:
            latents: tensor `(..., latent_dim)`.

        Returns:
            Tuple of the pyramids that `call` returns and a tensor `(..., features)`.
        """
        values = math.prod(self.patch_shape)
        outputs = self._decode(latents, values + self.features, (values + self.features,))
        patches = ops.reshape(outputs[..., :values], (*ops.shape(latents)[:-1], *self.patch_shape))
        return patches, outputs[..., values:]

    def finest(self, latents: Tensor) -> Tensor:
        """Decodes only level 0, to patches `(..., patch_size, patch_size, channels)`."""
        shape = self.patch_shape[1:]
        return self._decode(latents, math.prod(shape), shape)

    def _decode(self, latents, values, shape):
        """Computes the first `values` outputs, reshaped to `shape`."""
        latents = ops.cast(latents, self.compute_dtype)  # which Keras does in `call` alone
        hidden = latents / ops.cast(ops.convert_to_tensor(self.scale), latents.dtype)
        for layer in self.hidden:
            hidden = ops.relu(dense(hidden, *cast_weights(layer, latents.dtype)))
        linear, bias = cast_weights(self.linear, latents.dtype)
        correction, _ = cast_weights(self.correction, latents.dtype)
        # One matrix product computes both.
        patches = dense(
            ops.concatenate([latents, hidden], axis=-1),
            ops.concatenate([linear[:, :values], correction[:, :values]], axis=0),
            bias[:values],
        )
        return ops.reshape(patches, (*ops.shape(latents)[:-1], *shape))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], *self.patch_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "patch_shape": self.patch_shape,
            "hidden_units": self.hidden_units,
            "features": self.features,
        }
