"""Features that are computed once for all epochs change nothing but the time."""

import keras
import numpy as np
import pytest
from keras import ops

import umbed_keras as uk
from umbed_keras.models.pixel_embedder import kept_features

numpy = ops.convert_to_numpy
IMAGES = np.random.default_rng(0).integers(256, size=(5, 10, 13, 3), dtype="uint8")


class Counting(uk.layers.ModelBackbone):
    """Counts the images that pass through it, where it is not compiled."""

    images = 0

    def call(self, images):
        self.images += images.shape[0] or 0
        return super().call(images)


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, None, 3))
    fine = keras.layers.Conv2D(4, 3, 2, "same", activation="tanh")(inputs)
    coarse = keras.layers.Conv2D(5, 3, 2, "same", activation="tanh")(fine)
    backbone = Counting(keras.Model(inputs, [fine, coarse]))
    model = uk.PixelEmbedder(
        4, 2, 1, widths=(4,), hidden_units=(4,), backbone=backbone, pixels_per_image=8
    )
    model.adapt(IMAGES)
    model.compile(keras.optimizers.SGD(0.1))
    backbone.images = 0
    return model


def fitted(monkeypatch, kept, **options):
    model = make_model()
    monkeypatch.setattr(kept_features, "KEPT_BYTES", 2 << 30 if kept else 0)
    options = {"batch_size": 2, "epochs": 3, "verbose": 0, **options}
    return model, model.fit(IMAGES, **options).history


def test_the_weights_are_the_same(monkeypatch, rounding):
    options = {"validation_data": IMAGES[1:4]}
    (one, history), (other, expected) = (fitted(monkeypatch, kept, **options) for kept in (1, 0))
    for weight, value in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weight, value, rtol=0, atol=rounding(300, value))
    for name, values in expected.items():
        assert history[name] == pytest.approx(values, rel=1e-4, abs=1e-6)
    # The model has learned something.
    assert history["loss"][-1] != history["loss"][0]


@pytest.mark.torch_alone
def test_each_image_passes_once(monkeypatch):
    assert fitted(monkeypatch, False)[0].backbone.images == 15
    # The last batch is filled up by one image that was there before.
    assert fitted(monkeypatch, True)[0].backbone.images == 6
    # One pass needs no memory.
    assert fitted(monkeypatch, True, epochs=1)[0].backbone.images == 5
    assert fitted(monkeypatch, True, steps_per_epoch=1, epochs=2)[0].backbone.images == 4
    assert fitted(monkeypatch, True, validation_data=IMAGES[:2])[0].backbone.images == 8


@pytest.mark.torch_alone
def test_what_is_too_large_is_not_kept(monkeypatch):
    model = make_model()
    size = 5 * (6 * 8 * 4 + 3 * 4 * 5) * 4
    for budget, images in ((size, 6), (size - 1, 15)):
        monkeypatch.setattr(kept_features, "KEPT_BYTES", budget)
        model.backbone.images = 0
        model.fit(IMAGES, batch_size=2, epochs=3, verbose=0)
        assert model.backbone.images == images


@pytest.mark.torch_alone
def test_batches_that_may_differ_are_not_kept(monkeypatch):
    model = make_model()
    model.fit([IMAGES[:2], IMAGES[2:]], epochs=2, verbose=0)
    assert model.backbone.images == 10
