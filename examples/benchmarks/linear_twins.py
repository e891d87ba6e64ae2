"""Compares the held-out patch-pyramid error of presets with linear methods of the same rate.

    python examples/benchmarks/linear_twins.py ../shared/data/celeba_crops.tar
    python examples/benchmarks/linear_twins.py ../shared/data/bsds.tar --tiles \\
        --others ../shared/data/kodak.tar --presets natural_vae_d16

PCA keeps real numbers. The dictionary is learned by alternating least squares on PCA-16
coefficients, starting from the principal axes, coded by OMP, and decoded linearly. k-means uses the
same coefficients. All are fitted on the training images and measured on the same held-out pixels.
"""

import argparse

import umbed_keras as uk

# isort: split
import numpy as np
from keras import ops
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from umbed_keras.images.squares.sources import load_images, load_split

CELEBA = ["celeba_dl_k16_s4", "celeba_vae_d16", "celeba_vq_k16"]
LATENT_DIM, NUM_ATOMS, SPARSITY = 16, 16, 4


def pixels(images, count, seed):
    """Draws random rows and cols, `(n, count)` each."""
    random = np.random.default_rng(seed)
    return [random.integers(size, size=(len(images), count)) for size in images.shape[1:3]]


def pyramids(images, rows, cols):
    """Computes flattened patch pyramids of pixels, `(n, values)`."""
    parts = [
        ops.convert_to_numpy(uk.ops.patch_pyramid(image[None] / 255.0, row[None], col[None], 8, 3))
        for image, row, col in zip(images.astype("float32"), rows, cols, strict=True)
    ]
    return np.concatenate(parts).reshape(rows.size, -1)


def sparse_codes(coefficients, atoms):
    """Computes dense codes `(n, NUM_ATOMS)` by OMP."""
    code = uk.ops.orthogonal_matching_pursuit(coefficients, atoms, SPARSITY)
    indices, values = (ops.convert_to_numpy(part) for part in code)
    codes = np.zeros((len(coefficients), NUM_ATOMS), "float32")
    np.put_along_axis(codes, indices, values, axis=1)
    return codes


def alternating_least_squares(coefficients, rounds=15):
    """Learns a dictionary `(NUM_ATOMS, LATENT_DIM)`."""
    atoms = np.eye(NUM_ATOMS, LATENT_DIM, dtype="float32")
    for _ in range(rounds):
        atoms = np.linalg.lstsq(sparse_codes(coefficients, atoms), coefficients, rcond=None)[0]
        atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    return atoms


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", help="folder, tar or .npz")
    parser.add_argument("--presets", nargs="*", default=CELEBA)
    parser.add_argument("--tiles", action="store_true", help="as in `umbed-keras train`")
    parser.add_argument("--others", help="more images to measure on")
    args = parser.parse_args()

    train, others = load_split(args.images, tiles=args.tiles)
    if args.others:
        others = np.concatenate([others, load_images(args.others, tiles=args.tiles)])
    learned = pyramids(train, *pixels(train, 32, seed=1))
    rows, cols = pixels(others, 256, seed=0)
    targets = pyramids(others, rows, cols)

    pca = PCA(LATENT_DIM).fit(learned)
    known, held = (pca.transform(part).astype("float32") for part in (learned, targets))
    atoms = alternating_least_squares(known)
    clusters = KMeans(NUM_ATOMS, n_init=4, random_state=0).fit(known)
    rebuilt = {
        f"PCA-{LATENT_DIM}": pca.inverse_transform(held),
        f"linear twin, K {NUM_ATOMS}, S {SPARSITY}": pca.inverse_transform(
            sparse_codes(held, atoms) @ atoms
        ),
        f"k-means-{NUM_ATOMS}": pca.inverse_transform(
            clusters.cluster_centers_[clusters.predict(held)]
        ),
    }
    for name in args.presets:
        model = uk.PixelEmbedder.from_preset(name)
        rebuilt[name] = model.reconstruct_patches(others, rows, cols).reshape(targets.shape)
    print(f"{len(others)} held-out images, 256 pixels each; values in 0..1\n")
    print("| method | patch-pyramid MSE |\n|---|---|")
    for name, patches in rebuilt.items():
        print(f"| {name} | {np.mean(np.square(patches - targets)):.5f} |")


if __name__ == "__main__":
    main()
