"""Figures, as functions that return matplotlib figures."""

from umbed_keras.plots.embedding import embedding, embedding_to_rgb
from umbed_keras.plots.patch_pyramids import patch_pyramids

__all__ = ["embedding", "embedding_to_rgb", "patch_pyramids"]
