"""Measures how well a linear classifier predicts the 19 classes of face parsing from vectors.

    python examples/benchmarks/linear_probe.py ../shared/data/celebamask_hq_512.tar

Images and masks are resized to 128x128 pixels; the last tenth in sorted order is the test set. A
multinomial logistic regression is fitted to random pixels of the rest, on standardized features:
the vectors of each preset, and as many principal components of patch pyramids. The score is the
mean IoU of the classes on all pixels of the test images. `--write` adds it to the cards of presets.
"""

import argparse

import umbed_keras as uk

# isort: split
import numpy as np
from _cards import add_to_card
from _celebamask import CLASSES, SIZE, load
from keras import ops
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from umbed_keras.images.squares.sources import held_out

PIXELS = 96
METRIC = "face parts read out linearly"
PROTOCOL = (
    "Face parts: mean IoU of the 19 classes of CelebAMask-HQ read out of one pixel's vector by a "
    "linear classifier, at 128x128 (examples/benchmarks/linear_probe.py)."
)


def colour_embedders():
    """Returns the names of all presets that embed pixels of colour images."""
    names = [row["name"] for row in uk.list_presets() if row["class"] == "PixelEmbedder"]
    return [name for name in names if uk.PixelEmbedder.from_preset(name).channels == 3]


def mean_iou(truth, predicted):
    """Computes the mean over classes of intersection over union."""
    counts = np.bincount(truth * CLASSES + predicted, minlength=CLASSES**2).reshape(
        CLASSES, CLASSES
    )
    both = np.diag(counts)
    either = counts.sum(axis=0) + counts.sum(axis=1) - both
    return np.mean(both[either > 0] / either[either > 0])


def probe(learn, images, masks, test_images, test_masks):
    """Computes the mean IoU of a linear classifier of features.

    Args:
        learn: function of training images, and rows and cols of pixels in each, that returns the
            function `(image, rows, cols) -> features (pixels, dim)`.
        images, masks: training set.
        test_images, test_masks: test set.
    """
    random = np.random.default_rng(0)
    pixels = random.integers(SIZE, size=(2, len(images), PIXELS))
    features = learn(images, *pixels)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    inputs = np.concatenate([features(*part) for part in zip(images, *pixels, strict=True)])
    labels = masks[np.arange(len(masks))[:, None], pixels[0], pixels[1]].ravel()
    classifier.fit(inputs, labels)
    everywhere = [axis.ravel() for axis in np.mgrid[:SIZE, :SIZE]]
    predicted = [classifier.predict(features(image, *everywhere)) for image in test_images]
    return mean_iou(test_masks.ravel().astype(int), np.concatenate(predicted).astype(int))


def pyramids(image, rows, cols):
    """Computes flattened patch pyramids `(pixels, values)`."""
    pyramid = uk.ops.patch_pyramid(image[None] / np.float32(255), rows[None], cols[None], 8, 3)
    return ops.convert_to_numpy(pyramid).reshape(len(rows), -1)


def principal_components(count):
    def learn(images, rows, cols):
        inputs = [pyramids(*part) for part in zip(images, rows, cols, strict=True)]
        pca = PCA(count).fit(np.concatenate(inputs)[::2])
        return lambda *pixels: pca.transform(pyramids(*pixels))

    return learn


def embedding(model, quantized):
    def features(image, rows, cols):
        return model.embed(image[None], quantized=quantized)[0, rows, cols]

    return lambda *training_set: features


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="celebamask_hq_512.tar")
    parser.add_argument("--presets", nargs="*", help="default: all that embed colour")
    parser.add_argument("--write", action="store_true", help="add the results to the cards")
    args = parser.parse_args()
    images, masks = load(args.data)
    (train, test), (known, truth) = held_out(images), held_out(masks)
    print(f"{len(train)} images, {PIXELS} pixels each; {len(test)} test images\n")
    print("| features | numbers a pixel | mean IoU, % |\n|---|---|---|")
    names = colour_embedders() if args.presets is None else args.presets
    models = {name: uk.PixelEmbedder.from_preset(name) for name in names}
    rows = [
        (f"PCA-{count} of the pyramid", count, principal_components(count))
        for count in sorted({16, *(model.latent_dim for model in models.values())})
    ]
    for name, model in models.items():
        rows.append((f"`{name}`", model.latent_dim, embedding(model, quantized=True)))
        if not model.bottleneck.keeps_vectors:
            before = embedding(model, quantized=False)
            rows.append((f"`{name}`, before the bottleneck", model.latent_dim, before))
    for name, count, learn in rows:
        score = float(probe(learn, train, known, test, truth))
        print(f"| {name} | {count} | {100 * score:.2f} |", flush=True)
        if args.write and name.strip("`") in models:
            add_to_card(name.strip("`"), PROTOCOL, {METRIC: score})


if __name__ == "__main__":
    main()
