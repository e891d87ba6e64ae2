"""
Learn on your own images
========================

The built-in presets learned from photographs and faces. If your images look like nothing of the
kind (electron microscopy, textiles, radar), a model that learns from *them* describes them better
with the same few numbers. It needs no labels: it learns to redraw the surroundings of a pixel from
the pixel's vector.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import data

import umbed_keras as uk

# isort: split
import keras

# %%
# Images
# ------
# An array will do, and so will batches from any loader; for a large folder there is
# `umbed_keras.ImageFolder`. Here they are squares of three textures, in grey. We keep the lower
# part of each for testing: quality on images that the model saw says little.

textures = [data.brick(), data.grass(), data.gravel()]
random = np.random.default_rng(0)


def squares(rows, count, size=64):
    """Cuts squares out of some rows of the textures."""
    cut = []
    for texture in textures:
        for _ in range(count):
            row = random.integers(rows[0], rows[1] - size)
            col = random.integers(512 - size)
            cut.append(texture[row : row + size, col : col + size, None])
    return np.stack(cut)


train, test = squares((0, 384), 24), squares((384, 512), 4)
print(train.shape, test.shape)

# %%
# Train
# -----
# ``fit`` first calls `adapt <umbed_keras.PixelEmbedder.adapt>`, which sets the linear maps to the
# principal components of the surroundings: training begins where PCA ends. Four epochs of a small
# network take seconds; real training takes some hundred epochs and a graphics card.

keras.utils.set_random_seed(0)
model = uk.PixelEmbedder(latent_dim=8, channels=1, widths=(8, 16))
model.compile(optimizer=keras.optimizers.Adam(2e-3))
history = model.fit(train, validation_data=test, epochs=4, batch_size=12, verbose=0)

figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
for name, label in [("reconstruction", "training"), ("val_reconstruction", "held out")]:
    axis.plot(range(1, 5), history.history[name], marker="o", label=label)
axis.set_xlabel("epoch")
axis.set_ylabel("error of reconstruction")
axis.set_ylim(0, 0.01)
axis.grid(alpha=0.3)
axis.legend()

# %%
# Look
# ----
# Numbers alone do not tell whether the vectors are good for you. Look at what they keep: from 8
# numbers a pixel the model redraws what it never saw, and in the vectors' colours
# the textures differ.

shown = test[[0, 4, 8]]
figure, axes = plt.subplots(3, 3, figsize=(7.5, 7.8), layout="constrained")
vectors, rebuilt = model.embed(shown), model.reconstruct(shown)
for row, axis in enumerate(axes):
    colours = uk.plots.embedding_to_rgb(vectors[row])
    axis[0].imshow(shown[row, ..., 0], cmap="gray", vmin=0, vmax=255)
    axis[1].imshow(rebuilt[row, ..., 0], cmap="gray", vmin=0, vmax=1)
    axis[2].imshow(colours)
for axis, title in zip(axes[0], ["held out", "redrawn", "vectors, as colours"], strict=True):
    axis.set_title(title)
for axis in axes.flat:
    axis.set_axis_off()

# %%
# Keep it
# -------
# `save_to_preset <umbed_keras.PixelEmbedder.save_to_preset>` writes a folder that ``from_preset``
# loads, with a card to complete: what it learned from, under which licence, and how good it is.
# `umbed_keras.TrainingBackup`, a callback, lets a long training resume after an interruption.

model.save_to_preset("runs/textures", history=history)
again = uk.PixelEmbedder.from_preset("runs/textures")
print(np.abs(again.embed(shown) - vectors).max())
