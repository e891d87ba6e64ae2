"""Fixtures of the tests of stores."""

import sys
from pathlib import Path

import pytest

import umbed_keras as uk

# Worker processes of tests import `filling` from here, too.
sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session")
def model():
    bottleneck = uk.layers.GaussianBottleneck(4)
    return uk.PixelEmbedder(
        latent_dim=4, patch_size=4, pyramid_levels=2, bottleneck=bottleneck, widths=(8, 12)
    )
