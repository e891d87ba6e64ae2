"""Compares PixelEmbedder with px-umbed: training, embedding and decoding.

    python examples/benchmarks/pixel_embedder.py --px-umbed path/to/checkout

Ours runs on the backend of `KERAS_BACKEND`, px-umbed on PyTorch. Our step is a step of `fit`, with
sampling and targets; `embed` and `reconstruct` return NumPy arrays. The ratio is our time or memory
divided by theirs.
"""

import time
from functools import partial

import _measure as measure
import keras
import numpy as np
import torch
from _px_umbed import PxUmbed
from keras import ops
from skimage.data import astronaut

from umbed_keras import PixelEmbedder
from umbed_keras.backend.compiled import CompiledMethod
from umbed_keras.models.pixel_embedder.reconstruction import DECODE_CHUNK
from umbed_keras.ops import patch_pyramid

# Number of our steps in one call of `fit`.
STEPS = 10
# Number of pixels that px-umbed decodes at once; all at once take twice as long.
PX_UMBED_CHUNK = 1024
# Pixels of its step, and the number of steps in which it reaches this error on a 512x512 image.
PX_UMBED_PIXELS, PX_UMBED_STEPS, PX_UMBED_ERROR = 64, 4096, 0.0230
SKIPPED = "skipped: no --px-umbed"


def blocks(image, side):
    """Cuts an image into squares."""
    rows, cols = (size // side for size in image.shape[:2])
    parts = image.reshape(rows, side, cols, side, 3).swapaxes(1, 2)
    return parts.reshape(-1, side, side, 3)


def rival(checkout, images, pixels_per_image, device):
    """Returns px-umbed on the same images with the same number of pixels, or None."""
    if not checkout:
        return None
    tensor = torch.from_numpy(images).to(device).permute(0, 3, 1, 2).contiguous() / 255
    return PxUmbed(checkout, tensor, len(images) * pixels_per_image)


def new_model():
    model = PixelEmbedder()
    model.compile(optimizer=keras.optimizers.Adam(2e-3))
    return model


def fit_steps(model, images, steps=STEPS, **options):
    model.fit(images, batch_size=len(images), steps_per_epoch=steps, verbose=0, **options)


def compare_training(model, images, pixels_per_image, px_umbed, repeats):
    """Returns rows of the time of a step, without and with the targets of px-umbed."""
    count, side = images.shape[:2]
    fit = partial(fit_steps, model, images, pixels_per_image=pixels_per_image)
    what = f"training step, {pixels_per_image:,} pixels of {count} x {side}x{side}"
    if px_umbed is None:
        (ours,) = measure.seconds(repeats, fit)
        return [(what, ours / STEPS, SKIPPED, measure.duration)]
    (targets,) = measure.seconds(1, px_umbed.build_targets)
    ours, theirs = measure.seconds(repeats, fit, px_umbed.step)
    with_targets = theirs + targets / px_umbed.steps_per_pass
    return [
        (f"{what}: its targets at hand", ours / STEPS, theirs, measure.duration),
        (f"{what}: their building shared out", ours / STEPS, with_targets, measure.duration),
    ]


def compare_throughput(model, images, px_umbed, repeats):
    """Returns a row of the time of training on a million pixels with default settings."""
    what = f"a million pixels of {images.shape[1]}x{images.shape[2]} learned, default settings"
    fit = partial(fit_steps, model, images)
    (ours,) = measure.seconds(repeats, fit)
    ours *= 1e6 / (STEPS * len(images) * model.pixels_per_image)
    if px_umbed is None:
        return [(what, ours, SKIPPED, measure.duration)]
    targets, step = measure.seconds(repeats, px_umbed.build_targets, px_umbed.step)
    theirs = (step + targets / px_umbed.steps_per_pass) * 1e6 / PX_UMBED_PIXELS
    return [(what, ours, theirs, measure.duration)]


def compare_learning(image, px_umbed, repeats):
    """Returns a row of the time to reach the error of px-umbed on held-out pixels."""
    random = np.random.default_rng(1)
    rows, cols = (random.integers(size, size=(1, 4096)) for size in image.shape[1:3])
    pyramid = patch_pyramid(image.astype("float32") / 255, rows, cols, 8, 3)
    pyramid = ops.convert_to_numpy(pyramid)

    def learn():
        model = new_model()
        while True:
            fit_steps(model, image, steps=1)
            rebuilt = model.reconstruct_patches(image, rows, cols)
            if np.mean(np.square(rebuilt - pyramid)) <= PX_UMBED_ERROR:
                return

    what = (
        f"from nothing to an error of {PX_UMBED_ERROR:.4f} on one {image.shape[1]}x{image.shape[2]}"
    )
    start = time.perf_counter()
    learn()
    ours = time.perf_counter() - start
    if px_umbed is None:
        return [(what, ours, SKIPPED, measure.duration)]
    targets, step = measure.seconds(repeats, px_umbed.build_targets, px_umbed.step)
    theirs = PX_UMBED_STEPS * (step + targets / px_umbed.steps_per_pass)
    return [(f"{what} (theirs: {PX_UMBED_STEPS:,} steps)", ours, theirs, measure.duration)]


def compare_inference(model, image, px_umbed, device, repeats):
    """Returns rows of embedding an image, decoding all pyramids, and reconstruction."""
    vectors = model.embed(image).reshape(-1, model.latent_dim)
    our_latents = ops.convert_to_tensor(vectors)
    their_latents = torch.from_numpy(vectors).to(device)
    our_decoder = CompiledMethod(model, lambda latents: ops.clip(model.decoder(latents), 0, 1))

    def embed():
        return model.embed(image)

    def decode():
        for start in range(0, len(vectors), DECODE_CHUNK):
            measure.finish(ops.mean(our_decoder(our_latents[start : start + DECODE_CHUNK])))

    def reconstruct():
        return model.reconstruct(image)

    def px_umbed_decode():
        for chunk in their_latents.split(PX_UMBED_CHUNK):
            measure.finish(px_umbed.decode(chunk).mean())

    theirs = (px_umbed.embed, px_umbed_decode) if px_umbed else ()
    ours, theirs = np.split(measure.seconds(repeats, embed, decode, reconstruct, *theirs), [3])
    embedding, decoding, both = (*theirs, sum(theirs)) if px_umbed else [SKIPPED] * 3
    size = f"{image.shape[1]}x{image.shape[2]}"
    return [
        (f"embed, {size}", ours[0], embedding, measure.duration),
        (f"decode all pixels, each chunk dropped, {size}", ours[1], decoding, measure.duration),
        (f"reconstruct (theirs: embed, decode), {size}", ours[2], both, measure.duration),
    ]


# What runs in a process of its own, to see how much memory it needs.


def our_step(images):
    return partial(fit_steps, new_model(), images, steps=2)


def their_step(images, checkout, device):
    px_umbed = rival(checkout, images, PX_UMBED_PIXELS, device)

    def step():
        px_umbed.build_targets()
        px_umbed.step()

    return step


def our_reconstruction(image):
    return partial(PixelEmbedder().reconstruct, image)


def their_reconstruction(image, checkout, device):
    px_umbed = rival(checkout, image, PX_UMBED_PIXELS, device)

    def reconstruct():
        latents = px_umbed.embed().permute(0, 2, 3, 1).reshape(-1, 16)
        for chunk in latents.split(PX_UMBED_CHUNK):
            px_umbed.decode(chunk)

    return reconstruct


def compare_memory(image, checkout, device):
    """Rows of peak memory beyond the inputs: a training step, and decoding everything."""
    small = image[:, :64, :64].copy()
    four = np.repeat(image, 4, axis=0)

    def peak(make, images, *arguments):
        warm_up, prepare = (partial(make, part, *arguments) for part in (small, images))
        return measure.peak_bytes(device, warm_up, prepare)

    size = f"{image.shape[1]}x{image.shape[2]}"
    step, decoding = peak(our_step, four), peak(our_reconstruction, image)
    their_figures = (SKIPPED, SKIPPED)
    if checkout:
        one = peak(their_step, image, checkout, device)
        their_figures = one and 4 * one, peak(their_reconstruction, image, checkout, device)
    rows = []
    for what, ours, theirs in (
        (
            f"peak memory, training step, 4 x {size} (theirs: of one, times 4)",
            step,
            their_figures[0],
        ),
        (f"peak memory, reconstruct {size} (theirs: embed, decode)", decoding, their_figures[1]),
    ):
        figures = ["not measured here" if part is None else part for part in (ours, theirs)]
        rows.append((what, *figures, measure.size))
    return rows


def main():
    parser = measure.parser(__doc__.splitlines()[0])
    parser.add_argument("--px-umbed", metavar="PATH", help="a checkout of px-umbed")
    args = parser.parse_args()
    shrink = 8 if args.quick else 1
    image = astronaut()[::shrink, ::shrink].copy()
    cases = (
        (blocks(image, 128 // shrink), 1024 // shrink**2),
        (image[None], 64 // shrink**2),
    )
    rows = []
    with measure.on(args.device):
        model = new_model()
        for images, pixels in cases:
            px_umbed = rival(args.px_umbed, images, pixels, args.device)
            rows += compare_training(model, images, pixels, px_umbed, args.repeats)
        rows += compare_inference(model, image[None], px_umbed, args.device, args.repeats)
        rows += compare_learning(image[None], px_umbed, args.repeats)
        single = rival(args.px_umbed, cases[0][0][:1], PX_UMBED_PIXELS // shrink, args.device)
        rows += compare_throughput(model, cases[0][0], single, args.repeats)
        rows += compare_memory(image[None], args.px_umbed, args.device)
    measure.print_table(args.device, rows)


if __name__ == "__main__":
    main()
