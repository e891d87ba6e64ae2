"""The quality of a pixel embedder on held-out images, as cards of presets state it."""

from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from umbed_keras import plots
from umbed_keras.metrics import PSNR, CodeUsage
from umbed_keras.models.pixel_embedder.pixel_embedder import PixelEmbedder
from umbed_keras.ops import patch_pyramid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PIXELS = 256
PROTOCOL = (
    f"On the held-out tenth, values in 0..1. Patch pyramids: at {_PIXELS} random pixels an image. "
    "PSNR: of `reconstruct`, mean over images. Active units, of a Gaussian: those whose mean has a "
    "variance above 0.01."
)


def measure(model: PixelEmbedder, images: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Measures a pixel embedder by `PROTOCOL`.

    Args:
        model: `PixelEmbedder`.
        images: uint8, or floats in 0..1, `(n, height, width, channels)`, held out in training.
        seed: seed of the random pixels of each image at which patch pyramids are compared.

    Returns:
        Name of each figure to its value. Errors are of values in 0..1; bits are per pixel. With a
        backbone, the unexplained share of the variance of its features.

    Examples:
        >>> model = uk.PixelEmbedder(4, widths=(4,), hidden_units=(4,), pyramid_levels=1)
        >>> list(measure(model, np.zeros((1, 16, 16, 3), "uint8")))[:2]
        ['MSE of patch pyramids', 'PSNR, dB']
    """
    random = np.random.default_rng(seed)
    rows, cols = (random.integers(size, size=(len(images), _PIXELS)) for size in images.shape[1:3])
    targets = pyramids(model, images, rows, cols)
    patches = model.reconstruct_patches(images, rows, cols)
    figures = {"MSE of patch pyramids": float(np.mean(np.square(patches - targets)))}
    if model.backbone:
        model.compile()
        report = model.evaluate(images, pixels_per_image=_PIXELS, verbose=0, return_dict=True)
        figures["unexplained variance of features"] = report["feature_error"]
    psnr = PSNR()
    psnr.update_state(images, model.reconstruct(images))
    figures["PSNR, dB"] = float(ops.convert_to_numpy(psnr.result()))
    codes = model.encode(images)
    bits = model.bottleneck.bits(codes)
    figures["fixed-length bits per pixel"] = bits.fixed_length
    figures["entropy-coded bits per pixel"] = bits.entropy_coded
    if "indices" in codes:
        usage = CodeUsage(model.bottleneck.num_entries)
        usage.update_state(codes["indices"].reshape(-1))
        for name, value in usage.result().items():
            figures[name.replace("_", " ")] = float(value)
    else:
        variances = codes["mean"].reshape(-1, model.latent_dim).var(axis=0)
        figures["active units"] = float(np.sum(variances > 0.01))
    return figures


def pyramids(
    model: PixelEmbedder, images: np.ndarray, rows: np.ndarray, cols: np.ndarray
) -> np.ndarray:
    """Computes the patch pyramids that a model describes pixels by.

    Args:
        model: `PixelEmbedder`.
        images: uint8, or floats in 0..1, `(n, height, width, channels)`.
        rows, cols: int arrays `(n, pixels)`.

    Returns:
        float32 array `(n, pixels, levels, patch, patch, channels)`.

    Examples:
        >>> model = uk.PixelEmbedder(4, widths=(4,), hidden_units=(4,), pyramid_levels=1)
        >>> at = np.zeros((1, 2), int)
        >>> pyramids(model, np.zeros((1, 16, 16, 3), "uint8"), at, at).shape
        (1, 2, 1, 8, 8, 3)
    """
    values = images.astype("float32")
    values = values / 255 if images.dtype == np.uint8 else values
    built = patch_pyramid(values, rows, cols, model.patch_size, model.pyramid_levels)
    return ops.convert_to_numpy(built)


def draw(model: PixelEmbedder, image: np.ndarray) -> "Figure":
    """Draws an image, its vectors, its codes and its reconstruction.

    Args:
        model: `PixelEmbedder`.
        image: uint8, or floats in 0..1, `(height, width, channels)`.

    Examples:
        >>> model = uk.PixelEmbedder(4, widths=(4,), hidden_units=(4,), pyramid_levels=1)
        >>> len(draw(model, np.zeros((16, 16, 3), "uint8")).axes) > 1
        True
    """
    codes = model.encode(image[None])
    code_map = codes["indices"][0] if "indices" in codes else None
    if code_map is not None and code_map.ndim == 3:  # the first atom of a sparse code
        code_map = code_map[..., 0]
    vectors, rebuilt = model.embed(image[None])[0], model.decode(codes)[0]
    return plots.embedding(image, vectors, rebuilt, code_map)
