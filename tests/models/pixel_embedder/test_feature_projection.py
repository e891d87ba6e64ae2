"""Against NumPy and SciPy in float64."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.ndimage import map_coordinates

from umbed_keras.models.pixel_embedder.feature_projection import FeatureProjection

UNITS, COMPONENTS, STRIDES, CHANNELS = 5, 4, (2, 4), (3, 6)
HEIGHT, WIDTH = 12, 8
# Number of terms in the features of a pixel of two maps.
TERMS = 4 * sum(CHANNELS) * COMPONENTS
numpy = ops.convert_to_numpy


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def maps(dtype="float32"):
    """Returns feature maps of values that float16 represents exactly."""
    sizes = zip(STRIDES, CHANNELS, strict=True)
    return [
        np.round(8 * random(2, HEIGHT // stride, WIDTH // stride, channels)).astype(dtype) / 8
        for stride, channels in sizes
    ]


def layer(**kwargs):
    """Returns a layer with random maps, and these maps."""
    layer = FeatureProjection(UNITS, COMPONENTS, STRIDES, CHANNELS, **kwargs)
    layer.build()
    analysis, mean = random(sum(CHANNELS), COMPONENTS, seed=1), random(COMPONENTS, seed=2)
    kernel = random(COMPONENTS, UNITS, seed=3)
    layer.set_analysis(analysis, mean)
    layer.set_map(kernel)
    return layer, analysis, mean, kernel


def everywhere():
    return [np.tile(axis.ravel(), (2, 1)).astype("int32") for axis in np.mgrid[:HEIGHT, :WIDTH]]


def features():
    """Returns the features of all pixels, float64 `(batch, height * width, sum(CHANNELS))`."""
    features = []
    for values, stride in zip(maps("float64"), STRIDES, strict=True):
        positions = [(axis + 0.5) / stride - 0.5 for axis in np.mgrid[:HEIGHT, :WIDTH]]
        for channel in np.moveaxis(values, 3, 0):
            enlarged = [
                map_coordinates(part, positions, order=1, mode="nearest") for part in channel
            ]
            features.append(np.reshape(enlarged, (2, -1)))
    return np.stack(features, axis=-1)


def test_gathered_components_are_the_fixed_map(rounding):
    projection, analysis, mean, _ = layer()
    expected = features() @ analysis - mean
    actual = numpy(projection.gather([*map(ops.convert_to_tensor, maps())], *everywhere()))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=rounding(TERMS, expected))


def test_all_pixels_are_gathered_and_projected_ones(rounding):
    projection, analysis, mean, kernel = layer()
    expected = (features() @ analysis - mean) @ kernel
    tensors = [*map(ops.convert_to_tensor, maps())]
    dense = numpy(projection(tensors))
    assert dense.shape == (2, HEIGHT, WIDTH, UNITS)
    chosen = numpy(projection.project(projection.gather(tensors, *everywhere())))
    for actual in (dense.reshape(chosen.shape), chosen):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=rounding(TERMS, expected))


def test_adds_nothing_before_it_is_set():
    projection = FeatureProjection(UNITS, COMPONENTS, STRIDES, CHANNELS)
    projection.build()
    tensors = [*map(ops.convert_to_tensor, maps())]
    assert not numpy(projection(tensors)).any()
    # The trained map is still zero.
    projection.set_analysis(random(sum(CHANNELS), COMPONENTS), random(COMPONENTS))
    assert not numpy(projection(tensors)).any()


@pytest.mark.parametrize("trainable", [True, False])
def test_only_the_second_map_is_trainable(trainable):
    projection, *_ = layer()
    projection.trainable = trainable
    names = [weight.path.rpartition("/")[2] for weight in projection.trainable_weights]
    assert names == ["kernel"] * trainable


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_computes_in_float32_under_any_policy(policy, rounding):
    projection, analysis, mean, _ = layer(dtype=policy)
    assert {projection.analysis.dtype, projection.mean.dtype} == {"float32"}
    # The weights as half precision stores them.
    kernel = numpy(ops.cast(projection.kernel, "float32"))
    expected = (features() @ analysis - mean) @ kernel

    class Model(keras.layers.Layer):
        """Calls the projection's methods where its own layers' weights are cast."""

        def call(self, maps):
            return projection.project(projection.gather(maps, *everywhere()))

    tensors = [ops.convert_to_tensor(part) for part in maps("float16")]
    for outputs in (projection(tensors), Model(dtype=policy, autocast=False)(tensors)):
        assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
        actual = numpy(outputs).reshape(expected.shape)
        np.testing.assert_allclose(actual, expected, rtol=0, atol=rounding(TERMS, expected))


def test_config_round_trip():
    projection, *_ = layer(name="features")
    copy = FeatureProjection.from_config(projection.get_config())
    copy.build()
    copy.set_weights(projection.get_weights())
    assert copy.get_config() == projection.get_config()
    tensors = [*map(ops.convert_to_tensor, maps())]
    np.testing.assert_array_equal(numpy(copy(tensors)), numpy(projection(tensors)))
