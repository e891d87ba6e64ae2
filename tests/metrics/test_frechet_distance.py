import keras
import numpy as np
import pytest
from keras import ops
from scipy.linalg import sqrtm

from umbed_keras.metrics import FrechetDistance, frechet_distance


def features(count, dim, seed=0, scale=1.0, offset=0.0):
    """Returns correlated Gaussian features."""
    rng = np.random.default_rng(seed)
    return scale * rng.standard_normal((count, dim)) @ rng.standard_normal((dim, dim)) + offset


def by_matrix_root(first, second):
    """Computes the definition with SciPy's root of the product of the covariances."""
    covariances = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    offset = first.mean(axis=0) - second.mean(axis=0)
    root = sqrtm(covariances[0] @ covariances[1]).real
    return offset @ offset + np.trace(sum(covariances) - 2 * root)


def extractor(dim=4):
    """Returns an extractor with output of rank 4: mixed averages over quarters of an image."""
    kernel = np.random.default_rng(0).standard_normal((1, 1, 3, dim)).astype("float32")
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.AveragePooling2D(4),
            keras.layers.Conv2D(
                dim, 1, activation="tanh", kernel_initializer=lambda shape, dtype: kernel
            ),
        ]
    )


def images(count, seed, low=0.0, high=1.0):
    return np.random.default_rng(seed).uniform(low, high, (count, 8, 8, 3)).astype("float32")


@pytest.mark.parametrize(("count", "other_count", "dim"), [(50, 70, 6), (200, 30, 12)])
def test_function_against_the_matrix_root(count, other_count, dim):
    first = features(count, dim)
    second = features(other_count, dim, seed=1, scale=1.5, offset=2.0)
    distance = frechet_distance(first, second)
    assert distance == pytest.approx(by_matrix_root(first, second), rel=1e-8)
    assert distance == pytest.approx(frechet_distance(second, first), rel=1e-8)


def test_function_with_fewer_rows_than_columns():
    # SciPy's root of a singular product is inexact, so the features are embedded in a larger space.
    first, second = features(10, 5), features(12, 5, seed=1)
    turn = np.linalg.qr(np.random.default_rng(2).standard_normal((40, 40)))[0][:5]
    expected = by_matrix_root(first, second)
    assert frechet_distance(first @ turn, second @ turn) == pytest.approx(expected, rel=1e-8)


def test_function_of_known_gaussians():
    # In one dimension: squared differences of means and of standard deviations.
    first, second = np.array([[0.0], [2.0]]), np.array([[1.0], [7.0]])
    expected = (1 - 4) ** 2 + (np.sqrt(2) - np.sqrt(18)) ** 2
    assert frechet_distance(first, second) == pytest.approx(expected)
    for same in (first, features(50, 80)):
        traces = 2 * same.var(axis=0, ddof=1).sum()
        assert frechet_distance(same, same) == pytest.approx(0, abs=1e-12 * traces)


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        (np.zeros(5), np.zeros((5, 2)), "`features` must have shape"),
        (np.zeros((5, 2)), np.zeros((1, 2)), "`other_features` must have shape"),
        (np.zeros((5, 2)), np.zeros((5, 3)), "equally many columns"),
        (np.full((5, 2), np.nan), np.zeros((5, 2)), "`features` must be finite"),
    ],
)
def test_bad_features_are_value_errors(first, second, named):
    with pytest.raises(ValueError, match=named):
        frechet_distance(first, second)


def pooled(model, images):
    return ops.convert_to_numpy(model(images)).mean(axis=(1, 2))


@pytest.mark.parametrize("sizes", [(60,), (1, 20, 39)])
def test_metric_against_the_function(sizes):
    model = extractor()
    metric = FrechetDistance(model)
    references, others = images(60, 0), images(60, 1, 0.2, 0.6)
    for start, stop in zip(np.cumsum((0, *sizes)), np.cumsum(sizes), strict=False):
        metric.update_state(references[start:stop], others[start:stop])
    expected = frechet_distance(pooled(model, references), pooled(model, others))
    assert float(metric.result()) == pytest.approx(expected, rel=1e-3)
    metric.reset_state()
    metric.update_state(references, references)
    assert float(metric.result()) == pytest.approx(0, abs=1e-3 * expected)


def test_fewer_images_than_features():
    model = extractor(dim=64)
    metric = FrechetDistance(model)
    references, others = images(10, 0), images(10, 1, 0.2, 0.6)
    metric.update_state(references, others)
    expected = frechet_distance(pooled(model, references), pooled(model, others))
    assert float(metric.result()) == pytest.approx(expected, rel=1e-3)


def test_fewer_than_two_pairs_have_no_distance(compiled):
    metric = FrechetDistance(extractor())
    references, others = images(3, 0), images(3, 1)
    for received in ("0", "1"):
        with pytest.raises(ValueError, match=f"at least two pairs.*Received: {received}"):
            metric.result()
        metric.update_state(references, others, sample_weight=[1, 0, 0])
    metric.reset_state()
    metric.update_state(references[:1], others[:1])
    if keras.backend.backend() == "tensorflow":
        assert np.isnan(compiled(metric.result)())
    if keras.backend.backend() == "jax":
        result = compiled(metric.stateless_result)
        assert np.isnan(result([variable.value for variable in metric.variables]))
    metric.reset_state()
    metric.update_state(references[:2], others[:2])
    expected = frechet_distance(
        pooled(metric.feature_extractor, references[:2]),
        pooled(metric.feature_extractor, others[:2]),
    )
    assert float(metric.result()) == pytest.approx(expected, rel=1e-3)


def test_weights_equal_repetitions_of_pairs():
    model = extractor()
    references, others = images(30, 0), images(30, 1, 0.2, 0.6)
    weights = np.random.default_rng(2).integers(0, 3, 30)
    metric, repeated = FrechetDistance(model), FrechetDistance(model)
    for part in (slice(0, 10), slice(10, 30)):
        metric.update_state(references[part], others[part], sample_weight=weights[part])
    metric.update_state(references, others, sample_weight=np.zeros(30))
    repeated.update_state(np.repeat(references, weights, 0), np.repeat(others, weights, 0))
    assert float(metric.result()) == pytest.approx(float(repeated.result()), rel=1e-3)


def test_images_of_any_range_give_the_same_distance():
    model = extractor()
    pair = [np.uint8(255 * images(20, 0)), np.uint8(255 * images(20, 1, 0.2, 0.6))]
    results = []
    for low, high in ((0, 1), (0, 255), (-1, 1)):
        metric = FrechetDistance(model, value_range=(low, high))
        metric.update_state(*(array.astype("float32") / 255 * (high - low) + low for array in pair))
        results.append(float(metric.result()))
    metric = FrechetDistance(model)
    metric.update_state(*pair)
    np.testing.assert_allclose(results, float(metric.result()), rtol=1e-3)


@pytest.mark.torch_alone
def test_models_without_a_known_output_are_value_errors():
    class Subclassed(keras.Model):
        def call(self, images):
            return ops.mean(images, axis=(1, 2))

    rows = keras.Sequential([keras.Input((8, 3)), keras.layers.Dense(2)])
    for model in (Subclassed(), rows, len):
        with pytest.raises(ValueError, match="`feature_extractor` must be a Keras model"):
            FrechetDistance(model)
    metric = FrechetDistance(keras.Sequential([keras.Input((8, 8, 3)), Subclassed()]))
    metric.update_state(images(5, 0), images(5, 1))
    assert float(metric.result()) > 0


def test_the_config_lacks_only_the_extractor():
    metric = FrechetDistance(extractor(), value_range=(-1, 1), name="distance")
    with pytest.raises(ValueError, match="does not hold the model"):
        FrechetDistance.from_config(metric.get_config())
    copy = FrechetDistance.from_config({**metric.get_config(), "feature_extractor": extractor()})
    assert copy.get_config() == metric.get_config()
