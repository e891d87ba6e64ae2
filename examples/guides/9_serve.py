"""
Serve: ONNX, without Keras
==========================

A model that works should work elsewhere: in a web service, a C++ program, a microscope's own
software. There you want neither Keras nor PyTorch, but one file and a small runtime. ONNX is
such a file, and ONNX Runtime runs it in a dozen languages.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
from skimage import data

import umbed_keras as uk

# %%
# Export
# ------
# `export_onnx <umbed_keras.PixelEmbedder.export_onnx>` writes the network with its weights.
# The file takes images of any size.

model = uk.PixelEmbedder.from_preset("natural_vae_d16")
model.export_onnx("embed.onnx", what="embed")

# %%
# Run
# ---
# This is all that a service needs. The metadata of the file say how it was made, and how wide a
# margin a tile needs for images that are computed in parts.

session = onnxruntime.InferenceSession("embed.onnx", providers=["CPUExecutionProvider"])
print(session.get_inputs()[0].name, session.get_inputs()[0].shape)
print(session.get_modelmeta().custom_metadata_map)

image = data.chelsea()
start = time.perf_counter()
(vectors,) = session.run(None, {"images": image[None].astype("float32") / 255})
print(vectors.shape, f"in {time.perf_counter() - start:.2f} s")

# %%
# Check
# -----
# Trust is good: compare with Keras once. The difference is rounding.

expected = model.embed(image[None])
difference = np.abs(vectors - expected)
print("largest difference", difference.max(), "of values up to", np.abs(expected).max())

figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
axes[0].imshow(image)
axes[0].set_title("image")
axes[1].imshow(uk.plots.embedding_to_rgb(vectors[0]))
axes[1].set_title("vectors from ONNX Runtime, as colours")
for axis in axes:
    axis.set_axis_off()

# %%
# In a shell it is one line: ``umbed-keras export natural_vae_d16 embed.onnx``; and
# ``examples/onnx_embed.py`` is a program that embeds files of any size with nothing but NumPy,
# Pillow and ONNX Runtime.
#
# A classifier with its scaling, filter and class names becomes one file by
# `export_onnx <umbed_keras.segmentation.PixelClassifier.export_onnx>`, and
# ``examples/serve_onnx.py`` serves its masks over HTTP. :doc:`/destinations` tells more.
