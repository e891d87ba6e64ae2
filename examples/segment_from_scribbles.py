"""Segments an image into the classes of a few stroked pixels: the library's part of the command.

    python examples/segment_from_scribbles.py IMAGE STROKES LABELS.png

Strokes are an image of the same size: class numbers, 0 for unlabelled pixels, or strokes in the
colours of the page. `umbed-keras segment` does this for folders and projects.
"""

import argparse

import umbed_keras as uk
from umbed_keras.images.labels import read_labels, write_labels
from umbed_keras.segmentation import PixelClassifier


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("image", help="image of any kind")
    parser.add_argument("strokes")
    parser.add_argument("labels", help="file to write, .png, .tif or .npy")
    parser.add_argument("--preset", default="free_lite0_vae_d32", help="(default: %(default)s)")
    args = parser.parse_args()
    image = uk.read_image(args.image)
    classifier = PixelClassifier(args.preset).fit(image, read_labels(args.strokes))
    labels = classifier.predict(image)
    path = write_labels(args.labels, labels, image)
    shares = uk.segmentation.class_fractions(labels)
    print(f"{path}: " + ", ".join(f"class {key} {share:.1%}" for key, share in shares.items()))


if __name__ == "__main__":
    main()
