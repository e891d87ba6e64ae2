"""
Stores and clusters
===================

A slide of 100000 x 80000 pixels does not fit in memory, and neither do its vectors. So
they go to disk, tile by tile, into a *store*: a Zarr array that any tool opens, that is read window
by window, and whose making can be interrupted at any moment. Clusters of the vectors then tell
what kinds of surroundings there are, without a single label.
"""

import numpy as np
from skimage import data
from sklearn.cluster import MiniBatchKMeans

import umbed_keras as uk

# %%
# Write a store
# -------------
# The source is a file; here it is a small one. The tiles depend on ``memory_budget``, not on
# your machine. Kill the process and call again: it goes on, and the result is the same to the bit.

image = data.immunohistochemistry()[:384, :384]
np.save("slide.npy", image)
model = uk.PixelEmbedder.from_preset("free_lite0_vae_d32")
store = uk.stores.embed_store(model, "slide.npy", "vectors.zarr", dtype="float16", verbose=0)
print(store.shape, store.dtype, store.chunks)
print(store.attrs["umbed_keras"]["complete"])

# %%
# Work with it
# ------------
# Indexing reads only what it needs. Clusters are learned from some pixels and given to all, a band
# of rows at a time, so that memory never holds more than a band.

random = np.random.default_rng(0)
sample = store[::16].reshape(-1, store.shape[-1]).astype("float32")
kmeans = MiniBatchKMeans(5, random_state=0, n_init=3, batch_size=4096).fit(sample)
numbers = np.empty(store.shape[:2], int)
for top in range(0, store.shape[0], 128):
    band = store[top : top + 128].astype("float32")
    numbers[top : top + 128] = kmeans.predict(band.reshape(-1, band.shape[-1])).reshape(
        band.shape[:2]
    )

clusters = uk.plots.clusters(image, numbers)
