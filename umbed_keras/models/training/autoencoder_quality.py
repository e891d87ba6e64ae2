"""The quality of an image autoencoder on held-out images, as cards of presets state it."""

import warnings
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from umbed_keras import plots
from umbed_keras.metrics import LPIPS, PSNR, SSIM, BitsPerPixel, CodeUsage
from umbed_keras.models.image_autoencoder.base_autoencoder import BaseAutoencoder
from umbed_keras.ops.rate import sparse_map_bits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROTOCOL = "On the held-out tenth; means over images, values in 0..1."
_BATCH = 16


def measure(model: BaseAutoencoder, images: np.ndarray) -> dict[str, float]:
    """Measures an image autoencoder by `PROTOCOL`.

    Args:
        model: `ImageAutoencoder` or `LappedAutoencoder`.
        images: uint8, or floats in 0..1, `(n, height, width, channels)`, held out in training.

    Returns:
        Name of each figure to its value. PSNR, SSIM and LPIPS (AlexNet) are means over images; bits
        are per pixel. SSIM and LPIPS are left out with a warning if images are too small, and LPIPS
        if they are grey or its weights are not available.

    Examples:
        >>> model = uk.VQVAE(8, latent_dim=2, filters=4, residual_units=2)
        >>> figures = measure(model, np.zeros((1, 32, 32, 1), "uint8"))  # doctest: +SKIP
        >>> figures["fixed-length bits per pixel"]  # doctest: +SKIP
        0.1875
    """
    codes = model.encode(images)
    rebuilt = model.decode(codes, size=images.shape[1:3])
    figures = {"PSNR, dB": mean(PSNR(), images, rebuilt)}
    for name, metric in (("SSIM", SSIM), ("LPIPS", LPIPS)):
        try:
            figures[name] = mean(metric(), images, rebuilt)
        except (OSError, ImportError, ValueError) as error:
            warnings.warn(f"{name} is left out: {error}", stacklevel=2)
    pixels = int(np.prod(images.shape[:3]))
    rate = BitsPerPixel(model.bottleneck)
    rate.update_state(codes, pixels)
    for name, value in rate.result().items():
        figures[f"{name.replace('_', '-')} bits per pixel"] = float(value)
    if "coefficients" in codes:
        # The entropy of whole supports is biased: there are more supports than codes.
        sparsity, atoms = model.bottleneck.sparsity, model.bottleneck.num_atoms
        sparse = (codes[name].reshape(-1, sparsity) for name in ("indices", "coefficients"))
        coded = sparse_map_bits(*sparse, atoms) * codes["indices"][..., 0].size / pixels
        figures["atom-wise entropy-coded bits per pixel"] = coded
    if getattr(model.bottleneck, "context", None):
        size = sum(map(len, model.compress(images)))
        figures["compressed bits per pixel"] = 8 * size / pixels
    if model.bottleneck.num_entries:
        usage = CodeUsage(model.bottleneck.num_entries)
        usage.update_state(*model.bottleneck.used_entries(codes))
        for name, value in usage.result().items():
            figures[name.replace("_", " ")] = float(value)
    return figures


def mean(metric: keras.metrics.Metric, images: np.ndarray, rebuilt: np.ndarray) -> float:
    """Computes a metric between images and reconstructions, in batches.

    Args:
        metric: metric without state, which is then that of the images.
        images: uint8, or floats in 0..1, `(n, height, width, channels)`.
        rebuilt: floats in 0..1 of the same shape.

    Examples:
        >>> round(mean(uk.metrics.PSNR(), np.zeros((2, 8, 8, 3)), np.full((2, 8, 8, 3), 0.1)), 3)
        20.0
    """
    for start in range(0, len(images), _BATCH):
        batch = slice(start, start + _BATCH)
        metric.update_state(images[batch], rebuilt[batch])
    return float(ops.convert_to_numpy(metric.result()))


def draw(model: BaseAutoencoder, image: np.ndarray) -> "Figure":
    """Draws an image, its reconstruction and the error.

    Args:
        model: `ImageAutoencoder` or `LappedAutoencoder`.
        image: uint8, or floats in 0..1, `(height, width, channels)`.

    Examples:
        >>> model = uk.VQVAE(8, latent_dim=2, filters=4, residual_units=2)
        >>> len(draw(model, np.zeros((16, 16, 3), "uint8")).axes)
        4
    """
    return plots.reconstructions(image[None], {"rebuilt": model.reconstruct(image[None])})
