"""From a latent vector back to a patch pyramid."""

import math

import keras
from keras import ops

from umbed_keras.backend.affine import cast_weights, dense


@keras.saving.register_keras_serializable(package="umbed_keras")
class PatchDecoder(keras.layers.Layer):
    """Decodes latent vectors to patch pyramids: a linear map plus a perceptron beside it.

    And, by further outputs of the same, to features where there are any.

    The perceptron's last layer starts at zero, so that the linear map alone answers first. Its
    input is divided by `scale`, the latents' usual size.

    Args:
        patch_shape: `(levels, patch, patch, channels)`.
        hidden_units: ints, widths of the perceptron's hidden layers.
        features: int, numbers that stand for a pixel's features.
    """

    def __init__(self, patch_shape, hidden_units=(128, 128), features=0, **kwargs):
        super().__init__(**kwargs)
        self.patch_shape = tuple(patch_shape)
        self.hidden_units = tuple(hidden_units)
        self.features = int(features)
        values = math.prod(self.patch_shape) + self.features
        dtype = self.dtype_policy
        self.linear = keras.layers.Dense(values, dtype=dtype, name="linear")
        self.hidden = [
            keras.layers.Dense(units, dtype=dtype, name=f"hidden_{index}")
            for index, units in enumerate(self.hidden_units)
        ]
        self.correction = keras.layers.Dense(
            values, kernel_initializer="zeros", use_bias=False, dtype=dtype, name="correction"
        )

    def build(self, input_shape):
        latent_dim = input_shape[-1]
        self.scale = self.add_weight(
            shape=(latent_dim,), initializer="ones", trainable=False, dtype="float32", name="scale"
        )
        self.linear.build((None, latent_dim))
        for layer, before in zip(self.hidden, (latent_dim, *self.hidden_units), strict=False):
            layer.build((None, before))
        self.correction.build((None, self.hidden_units[-1]))

    def set_map(self, matrix, bias, scale):
        """Sets the linear map `latents @ matrix + bias` and the latents' usual size."""
        self.linear.kernel.assign(matrix)
        self.linear.bias.assign(bias)
        self.scale.assign(scale)

    def call(self, latents):
        """Decodes `(..., latent_dim)` to `(..., levels, patch, patch, channels)`, unclipped."""
        return self._decode(latents, math.prod(self.patch_shape), self.patch_shape)

    def with_features(self, latents):
        """Decodes to what `call` gives and to features `(..., features)`."""
        values = math.prod(self.patch_shape)
        outputs = self._decode(latents, values + self.features, (values + self.features,))
        patches = ops.reshape(outputs[..., :values], (*ops.shape(latents)[:-1], *self.patch_shape))
        return patches, outputs[..., values:]

    def finest(self, latents):
        """Decodes level 0 alone: `(..., patch, patch, channels)`."""
        shape = self.patch_shape[1:]
        return self._decode(latents, math.prod(shape), shape)

    def _decode(self, latents, values, shape):
        """The first `values` outputs, in `shape`."""
        latents = ops.cast(latents, self.compute_dtype)  # `finest` comes here without a call
        hidden = latents / ops.cast(ops.convert_to_tensor(self.scale), latents.dtype)
        for layer in self.hidden:
            hidden = ops.relu(dense(hidden, *cast_weights(layer, latents.dtype)))
        linear, bias = cast_weights(self.linear, latents.dtype)
        correction, _ = cast_weights(self.correction, latents.dtype)
        # One product for both.
        patches = dense(
            ops.concatenate([latents, hidden], axis=-1),
            ops.concatenate([linear[:, :values], correction[:, :values]], axis=0),
            bias[:values],
        )
        return ops.reshape(patches, (*ops.shape(latents)[:-1], *shape))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], *self.patch_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "patch_shape": self.patch_shape,
            "hidden_units": self.hidden_units,
            "features": self.features,
        }
