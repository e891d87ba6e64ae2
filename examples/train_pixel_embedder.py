"""Trains a pixel embedder with sparse codes on a folder of images.

    python examples/train_pixel_embedder.py FOLDER --output runs/mine
    python examples/train_pixel_embedder.py FOLDER --backbone keras_hub:dinov2_small

From the shell, with more options and a card that states the quality: `umbed-keras train`.
"""

import argparse
from pathlib import Path

import umbed_keras as uk


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", help="images, which may be larger than memory")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--output", type=Path, default=Path("runs/pixel_embedder"))
    parser.add_argument(
        "--backbone",
        help="pretrained network whose features describe pixels as well, such as "
        "keras.applications:EfficientNetV2B0",
    )
    args = parser.parse_args()

    # Random squares of the images, read during training.
    batches = uk.ImageFolder(args.folder, size=128, batch_size=16, crops_per_image=4)
    bottleneck = uk.layers.DictionaryBottleneck(16, latent_dim=16, sparsity=4, coefficient_bits=8)
    backbone = uk.backbones.from_name(args.backbone) if args.backbone else None
    model = uk.PixelEmbedder(latent_dim=16, bottleneck=bottleneck, backbone=backbone)
    model.compile(optimizer="adam")
    # An interrupted training resumes when it is started again.
    backup = uk.TrainingBackup(args.output)
    history = model.fit(batches, epochs=args.epochs, callbacks=[backup])
    model.save_to_preset(args.output / "preset", history=history, weights_dtype="float16")
    print(f"umbed_keras.PixelEmbedder.from_preset({str(args.output / 'preset')!r})")


if __name__ == "__main__":
    main()
