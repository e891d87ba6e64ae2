"""What a linear classifier reads out of one pixel's embedding: the 19 classes of face parsing.

    python examples/benchmarks/linear_probe.py ../shared/data/celebamask_hq_512.tar

Images and masks are brought to 128x128 pixels; the last tenth in sorted order is the test. A
multinomial logistic regression learns from random pixels of the rest, on standardised features:
each preset's vectors, and as many principal components of the same patch pyramids. Mean IoU is over
the classes, on all pixels of the test images.
"""

import argparse
import sys
from pathlib import Path

import umbed_keras as uk

# isort: split
import numpy as np
from _celebamask import CLASSES, SIZE, load
from keras import ops
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.append(str(Path(__file__).resolve().parents[1]))
from training.images import held_out

PIXELS = 96
FACES = ["celeba_dl_k16_s4", "celeba_vae_d16", "celeba_vq_k16"]


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


def principal_components(images, rows, cols):
    known = [pyramids(*part) for part in zip(images, rows, cols, strict=True)]
    pca = PCA(16).fit(np.concatenate(known)[::2])
    return lambda *pixels: pca.transform(pyramids(*pixels))


def embedding(name, quantized):
    model = uk.PixelEmbedder.from_preset(name)

    def features(image, rows, cols):
        return model.embed(image[None], quantized=quantized)[0, rows, cols]

    return lambda *known: features


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="celebamask_hq_512.tar")
    parser.add_argument("--presets", nargs="*", default=FACES)
    args = parser.parse_args()
    images, masks = load(args.data)
    (train, test), (known, truth) = held_out(images), held_out(masks)
    print(f"{len(train)} images, {PIXELS} pixels each; {len(test)} test images\n")
    print("| features, 16 numbers a pixel | mean IoU, % |\n|---|---|")
    learners = {"PCA-16 of the pyramid": principal_components}
    for name in args.presets:
        learners[name] = embedding(name, quantized=True)
        if not uk.PixelEmbedder.from_preset(name).bottleneck.keeps_vectors:
            learners[f"{name}, before the bottleneck"] = embedding(name, quantized=False)
    for name, learn in learners.items():
        print(f"| {name} | {100 * probe(learn, train, known, test, truth):.2f} |", flush=True)


if __name__ == "__main__":
    main()
