"""`fit`, `evaluate` and their counterparts for one batch."""

import functools

import keras
import numpy as np
import pytest

import umbed_keras as uk

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 8, 12, 3), dtype="uint8")
MODELS = {
    "embedder": functools.partial(
        uk.PixelEmbedder,
        4,
        patch_size=4,
        pyramid_levels=1,
        widths=(2, 2),
        hidden_units=(4,),
        pixels_per_image=8,
    ),
    "autoencoder": functools.partial(uk.VQVAE, 8, 4, filters=4, residual_blocks=0),
}
every_model = pytest.mark.parametrize("kind", MODELS)


def compiled(kind):
    keras.utils.set_random_seed(0)
    model = MODELS[kind]()
    model.compile(keras.optimizers.SGD(0.1))
    return model


@pytest.fixture(scope="module")
def trained():
    """A model of each kind, trained on one batch. Tests must not train it further."""
    models = {}
    for kind in MODELS:
        models[kind] = compiled(kind)
        models[kind].train_on_batch(IMAGES)
    return models


@every_model
def test_training_on_batches_equals_fit(kind):
    one, other = compiled(kind), compiled(kind)
    history = one.fit(IMAGES, batch_size=4, epochs=2, shuffle=False, verbose=0).history
    for epoch in range(2):
        # Metrics are of all batches since they were last reset, as in Keras.
        other.reset_metrics()
        logs = other.train_on_batch(IMAGES, return_dict=True)
        for name, values in history.items():
            np.testing.assert_allclose(logs[name], values[epoch], rtol=1e-5, err_msg=name)
    for weight, expected in zip(other.get_weights(), one.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-6)


@every_model
def test_testing_on_a_batch_equals_evaluate(trained, kind):
    model = trained[kind]
    expected = model.evaluate(IMAGES, batch_size=4, verbose=0, return_dict=True)
    model.reset_metrics()
    logs = model.test_on_batch(IMAGES, return_dict=True)
    assert logs.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(logs[name], value, rtol=1e-5, err_msg=name)
    assert len(model.test_on_batch(IMAGES)) == len(expected)


@every_model
def test_predicting_on_a_batch_equals_predict(trained, kind):
    model = trained[kind]
    expected = model.predict(IMAGES, batch_size=4, verbose=0)
    np.testing.assert_allclose(model.predict_on_batch(IMAGES), expected, atol=1e-6)


def test_a_batch_of_a_loader_begins_with_images(trained):
    labels = np.zeros(4)
    expected = trained["autoencoder"].test_on_batch(IMAGES)
    assert trained["autoencoder"].test_on_batch((IMAGES, labels)) == expected


def test_pixels_of_a_batch_can_be_counted(trained):
    trained["embedder"].test_on_batch(IMAGES, pixels_per_image=3)
    with pytest.raises(TypeError, match="pixels_per_image"):
        trained["autoencoder"].test_on_batch(IMAGES, pixels_per_image=3)


@pytest.mark.parametrize("method", ["train_on_batch", "test_on_batch", "predict_on_batch"])
def test_a_bad_batch_is_refused(trained, method):
    run = getattr(trained["autoencoder"], method)
    with pytest.raises(ValueError, match="channels"):
        run(IMAGES[..., :1])
    with pytest.raises(TypeError, match="uint8"):
        run(IMAGES.astype("int32"))


@pytest.mark.parametrize("method", ["train_on_batch", "test_on_batch"])
def test_a_model_must_be_compiled_first(method):
    with pytest.raises(ValueError, match="compile"):
        getattr(MODELS["autoencoder"](), method)(IMAGES)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("fit", ("y", "sample_weight", "class_weight")),
        ("evaluate", ("y", "sample_weight")),
        ("train_on_batch", ("y", "sample_weight", "class_weight")),
        ("test_on_batch", ("y", "sample_weight")),
    ],
)
def test_labels_and_weights_are_refused_by_name(trained, method, arguments):
    for name in arguments:
        value = {0: 1.0} if name == "class_weight" else np.ones(4)
        with pytest.raises(ValueError, match=f"`{method}` .*`{name}`"):
            getattr(trained["autoencoder"], method)(IMAGES, **{name: value})


class Weighted(keras.utils.PyDataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return IMAGES, np.zeros(4), np.ones(4)


@pytest.mark.parametrize(
    "data",
    [[(IMAGES, None, np.ones(4))], Weighted()],
    ids=["iterable", "PyDataset"],
)
def test_weights_in_the_data_are_refused(trained, data):
    with pytest.raises(ValueError, match="sample_weight"):
        compiled("autoencoder").fit(data, verbose=0)
    with pytest.raises(ValueError, match="sample_weight"):
        compiled("autoencoder").fit(IMAGES, validation_data=(IMAGES, None, np.ones(4)), verbose=0)
    # A third part that is None is none.
    trained["autoencoder"].evaluate([(IMAGES, np.zeros(4), None)], verbose=0)
