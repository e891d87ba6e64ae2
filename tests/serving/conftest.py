"""What tests of stores share."""

import sys
from pathlib import Path

import numpy as np
import pytest

import umbed_keras as uk

# Where processes that tests start find `filling`, too.
sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session")
def model():
    bottleneck = uk.layers.GaussianBottleneck(4)
    return uk.PixelEmbedder(
        latent_dim=4, patch_size=4, pyramid_levels=2, bottleneck=bottleneck, widths=(8, 12)
    )


@pytest.fixture(scope="session")
def image():
    return np.random.default_rng(0).integers(0, 256, (150, 210, 3), dtype="uint8")


@pytest.fixture
def small_tiles(monkeypatch):
    """Tiles of 64 pixels, so that a small image has several."""
    monkeypatch.setattr(uk.PixelEmbedder, "largest_tile", lambda self, budget: 64)
