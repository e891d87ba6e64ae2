import keras
import pytest

import umbed_keras as uk
from umbed_keras.models.image_autoencoder.named_autoencoder import NamedAutoencoder

SMALL = {"filters": 4, "residual_units": 2, "residual_blocks": 1}


class VAE(NamedAutoencoder):
    bottleneck_class = uk.layers.GaussianBottleneck

    def __init__(self, latent_dim=64, kl_weight=1e-4, seed=0, **kwargs):
        super().__init__({"kl_weight": kl_weight, "seed": seed}, latent_dim, seed=seed, **kwargs)


def test_a_named_model_is_a_bottleneck_and_its_arguments():
    model = VAE(4, kl_weight=0.5, patch_size=2, seed=3, **SMALL)
    config = model.get_config()
    assert "bottleneck" not in config
    assert (config["latent_dim"], config["kl_weight"], config["patch_size"]) == (4, 0.5, 2)
    assert VAE.from_config(config).get_config() == config
    assert model.bottleneck.get_config() == {
        **uk.layers.GaussianBottleneck(16, kl_weight=0.5, seed=3).get_config(),
        "name": "bottleneck",
        "dtype": keras.saving.serialize_keras_object(keras.DTypePolicy("float32")),
    }


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (uk.VQVAE, {"num_embeddings": 7, "commitment_weight": 0.5}),
        (
            uk.RVQVAE,
            {
                "num_embeddings": 7,
                "num_quantizers": 2,
                "shared_codebook": True,
                "commitment_weight": 0.5,
            },
        ),
        (
            uk.DLVAE,
            {
                "num_atoms": 7,
                "sparsity": 2,
                "coefficient_bits": 5,
                "commitment_weight": 0.5,
                "selection": "ols",
                "quantization": "mu_law",
            },
        ),
        (uk.FSQVAE, {"levels": [5, 4, 3, 2]}),
    ],
    ids=["vqvae", "rvqvae", "dlvae", "fsqvae"],
)
def test_every_argument_is_in_the_configuration_and_reaches_the_bottleneck(make, arguments):
    model = make(latent_dim=4, seed=3, **arguments, **SMALL)
    config, bottleneck = model.get_config(), model.bottleneck.get_config()
    assert (config["seed"], bottleneck.get("seed", 3)) == (3, 3)  # FSQ has no random numbers
    for name, value in {**arguments, "latent_dim": 4}.items():
        assert config[name] == bottleneck[name] == value
    assert make.from_config(config).get_config() == config
