"""Image metrics in `compile(metrics=[...])`, and the perceptual distance as a loss."""

import keras
import numpy as np
import pytest
from keras import ops

from umbed_keras.metrics import LPIPS, PSNR, SSIM, FrechetDistance, LPIPSNetwork


def autoencoder():
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(3, 3, padding="same", activation="sigmoid"),
        ]
    )


def extractor():
    return keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(2, 8, strides=8)])


def data(count):
    """Returns images in 0..1, and the same as uint8."""
    images = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype="uint8")
    return images.astype("float32") / 255, images


@pytest.mark.parametrize("jit_compile", ["auto", False])
def test_evaluate_equals_the_metrics_alone(random_lpips, jit_compile):
    if not jit_compile and keras.backend.backend() == "jax":
        pytest.skip("op by op, compiling takes half a minute on JAX")
    path = random_lpips("squeeze")

    def metrics():
        return [PSNR(), SSIM(), LPIPS("squeeze", path), FrechetDistance(features)]

    model, features = autoencoder(), extractor()
    model.compile(loss="mse", metrics=metrics(), jit_compile=jit_compile)
    images, targets = data(4)
    logs = model.evaluate(images, targets, batch_size=2, verbose=0, return_dict=True)
    for metric in metrics():
        metric.update_state(targets, model(images))
        expected = float(ops.convert_to_numpy(metric.result()))
        assert logs[metric.name] == pytest.approx(expected, rel=1e-3)


def test_fit_with_the_distance_as_loss_and_metric(random_lpips):
    path = random_lpips("squeeze")
    model = autoencoder()
    model.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss=LPIPSNetwork("squeeze", path),
        metrics=[LPIPS("squeeze", path), PSNR()],
    )
    images, _ = data(4)
    history = model.fit(images, images, batch_size=4, epochs=6, shuffle=False, verbose=0).history
    np.testing.assert_allclose(history["loss"], history["lpips"], rtol=1e-3)
    assert history["loss"][-1] < history["loss"][0]
    assert np.isfinite(history["psnr"]).all()


def test_callbacks_know_whether_higher_is_better(random_lpips):
    higher = {"psnr": True, "ssim": True, "lpips": False}
    model = autoencoder()
    model.compile(loss="mse", metrics=[PSNR(), SSIM(), LPIPS("squeeze", random_lpips("squeeze"))])
    stopping = {name: keras.callbacks.EarlyStopping(monitor=name) for name in higher}
    images, targets = data(2)
    model.fit(images, targets, verbose=0, callbacks=list(stopping.values()))
    monitored = {name: bool(callback.monitor_op(2.0, 1.0)) for name, callback in stopping.items()}
    assert monitored == higher
