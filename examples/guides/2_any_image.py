"""
Any image: formats, channels, stacks, scaling
=============================================

Photographs have three colours of 8 bits. Images of instruments do not: they have 12 or 16 bits,
four fluorescent channels, thirty planes, and a size of a pixel. Converting them to 8 bits by hand
loses what you measured, and every script does it in another way. Here one reader and one scaling
do it.
"""

import matplotlib.pyplot as plt
import numpy as np
import tifffile

import umbed_keras as uk
from umbed_keras import segmentation

# %%
# A stack to work with
# --------------------
# We make what a microscope would write: nuclei in a stack of 3 planes with 2 channels, in 16 bits,
# of which only a small part of the range is used, and with the size of a pixel in the file.

random = np.random.default_rng(0)
rows, cols = np.mgrid[:160, :200]
planes = np.zeros((3, 2, 160, 200))
for _ in range(24):
    row, col, radius = random.uniform(10, 150), random.uniform(10, 190), random.uniform(6, 11)
    inside = np.clip(radius - np.hypot(rows - row, cols - col), 0, 3) / 3
    depth = random.integers(3)
    for plane in range(3):
        planes[plane, 0] += 700 * inside * 0.6 ** abs(plane - depth)
        planes[plane, 1] += 250 * inside * random.uniform(0.2, 1) * 0.6 ** abs(plane - depth)
stack = random.poisson(planes + 300).astype("uint16")
tifffile.imwrite(
    "nuclei.tif",
    stack,
    ome=True,
    metadata={
        "axes": "ZCYX",
        "PhysicalSizeX": 0.4,
        "PhysicalSizeY": 0.4,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeYUnit": "µm",
        "Channel": {"Name": ["nuclei", "protein"]},
    },
)

# %%
# One reader for every format
# ---------------------------
# `umbed_keras.read_image` opens TIFF of every kind, OME-Zarr, HDF5, NumPy, DICOM, GeoTIFF and what
# Pillow reads. It reads nothing yet but what the image *is*: you can open a slide of 50 gigabytes.

image = uk.read_image("nuclei.tif")
print(image.axes, image.shape, image.dtype)
print(image.channel_names, image.pixel_size, image.unit)

# %%
# Indexing reads a window, in the numbers of the file.

window = image[1, 0, 40:44, 60:64]
print(np.asarray(window))

# %%
# Scaling
# -------
# Networks want numbers in 0..1. `umbed_keras.Scaling` maps the percentiles 1 and 99.8 of each
# channel there, without rounding. Compare: divided by 65535, the image is black.

scaling = uk.Scaling().fit(image)
print(scaling)

middle = image.read(plane=(1,))  # all rows, columns and channels of the second plane
scaled = scaling(middle)
pictures = {
    "nuclei, divided by 65535": middle[..., 0] / 65535,
    "nuclei, scaled": scaled[..., 0],
    "protein, scaled": scaled[..., 1],
}
figure, axes = plt.subplots(1, 3, figsize=(11, 3.3), layout="constrained")
for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axis.set_title(title)
    axis.set_axis_off()

# %%
# A stack in one call
# -------------------
# Everything that takes images takes paths, arrays and `umbed_keras.Image`. Strokes on one plane are
# enough for the stack, which is segmented plane by plane under one scaling. ``channels`` chooses by
# name; channels that are no colours are embedded one by one, and a pixel has the vectors of all.

strokes = np.zeros((3, 160, 200), int)
nuclei = scaled[..., 0]
strokes[1][nuclei > np.percentile(nuclei, 97)] = 1
strokes[1, ::20][nuclei[::20] < np.median(nuclei)] = 2
classifier = segmentation.PixelClassifier(channels=["nuclei"]).fit(image, strokes)
mask = classifier.predict(image)

figure, axes = plt.subplots(1, 3, figsize=(11, 3.3), layout="constrained")
for plane, axis in enumerate(axes):
    axis.imshow(scaling(image.read(plane=(plane,)))[..., 0], cmap="gray", vmin=0, vmax=1)
    axis.contour(mask[plane] == 1, [0.5], colors="#5eead4", linewidths=1.2)
    axis.set_title(f"plane {plane}")
    axis.set_axis_off()

# %%
# Numbers in the image's own units
# --------------------------------
# The file knows the size of a pixel, so that areas are in square micrometres without a word from
# us, and intensities are those of the file, not those of the scaling.

cells = segmentation.instances(mask[1], min_size=40, split=True, background=(0, 2))
size = image.pixel_size["x"]
table = segmentation.measure(cells, image=middle, pixel_size=size, unit=image.unit, axes="yxc")
print(sorted(table))
print("median area:", np.median(table["area"]).round(1), f"{image.unit}^2")
