import numpy as np
import pytest
from keras import ops

from umbed_keras.models.image_autoencoder.post_filter import PostFilter

numpy = ops.convert_to_numpy


def inputs(stride, channels, seed=0):
    random = np.random.default_rng(seed)
    return (
        random.normal(size=(2, 3, 4, 5)).astype("float32"),
        random.random((2, 3 * stride, 4 * stride, channels), dtype="float32"),
    )


@pytest.mark.parametrize(("stride", "channels"), [(8, 3), (4, 1)])
def test_it_adds_nothing_at_first(stride, channels):
    layer = PostFilter(channels, stride, filters=4, residual_blocks=1)
    latents, images = inputs(stride, channels)
    correction = numpy(layer(latents, images))
    assert correction.shape == images.shape
    assert not correction.any()


def test_it_sees_latents_and_images_and_reaches_as_far_as_its_kernels():
    layer = PostFilter(filters=4, residual_blocks=1)
    latents, images = inputs(8, 3)
    layer(latents, images)
    layer.exit.kernel.assign(np.random.default_rng(1).normal(size=layer.exit.kernel.shape))
    before = numpy(layer(latents, images))
    elsewhere = latents.copy()
    elsewhere[:, 0, 0] += 1
    moved = numpy(layer(elsewhere, images)) != before
    assert moved[:, :8, :8].any()
    # Four convolutions reach four pixels of half the resolution.
    assert not moved[:, 16:].any()
    assert not moved[:, :, 16:].any()
    brighter = images.copy()
    brighter[:, 0, 0] += 0.5
    moved = numpy(layer(latents, brighter)) != before
    assert moved[:, :8, :8].any()
    assert not moved[:, 10:].any()


def test_bad_arguments():
    for arguments in (
        {"stride": 2},
        {"stride": 5},
        {"filters": 0},
        {"residual_blocks": -1},
        {"channels": 0},
    ):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            PostFilter(**arguments)
