import numpy as np
import pytest

import umbed_keras as uk


@pytest.fixture(scope="session")
def embedder():
    """A small embedder at its linear start: principal components of patches."""
    model = uk.PixelEmbedder(
        latent_dim=4, patch_size=4, pyramid_levels=2, widths=(4, 8), hidden_units=(8,), seed=0
    )
    model.adapt(np.random.default_rng(0).integers(256, size=(4, 24, 20, 3), dtype="uint8"))
    return model


@pytest.fixture(scope="session")
def striped():
    """An image, uint8, of even pixels on its left and stripes of the same mean on its right."""
    random = np.random.default_rng(1)
    image = np.full((24, 20, 3), 128.0)
    image[:, 10:] += 60 * (-1) ** np.arange(24)[:, None, None]
    return (image + random.normal(0, 4, image.shape)).round().astype("uint8")


@pytest.fixture(scope="session")
def strokes():
    """Labels of the striped image: class 7 on the left, class 2 on the right, two strokes each."""
    labels = np.zeros((24, 20), "uint8")
    labels[3:8, 3] = labels[15:20, 5] = 7
    labels[3:8, 16] = labels[15:20, 14] = 2
    return labels
