"""Measures an image autoencoder on held-out images."""

import keras
import numpy as np
from comparison.sparse_maps import map_bits
from training.images import portrait

import umbed_keras as uk

BATCH = 16
PROTOCOL = "On the held-out tenth; means over images, values in 0..1."
SPARSE = ("indices", "coefficients")


def measure(model, images):
    """Measures the figures for the card of a model.

    Args:
        model: `ImageAutoencoder`.
        images: uint8 `(n, height, width, channels)`, held out in training.

    Returns:
        Dictionary from the name of a figure to its value. PSNR, SSIM and LPIPS (AlexNet; left out
        with a message if its weights are not available) are means over images; bits are per pixel.
    """
    codes = model.encode(images)
    rebuilt = model.decode(codes, size=images.shape[1:3])
    figures = {
        "PSNR, dB": mean(uk.metrics.PSNR(), images, rebuilt),
        "SSIM": mean(uk.metrics.SSIM(), images, rebuilt),
    }
    try:
        figures["LPIPS"] = mean(uk.metrics.LPIPS(), images, rebuilt)
    except (OSError, ImportError) as error:
        print(f"LPIPS is left out: {error}")
    pixels = int(np.prod(images.shape[:3]))
    rate = uk.metrics.BitsPerPixel(model.bottleneck)
    rate.update_state(codes, pixels)
    for name, value in rate.result().items():
        figures[f"{name.replace('_', '-')} bits per pixel"] = float(value)
    if "coefficients" in codes:
        # The entropy of whole supports is biased: there are more supports than codes.
        atoms = model.bottleneck.num_atoms
        sparse = (codes[name].reshape(-1, model.bottleneck.sparsity) for name in SPARSE)
        coded = map_bits(*sparse, atoms) * codes["indices"][..., 0].size / pixels
        figures["atom-wise entropy-coded bits per pixel"] = coded
    if getattr(model.bottleneck, "context", None):
        size = sum(map(len, model.compress(images)))
        figures["compressed bits per pixel"] = 8 * size / pixels
    if model.bottleneck.num_entries:
        usage = uk.metrics.CodeUsage(model.bottleneck.num_entries)
        usage.update_state(*model.bottleneck.used_entries(codes))
        for name, value in usage.result().items():
            figures[name.replace("_", " ")] = float(value)
    return figures


def mean(metric, images, rebuilt):
    """Computes a metric between uint8 images and reconstructions in 0..1, in batches."""
    for start in range(0, len(images), BATCH):
        batch = slice(start, start + BATCH)
        metric.update_state(images[batch], rebuilt[batch])
    return float(keras.ops.convert_to_numpy(metric.result()))


def draw(model):
    """Draws the bundled portrait, its reconstruction and the error."""
    image = portrait(model.channels)[None]
    return uk.plots.reconstructions(image / 255.0, {"rebuilt": model.reconstruct(image)})
