"""Time of a training step of DLVAE and LASER, and the share of the bottleneck.

    python examples/benchmarks/autoencoder.py --laser path/to/checkout

Both sides use K 512, S 3, dim 64, f 4, 128 filters, Adam, mean squared error plus the loss of the
bottleneck, and a batch of 16 images of 128x128 in float32. Ours runs on the backend of
`KERAS_BACKEND`, LASER on PyTorch. The ratio is our time divided by theirs.
"""

import importlib
import sys

import _measure as measure
import keras
import numpy as np
import torch
from keras import ops

import umbed_keras as uk

SKIPPED = "skipped: no --laser"
ENTRIES, SPARSITY, DIM, FILTERS, RESIDUAL = 512, 3, 64, 128, 64


def photographs(count, size):
    """Draws smooth random images in 0..1; the time does not depend on the content."""
    coarse = np.random.default_rng(0).random((count, size // 8, size // 8, 3), dtype="float32")
    return np.kron(coarse, np.ones((1, 8, 8, 1), "float32"))


def our_step(images):
    """Returns a training step of DLVAE, as in `fit`, and the model."""
    model = uk.DLVAE(ENTRIES, DIM, SPARSITY, filters=FILTERS, residual_units=RESIDUAL)
    model.adapt(images)
    model.compile(keras.optimizers.Adam(1e-3))
    batch = {"images": ops.convert_to_tensor(images)}
    model.make_train_function()
    return lambda: model.train_on_batch(batch), model


def bottleneck_step(model, images):
    """Returns a step of the bottleneck alone: forward, backward and statistics."""
    latents = ops.convert_to_tensor(ops.convert_to_numpy(model.analysis(images)))
    bottleneck = model.bottleneck

    def run():
        inputs = latents.detach().requires_grad_()
        outputs = bottleneck(inputs, training=True)
        (outputs["latents"].sum() + outputs["loss"]).backward()
        return inputs.grad

    return run


def laser_step(images, device, checkout):
    """Returns the same training step of LASER."""
    sys.path.insert(0, checkout)
    encoder = importlib.import_module("src.models.encoder").SimpleEncoder(
        3, FILTERS, 2, RESIDUAL, num_downsamples=2
    )
    decoder = importlib.import_module("src.models.decoder").SimpleDecoder(
        FILTERS, FILTERS, 2, RESIDUAL, num_upsamples=2
    )
    learner = importlib.import_module("src.models.dictionary_learner").DictionaryLearning(
        ENTRIES, DIM, SPARSITY
    )
    before = torch.nn.Conv2d(FILTERS, DIM, 1)
    after = torch.nn.Conv2d(DIM, FILTERS, 3, padding=1)
    parts = torch.nn.ModuleList([encoder, before, learner, after, decoder]).to(device).train()
    optimizer = torch.optim.Adam(parts.parameters(), 1e-3)
    batch = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().to(device)

    def step():
        latents, loss, *_ = learner(before(encoder(batch)))
        error = torch.nn.functional.mse_loss(decoder(after(latents)), batch)
        optimizer.zero_grad()
        (error + loss).backward()
        optimizer.step()

    return step


def main():
    parser = measure.parser(__doc__.splitlines()[0])
    parser.add_argument("--laser", metavar="PATH", help="a checkout of helloimlixin/laser")
    args = parser.parse_args()
    images = photographs(2 if args.quick else 16, 32 if args.quick else 128)
    with measure.on(args.device):
        step, model = our_step(images)
        steps = [step]
        if args.laser:
            steps.append(laser_step(images, args.device, args.laser))
        on_torch = keras.backend.backend() == "torch"
        if on_torch:
            steps.append(bottleneck_step(model, images))
        ours, *others = measure.seconds(args.repeats, *steps)
    theirs = others[0] if args.laser else SKIPPED
    what = f"training step of DLVAE, {len(images)} x {images.shape[1]}x{images.shape[2]}"
    measure.print_table(args.device, [(what, ours, theirs, measure.duration)])
    if on_torch:
        share = others[-1] / ours
        print(f"\nThe bottleneck alone: {measure.duration(others[-1])}, {share:.0%} of our step.")


if __name__ == "__main__":
    main()
