"""Figures, as functions that return matplotlib figures."""

from umbed_keras.plots.atom_gallery import atom_gallery
from umbed_keras.plots.channel_slice import channel_slice
from umbed_keras.plots.clusters import clusters
from umbed_keras.plots.code_heatmaps import code_heatmaps
from umbed_keras.plots.embedding import embedding, embedding_to_rgb
from umbed_keras.plots.heat_map import heat_map
from umbed_keras.plots.parallel_coordinates import parallel_coordinates
from umbed_keras.plots.patch_pyramids import patch_pyramids
from umbed_keras.plots.rate_distortion import rate_distortion
from umbed_keras.plots.reconstructions import reconstructions
from umbed_keras.plots.similarity import similarity
from umbed_keras.plots.usage_bars import usage_bars

__all__ = [
    "atom_gallery",
    "channel_slice",
    "clusters",
    "code_heatmaps",
    "embedding",
    "embedding_to_rgb",
    "heat_map",
    "parallel_coordinates",
    "patch_pyramids",
    "rate_distortion",
    "reconstructions",
    "similarity",
    "usage_bars",
]
