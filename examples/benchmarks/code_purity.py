"""Measures how well single codes coincide with the 19 classes of face parsing.

    python examples/benchmarks/code_purity.py ../shared/data/celebamask_hq_512.tar

Uses the last tenth of the images in sorted order, at 128x128 pixels. The best code of each class is
chosen on one half and tested on the other. Purity is the mean over classes of the IoU of this code
with the class (`uk.metrics.CodePurity`). The reference is k-means on the colours of pixels, with
the same K, fitted on the first half. An atom of a dictionary and its negative are two codes, so
that there are 2 K codes; codes of different stages of a residual quantizer are different codes.

`--write` adds both numbers to the cards of the presets. Afterwards the index must be updated by
`examples/tools/index_presets.py`.
"""

import argparse
import json
from pathlib import Path

import umbed_keras as uk

# isort: split
import keras
import numpy as np
from _cards import add_to_card
from _celebamask import CLASSES, load
from keras import ops
from sklearn.cluster import MiniBatchKMeans

from umbed_keras.images.squares.sources import held_out
from umbed_keras.zoo.format import CONFIG
from umbed_keras.zoo.locations import find_preset

PRESETS = ["celeba_dl_k16_s4", "celeba_vq_k16", "natural_dl_k64_s4", "natural_vq_k256"]
PRESETS += ["natural_lite0_dl_k256_s4", "natural_lite0_vq_k64"]
PRESETS += ["celeba_dlvae_k512_s3", "celeba_rvqvae_k512_s3", "celeba_vqvae_k512"]
METRICS = "code purity", "code purity of k-means on colours"
PROTOCOL = (
    "Code purity, from 0 to 1: mean over the 19 classes of CelebAMask-HQ of the IoU of the best "
    "single code, chosen on half of its last 90 images, tested on the other half, at 128x128; "
    "beside it that of k-means of the same K on the colours of pixels."
)


def load_model(folder):
    config = json.loads((folder / CONFIG).read_text())
    return keras.saving.get_registered_object(config["registered_name"]).from_preset(str(folder))


def codes_of(model, images):
    """Returns the codes of all pixels, `(n, height, width[, codes])`, and the number of codes."""
    codes, number = model.encode(images), model.bottleneck.num_entries
    if "coefficients" in codes:
        indices = uk.metrics.signed_atoms(codes["indices"], codes["coefficients"], number)
        number *= 2
    else:
        indices, _ = model.bottleneck.used_entries(codes)
    indices = ops.convert_to_numpy(indices)
    # A code of a square of pixels is the code of each of them.
    side = images.shape[1] // indices.shape[1]
    return indices.repeat(side, axis=1).repeat(side, axis=2), number


def purity(encode, some, others):
    """Computes the purity of codes, chosen on `some` and tested on `others`, `(images, masks)`."""
    class_codes = None
    for images, masks in (some, others):
        codes, number = encode(images)
        metric = uk.metrics.CodePurity(number, CLASSES, class_codes)
        metric.update_state(codes, masks)
        class_codes = metric.best_codes()
    return float(ops.convert_to_numpy(metric.result()))


def clusters_of_colours(images, number):
    """Returns a function like `codes_of` for k-means on colours."""
    colours = images.reshape(-1, 3) / np.float32(255)
    fitted = MiniBatchKMeans(number, batch_size=4096, n_init=3, random_state=0).fit(colours)

    def encode(images):
        codes = fitted.predict(images.reshape(-1, 3) / np.float32(255))
        return codes.reshape(images.shape[:3]), number

    return encode


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="celebamask_hq_512.tar")
    parser.add_argument("--presets", nargs="*", default=PRESETS, help="names or folders")
    parser.add_argument("--write", action="store_true", help="add the results to the cards")
    args = parser.parse_args()
    images, masks = load(args.data, lambda names: held_out(names)[1])
    half = len(images) // 2
    some, others = (images[:half], masks[:half]), (images[half:], masks[half:])
    of_colours = {}
    print(f"{half} images to choose on, {len(images) - half} to test on\n")
    print("| preset | K | purity | k-means on colours, same K |\n|---|---:|---:|---:|")
    for name in args.presets:
        folder = Path(find_preset(name))
        model = load_model(folder)
        number = model.bottleneck.num_indices
        if number not in of_colours:
            of_colours[number] = purity(clusters_of_colours(some[0], number), some, others)
        of_codes = purity(lambda images, model=model: codes_of(model, images), some, others)
        both = of_codes, of_colours[number]
        print(f"| `{folder.name}` | {number} | {both[0]:.4f} | {both[1]:.4f} |", flush=True)
        if args.write:
            add_to_card(name, PROTOCOL, dict(zip(METRICS, both, strict=True)))


if __name__ == "__main__":
    main()
