"""What is inside a backbone runs in inference mode and keeps its own settings."""

import keras
import numpy as np
import pytest
from keras import ops

import umbed_keras as uk

numpy = ops.convert_to_numpy
IMAGES = np.random.default_rng(0).random((2, 8, 12, 3), "float32")


class Halves(uk.layers.Backbone):
    """Every other pixel of a network's output."""

    strides, channels, shares, reach = (2,), (3,), (1.0,), 0

    def __init__(self, network, **kwargs):
        super().__init__(**kwargs)
        self.network = network

    def call(self, images):
        return [self.network(images)[:, ::2, ::2]]


def normalization():
    """A batch normalization whose statistics aren't those of any batch, and dropout."""
    layer = keras.layers.BatchNormalization()
    network = keras.Sequential([keras.Input((None, None, 3)), layer, keras.layers.Dropout(0.5)])
    layer.moving_mean.assign([0.25, 0.5, 0.75])
    layer.moving_variance.assign([4.0, 1.0, 0.25])
    return network


def embedder(backbone):
    return uk.PixelEmbedder(
        4, patch_size=2, pyramid_levels=1, widths=(4,), hidden_units=(4,), backbone=backbone
    )


def expected(epsilon):
    scale = np.sqrt(np.array([4.0, 1.0, 0.25]) + epsilon)
    return ((IMAGES - [0.25, 0.5, 0.75]) / scale)[:, ::2, ::2]


def assert_unchanged(backbone, epsilon, rounding):
    """The backbone computes the same alone, and before and after training around it."""
    model = embedder(backbone)
    model.compile("adam")
    for training in (None, False, True):
        (features,) = backbone(IMAGES, training=training)
        bound = rounding(4, expected(epsilon))
        np.testing.assert_allclose(numpy(features), expected(epsilon), atol=bound)
    model.fit(IMAGES, pixels_per_image=8, verbose=0)
    (features,) = backbone(IMAGES)
    np.testing.assert_allclose(numpy(features), expected(epsilon), atol=bound)


def test_keras_layers_inside_run_in_inference_mode(rounding):
    assert_unchanged(Halves(normalization()), 1e-3, rounding)


@pytest.mark.torch_alone
@pytest.mark.parametrize("wrapped", [True, False])
def test_torch_modules_inside_run_in_inference_mode(wrapped, rounding):
    import torch

    class ChannelsLast(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm2d(3)
            self.norm.running_mean[:] = torch.tensor([0.25, 0.5, 0.75])
            self.norm.running_var[:] = torch.tensor([4.0, 1.0, 0.25])
            self.dropout = torch.nn.Dropout(0.5)

        def forward(self, images):
            return self.dropout(self.norm(images.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))

    module = ChannelsLast()
    backbone = Halves(keras.layers.TorchModuleWrapper(module) if wrapped else module)
    assert_unchanged(backbone, 1e-5, rounding)


def test_layers_after_a_backbone_keep_their_mode():
    class Mode(keras.layers.Layer):
        def call(self, inputs, training=None):
            self.training_mode = training
            return inputs

    class Outer(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.backbone, self.mode = Halves(normalization()), Mode()

        def call(self, images, training=None):
            return self.mode(self.backbone(images)[0])

    outer = Outer()
    for training in (True, False):
        outer(IMAGES, training=training)
        assert outer.mode.training_mode is training
    with pytest.raises(ValueError, match="3"):
        Halves(normalization())(IMAGES[..., :2])
    mode = Mode()  # no call is left open by the failure
    mode(IMAGES)
    assert not mode.training_mode


@pytest.mark.parametrize("make", [Halves, uk.layers.ModelBackbone])
def test_a_network_stays_trainable_elsewhere(make, rounding):
    convolution = keras.layers.Conv2D(3, 1)
    network = keras.Sequential([keras.Input((None, None, 3)), convolution])
    model = embedder(make(network))
    before = [numpy(weight).copy() for weight in network.weights]
    assert network.trainable
    assert len(network.trainable_weights) == 2
    assert not model.backbone.trainable_weights
    model.compile(keras.optimizers.AdamW(0.1, weight_decay=0.5))
    model.fit(IMAGES, pixels_per_image=8, verbose=0)
    for weight, value in zip(network.weights, before, strict=True):
        np.testing.assert_array_equal(numpy(weight), value)
    other = keras.Sequential([keras.Input((None, None, 3)), convolution])
    other.compile("sgd", "mse")
    other.fit(IMAGES, IMAGES, verbose=0)
    assert (numpy(convolution.kernel) != before[0]).any()
