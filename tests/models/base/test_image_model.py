"""What all models share: compiled methods, and checks of weights."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops

import umbed_keras as uk
from umbed_keras.zoo.weights import check_finite


@pytest.fixture(scope="module")
def model():
    return uk.VQVAE(4, 2, downsamplings=1, filters=4, residual_blocks=0, residual_units=2)


def test_functions_of_one_name_are_compiled_apart(model):
    one, two = model._compiled(lambda x: x + 1), model._compiled(lambda x: x + 2)
    number = np.zeros((), "float32")
    assert [float(ops.convert_to_numpy(f(number))) for f in (one, two)] == [1, 2]


def test_a_bound_method_is_compiled_once(model):
    assert model._compiled(model.call) is model._compiled(model.call)


def test_repr_states_sizes_bottleneck_backbone_and_preset(model, tmp_path):
    text = "VQVAE(latent_dim=2, bottleneck=VectorQuantizer(num_embeddings=4, latent_dim=2)"
    assert repr(model) == str(model) == f"{text})"
    model.save_to_preset(tmp_path / "mine")
    loaded = uk.VQVAE.from_preset(tmp_path / "mine")
    assert repr(loaded) == f"{text}, preset={str(tmp_path / 'mine')!r})"
    embedder = uk.PixelEmbedder.from_preset("natural_lite0_vae_d32")
    assert repr(embedder) == (
        "PixelEmbedder(latent_dim=32, bottleneck=GaussianBottleneck(latent_dim=32), "
        "backbone=EfficientNetLite0, preset='natural_lite0_vae_d32')"
    )


@pytest.mark.parametrize(
    ("bottleneck", "text"),
    [
        (uk.layers.DictionaryBottleneck(8, 4, 2), "num_atoms=8, latent_dim=4, sparsity=2"),
        (
            uk.layers.ResidualVectorQuantizer(8, 4, 3),
            "num_embeddings=8, latent_dim=4, num_quantizers=3",
        ),
        (uk.layers.ScalarQuantizer(4), "latent_dim=4"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_repr_of_a_bottleneck_states_its_sizes(bottleneck, text):
    assert repr(bottleneck) == f"{type(bottleneck).__name__}({text})"
    # Keras prints layers inside others.
    assert type(bottleneck).__name__ in repr(keras.Sequential([bottleneck]).layers)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_finite_weights_are_checked_without_a_warning(dtype):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, dtype=dtype)])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        check_finite(model, model)
    model.layers[0].bias.assign([np.inf])
    with pytest.raises(ValueError, match="bias"):
        check_finite(model, model)


def test_a_file_stays_whole_where_saving_fails(model, tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    model.save(path)
    before = path.read_bytes()

    def fail(store):
        raise OSError("No space left on device")

    monkeypatch.setattr(model.bottleneck, "save_own_variables", fail)
    with pytest.raises(OSError, match="space"):
        model.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
