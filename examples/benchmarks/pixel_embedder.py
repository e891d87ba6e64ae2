"""PixelEmbedder beside px-umbed: training, embedding, decoding.

python examples/benchmarks/pixel_embedder.py --px-umbed path/to/checkout

Ours runs on the backend that `KERAS_BACKEND` names, px-umbed in torch. A step of ours is one of
`fit`, with its sampling and its targets; `embed` and `reconstruct` end in NumPy arrays. The ratio
is our time divided by theirs.
"""

import _measure as measure
import numpy as np
import torch
from _px_umbed import PxUmbed
from keras import ops
from skimage.data import astronaut

from umbed_keras import PixelEmbedder
from umbed_keras.models.compiled import CompiledMethod
from umbed_keras.models.pixel_embedder import DECODE_CHUNK

# Our steps in one call of `fit`.
STEPS = 10
# Pixels that px-umbed decodes at once; all of them in one piece take it twice as long.
PX_UMBED_CHUNK = 1024
SKIPPED = "skipped: no --px-umbed"


def blocks(image, side):
    """An image cut into square ones."""
    rows, cols = (size // side for size in image.shape[:2])
    parts = image.reshape(rows, side, cols, side, 3).swapaxes(1, 2)
    return parts.reshape(-1, side, side, 3)


def rival(checkout, images, pixels_per_image, device):
    """px-umbed on the same images and as many pixels of them, or None."""
    if not checkout:
        return None
    tensor = torch.from_numpy(images).to(device).permute(0, 3, 1, 2).contiguous() / 255
    return PxUmbed(checkout, tensor, len(images) * pixels_per_image)


def compare_training(model, images, pixels_per_image, px_umbed, repeats):
    """Rows of the time of a training step, without and with px-umbed's work between its steps."""

    def fit():
        model.fit(
            images,
            batch_size=len(images),
            steps_per_epoch=STEPS,
            pixels_per_image=pixels_per_image,
            verbose=0,
        )

    count, side = images.shape[:2]
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


def compare_inference(model, image, px_umbed, device, repeats):
    """Rows of embedding an image, decoding all its pixels' pyramids, and reconstructing it."""
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
    embedding, decoding = theirs if px_umbed else (SKIPPED, SKIPPED)
    size = f"{image.shape[1]}x{image.shape[2]}"
    return [
        (f"embed, {size}", ours[0], embedding, measure.duration),
        (f"decode all pixels, each chunk dropped, {size}", ours[1], decoding, measure.duration),
        (f"reconstruct (theirs: decode), {size}", ours[2], decoding, measure.duration),
    ]


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
        model = PixelEmbedder()
        model.compile(optimizer="adam")
        for images, pixels in cases:
            px_umbed = rival(args.px_umbed, images, pixels, args.device)
            rows += compare_training(model, images, pixels, px_umbed, args.repeats)
        rows += compare_inference(model, image[None], px_umbed, args.device, args.repeats)
    measure.print_table(args.device, rows)


if __name__ == "__main__":
    main()
