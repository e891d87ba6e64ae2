"""
Compare bottlenecks at real bytes
=================================

Which way of compressing is better? Error alone does not tell, since whoever spends more bits has a
smaller error. Nor do bits on paper: "one of 512 codes, thus 9 bits" ignores that some codes are
frequent, and that neighbours are alike. So we write files, count their bytes, all of them, and
compare errors at equal size.
"""

import io

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from skimage import data

import umbed_keras as uk

# The presets learned from faces: we compare on a face.
image = data.astronaut()[0:192, 128:320]
pixels = image.shape[0] * image.shape[1]


def psnr(rebuilt):
    """Returns the peak signal-to-noise ratio in dB, of values in 0..1."""
    return -10 * np.log10(np.mean((np.asarray(rebuilt, "float32") - image / 255) ** 2))


# %%
# Files of bottlenecks
# --------------------
# ``compress`` turns an image into bytes by the range coder, with the learned probabilities of the
# preset, and ``decompress`` turns them back. One preset gives one point, as its
# codebook or dictionary fixes the size; lapped transforms exist at three rates.

FAMILIES = {
    "codebook (VQ-VAE)": (uk.VQVAE, ["celeba_vqvae_k512"]),
    "residual codebooks": (uk.RVQVAE, ["celeba_rvqvae_k512_s3"]),
    "dictionary": (uk.DLVAE, ["celeba_dlvae_k512_s3"]),
    "lapped transform": (
        uk.LappedAutoencoder,
        ["celeba_lapped_r05", "celeba_lapped_r1", "celeba_lapped_r15"],
    ),
}
points, pictures = {}, {}
for family, (kind, presets) in FAMILIES.items():
    rates, qualities = [], []
    for preset in presets:
        model = kind.from_preset(preset)
        (file,) = model.compress(image[None])
        rebuilt = model.decompress([file])[0]
        rates.append(8 * len(file) / pixels)
        qualities.append(psnr(rebuilt))
        pictures[preset] = rebuilt, len(file)
    points[family] = {"rate": rates, "PSNR": qualities}

# %%
# Files of JPEG
# -------------
# The rival that everybody has, at several qualities, with optimised tables.

rates, qualities = [], []
for quality in (10, 20, 35, 50, 65, 80, 90):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, optimize=True)
    rates.append(8 * len(file.getvalue()) / pixels)
    qualities.append(psnr(np.asarray(Image.open(file)) / 255))
    pictures[f"JPEG {quality}"] = np.asarray(Image.open(file)) / 255, len(file.getvalue())
points["JPEG"] = {"rate": rates, "PSNR": qualities}

# %%
# The comparison
# --------------
# Up and to the left is better. Read it along a vertical line, at one size. Here the lapped
# transform is above JPEG at every rate, and so is the codebook at its own low one; the residual
# codebooks lie on JPEG's line, and this dictionary, made for quality and not for rate, below it.
# What codebooks and dictionaries offer beside is a code that other models can predict.

comparison = uk.plots.rate_distortion(points, rates="bits per pixel, all bytes of the file")

# %%
# Look before you believe: three small files.

figure, axes = plt.subplots(1, 3, figsize=(10, 3.9), layout="constrained")
for axis, name in zip(axes, ["celeba_vqvae_k512", "JPEG 10", "celeba_lapped_r05"], strict=True):
    picture, size = pictures[name]
    axis.imshow(np.clip(picture, 0, 1))
    axis.set_title(f"{name}: {size} bytes, {psnr(picture):.1f} dB", fontsize=9)
    axis.set_axis_off()

# %%
# One image proves nothing: the cards of the presets state the mean over many held-out images, and
# ``python examples/compare_bottlenecks.py IMAGES`` measures on yours.
