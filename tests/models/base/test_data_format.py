"""Models do not depend on the image data format of Keras: their channels are always last."""

import keras
import numpy as np
import pytest

import umbed_keras as uk

pytestmark = pytest.mark.torch_alone
SMALL = {"latent_dim": 4, "filters": 4, "residual_units": 2, "residual_blocks": 1}
MODELS = {
    "pixels": lambda: uk.PixelEmbedder(
        4,
        bottleneck=uk.layers.DictionaryBottleneck(8, 4, 2, seed=0),
        patch_size=4,
        pyramid_levels=2,
        widths=(4, 8),
        hidden_units=(8,),
    ),
    "vqvae": lambda: uk.VQVAE(8, **SMALL),
    "rvqvae": lambda: uk.RVQVAE(8, num_quantizers=2, **SMALL),
    "dlvae": lambda: uk.DLVAE(8, sparsity=2, **SMALL),
}


@pytest.fixture
def in_both():
    """`in_both(function)`: its results under both data formats, channels last first."""

    def call(function):
        results = []
        for data_format in ("channels_last", "channels_first"):
            keras.config.set_image_data_format(data_format)
            keras.utils.set_random_seed(0)
            results.append(function())
        return results

    before = keras.config.image_data_format()
    yield call
    keras.config.set_image_data_format(before)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (4, 12, 16, 3), dtype="uint8")


@pytest.mark.parametrize("kind", MODELS)
def test_models_learn_and_compute_the_same(kind, images, in_both, rounding):
    def outputs():
        model = MODELS[kind]()
        metrics = [uk.metrics.PSNR(), uk.metrics.SSIM()] if kind != "pixels" else []
        model.compile("adam", metrics=metrics)
        history = model.fit(images, batch_size=4, epochs=1, verbose=0).history
        codes = model.encode(images)
        embedded = {"embedded": model.embed(images)} if kind == "pixels" else {}
        return {
            **{name: values[-1] for name, values in history.items()},
            **codes,
            **embedded,
            "decoded": model.decode(codes),
            "rebuilt": model.reconstruct(images),
            "predicted": model.predict(images, verbose=0),
        }

    last, first = in_both(outputs)
    assert last.keys() == first.keys()
    for name, values in last.items():
        np.testing.assert_allclose(first[name], values, atol=rounding(64, values), err_msg=name)
