import numpy as np
from keras import ops
from sklearn.decomposition import PCA

from umbed_keras.models.base.principal_components import principal_components
from umbed_keras.models.image_autoencoder.patch_transform import PatchTransform

numpy = ops.convert_to_numpy


def grid(images, size):
    """Flattened patches of a grid, rows, columns and channels in order."""
    batch, height, width, channels = images.shape
    blocks = images.reshape(batch, height // size, size, width // size, size, channels)
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(-1, size * size * channels)


def fitted(latent_dim, images, scale):
    layer = PatchTransform(latent_dim, 2)
    layer.build()
    mean, components, _ = principal_components(grid(images, 2), latent_dim)
    layer.set_components(mean, components, np.full(latent_dim, scale, "float32"))
    return layer


def test_vectors_are_principal_components_and_their_inverse_the_projection(rounding):
    images = np.random.default_rng(0).random((3, 8, 6, 3)).astype("float32")
    layer = fitted(5, images, scale=2.0)
    vectors = numpy(layer(ops.convert_to_tensor(images)))
    assert vectors.shape == (3, 4, 3, 5)
    pca = PCA(5).fit(grid(images, 2).astype("float64"))
    expected = pca.transform(grid(images, 2)) / 2
    terms = images.size  # in the covariances
    tolerance = rounding(terms, expected)
    np.testing.assert_allclose(np.abs(vectors.reshape(-1, 5)), np.abs(expected), atol=tolerance)
    rebuilt = numpy(layer.invert(ops.convert_to_tensor(vectors)))
    expected = pca.inverse_transform(2 * expected)
    np.testing.assert_allclose(grid(rebuilt, 2), expected, atol=rounding(terms, expected))


def test_more_entries_than_values_lose_nothing(rounding):
    images = np.random.default_rng(1).random((2, 6, 4, 3)).astype("float32")
    layer = fitted(16, images, scale=0.5)
    vectors = layer(ops.convert_to_tensor(images))
    tolerance = rounding(2 * 2 * 3, images)
    np.testing.assert_allclose(numpy(layer.invert(vectors)), images, atol=tolerance)
    assert not numpy(vectors)[..., 12:].any()
