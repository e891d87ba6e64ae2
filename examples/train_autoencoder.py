"""Trains an image autoencoder on a folder of images, and compresses one of them.

    python examples/train_autoencoder.py FOLDER --output runs/mine

From the shell, with more models and a card that states the quality: `umbed-keras autoencode`.
"""

import argparse
from pathlib import Path

import umbed_keras as uk

# isort: split
# umbed_keras chooses the backend of Keras, so it is imported first.
import keras


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", help="images, which may be larger than memory")
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--output", type=Path, default=Path("runs/autoencoder"))
    args = parser.parse_args()

    # Random squares of the images, read during training.
    batches = uk.ImageFolder(args.folder, size=128, batch_size=8, crops_per_image=4)
    # A larger weight makes smaller files.
    model = uk.LappedAutoencoder(rate_weight=5e-4)
    steps = keras.optimizers.schedules.CosineDecay(1e-3, args.epochs * batches.num_batches)
    # The gradients of rates are as small as the default of `epsilon`.
    adam = keras.optimizers.Adam(steps, epsilon=1e-12)
    model.compile(optimizer=adam, metrics=[uk.metrics.PSNR()])
    # An interrupted training resumes when it is started again.
    backup = uk.TrainingBackup(args.output)
    history = model.fit(batches, epochs=args.epochs, callbacks=[backup])
    model.save_to_preset(args.output / "preset", history=history, weights_dtype="float16")

    squares = batches[0][:1]
    (file,) = model.compress(squares)
    rebuilt = model.decompress([file])
    error = uk.metrics.PSNR()
    error.update_state(squares, rebuilt)
    decibels = float(keras.ops.convert_to_numpy(error.result()))
    print(f"128 x 128 pixels in {len(file):,} bytes, PSNR {decibels:.1f} dB")


if __name__ == "__main__":
    main()
