"""
Label and measure cells
=======================

You have an image of cells, and want a table: how many are there, how large is each, how bright?
A threshold rarely finds them all, because the light is uneven and because cells have bright and
dark parts. Here you show a few examples instead, by strokes, and let the classifier find the rest.

The objects are coins: like cells they touch, cast shadows and differ in brightness, and the image
comes with scikit-image.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import color, data

from umbed_keras import segmentation

image = data.coins()[:300]
print(image.shape, image.dtype)

# %%
# Strokes
# -------
# Strokes are an integer image: 0 where you said nothing, and a number for each class. On the page
# (``umbed-keras page``) and in napari you draw them with the mouse. In a script they are a
# few slices. Two coins and three bits of background are enough to begin with.

strokes = np.zeros(image.shape, int)
OBJECT, BACKGROUND = 1, 2
strokes[40:46, 30:55] = OBJECT
strokes[188:192, 85:112] = OBJECT
strokes[98:101, 10:250] = BACKGROUND
strokes[6:12, 120:250] = BACKGROUND
strokes[160:300, 4:8] = BACKGROUND


def show(axis, picture, title, **options):
    """Draws a picture without the frame."""
    axis.imshow(picture, **options)
    axis.set_title(title)
    axis.set_axis_off()


def painted(classes):
    """Hides the pixels of class 0, so that only the others are drawn."""
    return np.ma.masked_equal(classes, 0)


colours = {"cmap": "Set1", "vmin": 1, "vmax": 9, "interpolation": "nearest"}
figure, axis = plt.subplots(figsize=(7, 5.4), layout="constrained")
show(axis, image, "strokes: coins (red) and background (blue)", cmap="gray")
axis.imshow(painted(strokes), **colours)

# %%
# From strokes to a mask
# ----------------------
# `umbed_keras.segmentation.PixelClassifier` describes every pixel by its brightness and by a vector
# that summarises what lies around it. It learns what the labelled pixels have in common, and
# gives every pixel a class. Its *uncertainty* says where it would like to be told more.

classifier = segmentation.PixelClassifier("free_lite0_vae_d32").fit(image, strokes)
mask = classifier.predict(image)
uncertainty = classifier.uncertainty(image)

figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
show(axes[0], image, "classes", cmap="gray")
axes[0].imshow(mask, alpha=0.45, **colours)
show(axes[1], uncertainty, "uncertainty: bright is unsure", cmap="magma", vmin=0, vmax=1)

# %%
# Look, correct, repeat
# ---------------------
# The dim coins below are seen, but not surely. `suggest
# <umbed_keras.segmentation.PixelClassifier.suggest>` ranks the places where a stroke teaches most;
# here we add one on each of two coins and fit again, which takes a fraction of a second, as the
# vectors of the image are kept.

for place in classifier.suggest(image, count=3):
    print(f"row {place.row}, column {place.col}: uncertainty {place.uncertainty:.2f}")

strokes[264:269, 32:72] = OBJECT
strokes[20:70, 336:340] = OBJECT
mask = classifier.fit(image, strokes).predict(image)

figure, axis = plt.subplots(figsize=(7, 5.4), layout="constrained")
show(axis, image, "classes after two more strokes", cmap="gray")
axis.imshow(mask, alpha=0.45, **colours)

# %%
# From a mask to objects
# ----------------------
# A mask says *what* each pixel is, not *which object* it belongs to.
# `umbed_keras.segmentation.instances` numbers the connected regions. ``split=True`` divides regions
# at their necks, where two objects touch, and ``min_size`` drops specks.

coins = segmentation.instances(mask, min_size=200, split=True, background=(0, BACKGROUND))
print(coins.max(), "objects")

figure, axis = plt.subplots(figsize=(7, 5.4), layout="constrained")
show(axis, image, "objects, each with a colour of its own", cmap="gray")
axis.imshow(color.label2rgb(coins, image, alpha=0.45, bg_label=0))

# %%
# From objects to a table
# -----------------------
# `umbed_keras.segmentation.measure` gives a row for each object. State the size of a pixel, and
# lengths and areas come in that unit; files of microscopes often know it themselves. The table is
# a dictionary of columns: ``table.to_csv("coins.csv")`` writes it for a spreadsheet.

table = segmentation.measure(coins, image=image, pixel_size=0.2, unit="mm")
print(f"{'coin':>4} {'diameter, mm':>12} {'brightness':>10}")
for label, diameter, mean in zip(
    table["label"][:8],
    table["equivalent_diameter"][:8],
    table["intensity_mean"][:8],
    strict=True,
):
    print(f"{label:>4} {diameter:>12.1f} {mean:>10.0f}")

# %%
# Every column can be plotted. A point far from all others is worth a look: it may be a rare object,
# or a mistake of the mask.

figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
axis.scatter(table["equivalent_diameter"], table["intensity_mean"], color="#0f766e")
axis.set_xlabel("diameter, mm")
axis.set_ylabel("mean brightness")
axis.grid(alpha=0.3)

# %%
# Keep your work
# --------------
# A `umbed_keras.segmentation.Project` keeps images, strokes, and the names of classes in one file,
# which the page, napari and the command line open, too. Tomorrow, `Project.load` goes on.

np.save("coins.npy", image)
project = segmentation.Project({OBJECT: "coin", BACKGROUND: "background"})
project.set_strokes(project.add_image("coins.npy"), strokes)
project.save("coins.umbed")
segmentation.Project.load("coins.umbed")
