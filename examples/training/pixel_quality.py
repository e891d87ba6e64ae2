"""Measures a pixel embedder on held-out images."""

import numpy as np
from keras import ops
from training.images import portrait

import umbed_keras as uk

PIXELS = 256
PROTOCOL = (
    f"On the held-out tenth, values in 0..1. Patch pyramids: at {PIXELS} random pixels an image. "
    "PSNR: of `reconstruct`, mean over images. Active units, of a Gaussian: those whose mean has a "
    "variance above 0.01."
)


def measure(model, images, seed=0):
    """Measures the figures for the card of a model.

    Args:
        model: `PixelEmbedder`.
        images: uint8 `(n, height, width, channels)`, held out in training.
        seed: int, of the `PIXELS` random pixels of each image at which pyramids are compared.

    Returns:
        Dictionary from the name of a figure to its value. Errors are of values in 0..1; bits are
        per pixel. With a backbone, the unexplained share of the variance of its features.
    """
    random = np.random.default_rng(seed)
    shape = (len(images), PIXELS)
    rows = random.integers(images.shape[1], size=shape)
    cols = random.integers(images.shape[2], size=shape)
    targets = ops.convert_to_numpy(
        uk.ops.patch_pyramid(
            images.astype("float32") / 255, rows, cols, model.patch_size, model.pyramid_levels
        )
    )
    patches = model.reconstruct_patches(images, rows, cols)
    figures = {"MSE of patch pyramids": float(np.mean(np.square(patches - targets)))}
    if model.backbone:
        model.compile()
        report = model.evaluate(images, pixels_per_image=PIXELS, verbose=0, return_dict=True)
        figures["unexplained variance of features"] = report["feature_error"]
    pictures = model.reconstruct(images)
    psnr = uk.metrics.PSNR()
    psnr.update_state(images, pictures)
    figures["PSNR, dB"] = float(ops.convert_to_numpy(psnr.result()))
    codes = model.encode(images)
    bits = model.bottleneck.bits(codes)
    figures["fixed-length bits per pixel"] = bits.fixed_length
    figures["entropy-coded bits per pixel"] = bits.entropy_coded
    if "indices" in codes:
        usage = uk.metrics.CodeUsage(model.bottleneck.num_entries)
        usage.update_state(codes["indices"].reshape(-1))
        for name, value in usage.result().items():
            figures[name.replace("_", " ")] = float(value)
    else:
        variances = codes["mean"].reshape(-1, model.latent_dim).var(axis=0)
        figures["active units"] = float(np.sum(variances > 0.01))
    return figures


def draw(model):
    """Draws the bundled portrait, its vectors, codes and reconstruction."""
    image = portrait(model.channels)
    codes = model.encode(image[None])
    code_map = codes["indices"][0] if "indices" in codes else None
    if code_map is not None and code_map.ndim == 3:  # the first atom of a sparse code
        code_map = code_map[..., 0]
    vectors, rebuilt = model.embed(image[None])[0], model.decode(codes)[0]
    return uk.plots.embedding(image / 255.0, vectors, rebuilt, code_map)
