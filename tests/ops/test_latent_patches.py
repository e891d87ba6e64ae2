import numpy as np
import pytest
from keras import ops

from umbed_keras.ops.latent_patches import from_patches, to_patches

numpy = ops.convert_to_numpy


@pytest.mark.parametrize("size", [1, 2, 4])
def test_patches_are_joined_channel_by_channel(size):
    latents = np.random.default_rng(0).random((2, 8, 4, 3)).astype("float32")
    vectors = numpy(to_patches(ops.convert_to_tensor(latents), size))
    assert vectors.shape == (2, 8 // size, 4 // size, 3 * size**2)
    first = latents[1, size : 2 * size, :size]
    np.testing.assert_array_equal(vectors[1, 1, 0], first.transpose(2, 0, 1).ravel())
    np.testing.assert_array_equal(
        numpy(from_patches(ops.convert_to_tensor(vectors), size)), latents
    )
