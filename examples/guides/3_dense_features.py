"""
Dense features with any network
===============================

A pretrained network knows what images show, but it says so once for each block of 16 or 32 pixels,
in hundreds of numbers. You often want it *for every pixel*, in a few numbers: to find what is
similar, to cluster, to segment. A `umbed_keras.PixelEmbedder` with a *backbone* does this: it
projects the features of the network to a small vector, and enlarges only that.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import data

import umbed_keras as uk  # first, as it chooses the backend that is installed

# isort: split
import keras

image = data.astronaut()[:256, 96:352]

# %%
# A vector for every pixel
# ------------------------
# The preset has the features of EfficientNet-Lite0 inside. Vectors have no colours of their own;
# `umbed_keras.plots.embedding_to_rgb` shows their three principal components as red, green and
# blue, so that what looks alike here *is* alike for the network.

model = uk.PixelEmbedder.from_preset("free_lite0_vae_d32")
vectors = model.embed(image[None])
print(vectors.shape)

colours = uk.plots.embedding_to_rgb(vectors[0])
figure, axes = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
for axis, picture, title in zip(
    axes, [image, colours], ["image", "vectors, as colours"], strict=True
):
    axis.imshow(picture)
    axis.set_title(title)
    axis.set_axis_off()

# %%
# Point at something
# ------------------
# The cosine between two vectors says how alike two pixels are. From one pixel of the collar, other
# parts of the suit light up, and face and wall stay dark.

similar = uk.plots.similarity(image, vectors[0], row=190, col=60)

# %%
# Another network, by its name
# ----------------------------
# `umbed_keras.backbones.from_name` makes a backbone of a network of ``keras.applications``, or of
# KerasHub: ``"keras_hub:dinov2_small"``. It knows in which values the network takes images, and
# chooses layers: early ones are sharp and know little, late ones are coarse and know more. Here it
# is MobileNetV2; to keep this page offline its weights are random, and without ``weights=None``
# they are those of ImageNet.

keras.utils.set_random_seed(0)
backbone = uk.backbones.from_name("keras.applications:MobileNetV2", weights=None, alpha=0.35)
print(backbone.layers, backbone.strides, backbone.channels, backbone.preprocessing)

# %%
# `adapt` looks at a few images and sets the linear maps to the principal components of the
# features. No step of training is needed for useful vectors; ``fit`` would go on from here.

pictures = np.stack([image, data.chelsea()[:256, 100:356], data.coffee()[:256, 150:406]])
own = uk.PixelEmbedder(latent_dim=16, backbone=backbone, features_only=True)
own.adapt(pictures)

figure, axes = plt.subplots(2, 3, figsize=(10, 6.8), layout="constrained")
for column, (picture, vector) in enumerate(zip(pictures, own.embed(pictures), strict=True)):
    axes[0, column].imshow(picture)
    axes[1, column].imshow(uk.plots.embedding_to_rgb(vector))
for axis in axes.flat:
    axis.set_axis_off()

# %%
# Your own network
# ----------------
# Any Keras model that returns feature maps is a backbone, too, and ``layers`` names those of its
# layers whose outputs you want. `umbed_keras.backbones.ModelBackbone` is for models that take
# images of any size, `umbed_keras.backbones.VisionTransformerBackbone` for those of one size and
# for tokens.

inputs = keras.Input((None, None, 3))
fine = keras.layers.Conv2D(16, 3, strides=4, padding="same", activation="relu")(inputs)
coarse = keras.layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(fine)
mine = uk.backbones.ModelBackbone(keras.Model(inputs, [fine, coarse]), preprocessing="tf")
print(mine.strides, mine.channels)

# %%
# Even random features tell textures apart; those of a trained network tell things apart. The
# vectors go wherever arrays go: to scikit-learn, to a `umbed_keras.segmentation.PixelClassifier`
# (``PixelClassifier(own)``), or to disk (see the guide on stores).
# ``own.save_to_preset("own")`` keeps the configuration and the weights of the network as well, so
# that `from_preset <umbed_keras.PixelEmbedder.from_preset>` and ``umbed-keras embed`` build the
# model anywhere.
