"""What a linear classifier reads out of one pixel's embedding: the 19 classes of face parsing.

    python examples/benchmarks/linear_probe.py ../shared/data/celebamask_hq_512.tar

Images and masks are brought to 128x128 pixels; the last tenth in sorted order is the test. A
multinomial logistic regression learns from random pixels of the rest, on standardised features:
each preset's vectors, and as many principal components of patch pyramids. Mean IoU is over the
classes, on all pixels of the test images. `--write` adds it to the presets' cards.
"""

import argparse
import sys
from pathlib import Path

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

sys.path.append(str(Path(__file__).resolve().parents[1]))
from training.images import held_out

PIXELS = 96
METRIC = "face parts read out linearly"
PROTOCOL = (
    "Face parts: mean IoU of the 19 classes of CelebAMask-HQ read out of one pixel's vector by a "
    "linear classifier, at 128x128 (examples/benchmarks/linear_probe.py)."
)


def colour_embedders():
    """The names of all presets that embed pixels of colour images."""
    names = [row["name"] for row in uk.list_presets() if row["class"] == "PixelEmbedder"]
    return [name for name in names if uk.PixelEmbedder.from_preset(name).channels == 3]


def mean_iou(truth, found):
    """Mean over classes of intersection over union."""
    counts = np.bincount(truth * CLASSES + found, minlength=CLASSES**2).reshape(CLASSES, CLASSES)
    both = np.diag(counts)
    either = counts.sum(axis=0) + counts.sum(axis=1) - both
    return np.mean(both[either > 0] / either[either > 0])


def probe(learn, images, masks, test_images, test_masks):
    """Mean IoU of what a classifier reads out of features.

    Args:
        learn: function of training images, rows and cols (one image's at a time) that returns a
            function of the same arguments, which gives features `(pixels, dim)`.
    """
    random = np.random.default_rng(0)
    places = random.integers(SIZE, size=(2, len(images), PIXELS))
    features = learn(images, *places)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    known = np.concatenate([features(*part) for part in zip(images, *places, strict=True)])
    labels = masks[np.arange(len(masks))[:, None], places[0], places[1]].ravel()
    classifier.fit(known, labels)
    everywhere = [axis.ravel() for axis in np.mgrid[:SIZE, :SIZE]]
    found = [classifier.predict(features(image, *everywhere)) for image in test_images]
    return mean_iou(test_masks.ravel().astype(int), np.concatenate(found).astype(int))


def pyramids(image, rows, cols):
    """Flattened patch pyramids `(pixels, values)`."""
    found = uk.ops.patch_pyramid(image[None] / np.float32(255), rows[None], cols[None], 8, 3)
    return ops.convert_to_numpy(found).reshape(len(rows), -1)


def principal_components(count):
    def learn(images, rows, cols):
        known = [pyramids(*part) for part in zip(images, rows, cols, strict=True)]
        pca = PCA(count).fit(np.concatenate(known)[::2])
        return lambda *pixels: pca.transform(pyramids(*pixels))

    return learn


def embedding(model, quantized):
    def features(image, rows, cols):
        return model.embed(image[None], quantized=quantized)[0, rows, cols]

    return lambda *known: features


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="celebamask_hq_512.tar")
    parser.add_argument("--presets", nargs="*", help="all that embed colour by default")
    parser.add_argument("--write", action="store_true", help="add what is found to the cards")
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
        found = float(probe(learn, train, known, test, truth))
        print(f"| {name} | {count} | {100 * found:.2f} |", flush=True)
        if args.write and name.strip("`") in models:
            add_to_card(name.strip("`"), PROTOCOL, {METRIC: found})


if __name__ == "__main__":
    main()
