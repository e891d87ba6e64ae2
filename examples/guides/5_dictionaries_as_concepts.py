"""
Dictionaries as concepts
========================

The 32 numbers of a vector mean nothing one by one. A *dictionary* makes them readable: it
has many more directions, called atoms, than a vector has numbers, and writes each vector as a sum
of very few of them. An atom that is used seldom, and always for the same thing, is a concept that
you can look at, name and search for.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import data

import umbed_keras as uk

# %%
# Four atoms of 256
# -----------------
# This preset describes each pixel by 4 of 256 atoms. ``encode`` gives their numbers, and the
# coefficients by which they are multiplied.

model = uk.PixelEmbedder.from_preset("natural_lite0_dl_k256_s4")
images = np.stack(
    [
        data.astronaut()[20:180, 144:304],
        data.chelsea()[40:200, 120:280],
        data.coffee()[100:260, 200:360],
        data.rocket()[140:300, 240:400],
    ]
)
codes = model.encode(images)
for name, values in codes.items():
    print(name, values.shape, values.dtype)

# %%
# What does an atom mean?
# -----------------------
# The gallery answers by examples: one row for each of the most used atoms, with the surroundings of
# the pixels whose coefficient is largest. The first picture of a row shows in colour where the
# portrait uses the atom. "+" and "-" stand apart, as what lies along an atom looks different from
# what lies opposite to it.

indices, coefficients = codes["indices"], codes["coefficients"]
gallery = uk.plots.atom_gallery(
    images, indices, coefficients, atoms=6, examples=6, window=40, map_of=0
)

# %%
# Few atoms do most of the work, and many do a little: the bars show how often each is used.

counts = np.bincount(indices[coefficients != 0], minlength=256)
usage = uk.plots.usage_bars({"natural_lite0_dl_k256_s4": counts})

# %%
# Search by concept
# -----------------
# A concept is searched without any learning. We ask which atom is strongest on the cheeks and the
# nose, and then where all images have it. One atom is no detector of faces: it tells which kind of
# surface, at which scale; several together tell more.

face = np.s_[0, 70:110, 60:100]
strengths = np.maximum(coefficients[face], 0)
atom = int(np.argmax(np.bincount(indices[face].ravel(), strengths.ravel())))
maps = np.where(indices == atom, np.maximum(coefficients, 0), 0).sum(axis=-1)

figure, axes = plt.subplots(2, 4, figsize=(11, 5.8), layout="constrained")
for image, found, (above, below) in zip(images, maps, axes.T, strict=True):
    above.imshow(image)
    below.imshow(found, cmap="magma", vmin=0, vmax=maps.max())
    above.set_axis_off()
    below.set_axis_off()
figure.suptitle(f"atom {atom}: where it is, and how strong")

# %%
# Atoms of your own
# -----------------
# A dictionary is learned from vectors of any kind by `umbed_keras.layers.DictionaryBottleneck`;
# ``python examples/concepts.py IMAGES`` compares it with other ways to find concepts.

sample = model.embed(images[:, ::4, ::4]).reshape(-1, model.latent_dim)
dictionary = uk.layers.DictionaryBottleneck(32, latent_dim=model.latent_dim, sparsity=3)
dictionary.adapt(sample)
own = dictionary.encode(sample[:5])
print(own["indices"])
