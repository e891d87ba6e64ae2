import dataclasses
import inspect
import itertools

import keras_tuner
import numpy as np
import pytest

from umbed_keras.tuning import ImageAutoencoderHyperModel, PixelEmbedderHyperModel
from umbed_keras.tuning.scopes import hyperparameters

SMALL = {"width": 4, "hidden_units": 4, "patch_size": 2, "pyramid_levels": 1}


def trials(hypermodel, directory, count=40):
    """Returns the trials of a random search, which ends when it finds no new combinations."""
    tuner = keras_tuner.RandomSearch(
        hypermodel, keras_tuner.Objective("x", "min"), max_trials=count, seed=0, directory=directory
    )
    tuner.oracle.verbose = 0
    created = (tuner.oracle.create_trial(str(number)) for number in range(count))
    return [trial for trial in created if trial.status == "RUNNING"]


def test_the_space_holds_all_combinations_that_make_sense_and_no_others(tmp_path):
    hypermodel = PixelEmbedderHyperModel(
        bottleneck=["dictionary", "vector", "gaussian", "scalar", "density"],
        latent_dim=[2, 4],
        num_entries=[3, 8],
        sparsity=[1, 3, 4],
        levels=[2, 5],
        **SMALL,
    )
    tried = [
        hyperparameters(trial.hyperparameters.values) for trial in trials(hypermodel, tmp_path)
    ]
    names = ("bottleneck", "latent_dim", "num_entries", "sparsity", "levels")
    keys = [tuple(values.get(name) for name in names) for values in tried]
    dictionaries = [
        ("dictionary", dim, entries, sparsity, None)
        for dim, entries, sparsity in itertools.product((2, 4), (3, 8), (1, 3, 4))
        if sparsity <= min(dim, entries)
    ]
    vectors = [("vector", dim, entries, None, None) for dim in (2, 4) for entries in (3, 8)]
    gaussians = [("gaussian", dim, None, None, None) for dim in (2, 4)]
    scalars = [("scalar", dim, None, None, levels) for dim in (2, 4) for levels in (2, 5)]
    densities = [("density", dim, None, None, None) for dim in (2, 4)]
    expected = dictionaries + vectors + gaussians + scalars + densities
    assert len(set(keys)) == len(keys)
    assert set(keys) <= set(expected)
    # Random search gives up when it meets known combinations too often.
    assert len(keys) >= 0.8 * len(expected)


def test_models_have_their_hyperparameters(tmp_path):
    hypermodel = ImageAutoencoderHyperModel(
        bottleneck=["dictionary", "residual"],
        latent_dim=[2, 3],
        num_entries=[4, 8],
        sparsity=[1, 2, 12],
        patch_size=2,
        filters=4,
        residual_units=2,
        learning_rate=(1e-4, 1e-2),
    )
    for trial in trials(hypermodel, tmp_path, count=6):
        values = hyperparameters(trial.hyperparameters.values)
        model = hypermodel.build(trial.hyperparameters)
        assert model.latent_dim == values["latent_dim"]
        config = model.bottleneck.get_config()
        if values["bottleneck"] == "dictionary":
            assert (config["num_atoms"], config["sparsity"]) == (
                values["num_entries"],
                values["sparsity"],
            )
            assert values["sparsity"] <= min(values["num_entries"], 4 * values["latent_dim"])
        else:
            assert (config["num_embeddings"], config["num_quantizers"]) == (
                values["num_entries"],
                values["sparsity"],
            )
        assert 1e-4 <= float(model.optimizer.learning_rate) <= 1e-2
        assert float(model.optimizer.learning_rate) == pytest.approx(values["learning_rate"])


@pytest.mark.every_backend
def test_training_with_a_density_minimises_the_objective_of_the_sweep():
    """Its loss is the error plus `rate_weight` times the bits per pixel."""
    hypermodel = ImageAutoencoderHyperModel(
        bottleneck="density",
        latent_dim=3,
        patch_size=2,
        downsamplings=1,
        filters=4,
        residual_units=2,
        rate_weight=1e-3,
    )
    model = hypermodel.build(keras_tuner.HyperParameters())
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 8, 3), "uint8")
    logs = model.evaluate(images, verbose=0, return_dict=True)
    objective = logs["reconstruction"] + 1e-3 * logs["bits_per_pixel"]
    np.testing.assert_allclose(logs["loss"], objective, rtol=1e-5)


@pytest.mark.parametrize("make", [PixelEmbedderHyperModel, ImageAutoencoderHyperModel])
def test_every_argument_is_a_hyperparameter_or_a_setting(make):
    """A sweep resumes only with equal arguments, so none may be lost."""
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(make).parameters.items()
        if parameter.default is not parameter.empty
    }
    hypermodel = make(seed=3, channels=1)
    settings = {name: value for name, value in vars(hypermodel).items() if name in defaults}
    space = dataclasses.asdict(hypermodel.space)
    assert hypermodel.options == {"channels": 1}
    assert {**space, **settings} == {**defaults, "seed": 3}
    assert set(space) == set(defaults) - set(settings)


def test_a_space_cannot_be_changed():
    space = PixelEmbedderHyperModel().space
    with pytest.raises(dataclasses.FrozenInstanceError):
        space.latent_dim = 4


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"bottleneck": "wavelet"}, "bottleneck"),
        ({"latent_dim": []}, "latent_dim"),
        ({"sparsity": [8], "latent_dim": [4]}, "sparsity"),
        ({"sparsity": [8], "num_entries": [4]}, "sparsity"),
        ({"rate_weight": -1}, "rate_weight"),
        ({"rate_weight": float("inf")}, "rate_weight"),
        ({"rate_weight": 0, "bottleneck": ["vector", "density"]}, "rate_weight"),
        ({"learning_rate": ()}, "learning_rate"),
        ({"learning_rate": [1e-3, 0]}, "learning_rate"),
        ({"width": []}, "width"),
        ({"width": [2.5]}, "width"),
        ({"latent_dim": "4"}, "latent_dim"),
        ({"num_entries": 1}, "num_entries"),
    ],
    ids=str,
)
def test_empty_and_impossible_spaces_are_refused(arguments, named):
    with pytest.raises(ValueError, match=named):
        PixelEmbedderHyperModel(**arguments)
