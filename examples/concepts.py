"""Learns the concepts of a folder of images: atoms of the vectors that describe their pixels.

    python examples/concepts.py IMAGES --output runs/concepts
    python examples/concepts.py IMAGES --test OTHERS --seeds 3

IMAGES is a folder or a tar file; its last tenth is held out, or OTHERS in place of it. The vectors
are the feature maps of a preset's backbone, or with `--vectors preset` those of the preset. Each
learner finds K atoms and codes a vector by S of them: `DictionaryBottleneck`, scikit-learn's
`MiniBatchDictionaryLearning`, and the autoencoders of overcomplete, if it is installed
(`pip install --no-deps overcomplete einops`).

Prints, for each learner, R2 on held-out images, how many atoms these use, how stable atoms are over
seeds, and the time to learn. Stability is the mean absolute cosine of atoms of two seeds after
optimal matching, mean over pairs of seeds (PW-MCC; Song et al. 2025, arXiv:2505.20254). It is high
also where all seeds start alike, as scikit-learn does, from the principal axes.

Draws, for each learner, the atoms that explain most of a photograph: each atom's map on it, and the
held-out pixels where its coefficient is largest.
"""

import argparse
import itertools
import time
from pathlib import Path

import umbed_keras as uk

# isort: split
import numpy as np
from concept_learners.feature_vectors import FeatureVectors
from concept_learners.learners import LEARNERS
from PIL import Image
from scipy.optimize import linear_sum_assignment

from umbed_keras.images.squares.cutting import square
from umbed_keras.images.squares.sources import load_images, load_split

HERE = Path(__file__).parent


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", help="folder or tar file of images to learn from")
    parser.add_argument("--test", help="folder or tar file of images to test on")
    parser.add_argument("--output", type=Path, default=Path("runs/concepts"))
    parser.add_argument("--preset", default="natural_lite0_vae_d32")
    parser.add_argument("--vectors", choices=("maps", "preset"), default="maps")
    parser.add_argument("--atoms", type=int, default=512, help="number of atoms, K")
    parser.add_argument("--sparsity", type=int, default=8, help="atoms of a vector, S")
    parser.add_argument("--pixels", type=int, default=48000, help="vectors to learn from")
    parser.add_argument("--seeds", type=int, default=2, help="runs of each learner")
    parser.add_argument("--size", type=int, default=224, help="images are cut to squares of this")
    parser.add_argument("--limit", type=int, help="images at most")
    parser.add_argument("--learners", nargs="+", choices=LEARNERS, default=list(LEARNERS))
    # NASA's portrait of astronaut Eileen Collins, public domain.
    parser.add_argument(
        "--photograph",
        type=Path,
        default=HERE / "astronaut.jpg",
        help="image of the maps (default: the bundled portrait)",
    )
    parser.add_argument("--rows", type=int, default=10, help="atoms in a figure")
    parser.add_argument("--examples", type=int, default=9, help="pixels of each atom in a figure")
    return parser.parse_args()


def explained(vectors, rebuilt):
    """Returns the share of the variance of vectors `(n, dim)` that is rebuilt, R2."""
    left = np.mean(np.sum((vectors - rebuilt) ** 2, axis=1))
    return 1 - left / np.sum(np.var(vectors, axis=0))


def stability(dictionaries):
    """Returns the mean absolute cosine of matched atoms, mean over pairs of dictionaries.

    Args:
        dictionaries: list of at least two arrays `(K, dim)` with rows of unit length.
    """
    means = []
    for one, other in itertools.combinations(dictionaries, 2):
        cosines = np.abs(one @ other.T)
        means.append(cosines[linear_sum_assignment(cosines, maximize=True)].mean())
    return float(np.mean(means))


def codes_of(atoms, features, images):
    """Returns codes of all positions, `(n, rows, cols, S)` indices and coefficients."""
    parts = []
    for image in images:
        vectors = features.grid(image[None])[0]
        codes = atoms.code(vectors.reshape(-1, vectors.shape[-1]))
        parts.append([part.reshape(*vectors.shape[:2], -1) for part in codes])
    return [np.stack(part) for part in zip(*parts, strict=True)]


def of_photograph(indices, coefficients, count):
    """Sets all coefficients to 0 but those of the signed atoms that explain most of an image.

    Args:
        indices: ints `(n, rows, cols, S)`; the last image is the one.
        coefficients: floats of the same shape.
        count: number of signed atoms.
    """
    signed = np.where(coefficients < 0, ~indices, indices)
    names, positions = np.unique(signed[-1], return_inverse=True)
    energies = np.bincount(positions.ravel(), np.square(coefficients[-1]).ravel())
    chosen = names[np.argsort(-energies)[:count]]
    return np.where(np.isin(signed, chosen), coefficients, 0)


def main():
    args = arguments()
    train, others = load_split(args.images, args.size, args.limit)
    if args.test:
        others = load_images(args.test, args.size)
    features = FeatureVectors(uk.PixelEmbedder.from_preset(args.preset), args.vectors)
    vectors = features.fit(train, args.pixels)
    held_out = features.sample(others, args.pixels // 2, seed=1)
    print(
        f"{len(vectors)} vectors of {vectors.shape[1]} numbers of {len(train)} images, "
        f"{len(held_out)} of {len(others)} held-out images; K {args.atoms}, S {args.sparsity}\n"
    )
    photograph = square(Image.open(args.photograph).convert("RGB"), args.size)
    shown = np.concatenate([others, photograph[None]])
    args.output.mkdir(parents=True, exist_ok=True)
    print("| learner | R2, held out | atoms in use | stability | s |\n|---|---|---|---|---|")
    for name in args.learners:
        runs, seconds = [], []
        try:
            for seed in range(args.seeds):
                start = time.perf_counter()
                runs.append(LEARNERS[name](vectors, args.atoms, args.sparsity, seed))
                seconds.append(time.perf_counter() - start)
        except ImportError as error:
            print(f"| {name} | {error} | | | |")
            continue
        scores = [explained(held_out, atoms.rebuild(held_out)) for atoms in runs]
        indices, coefficients = codes_of(runs[0], features, shown)
        in_use = len(np.unique(indices[coefficients != 0]))
        agreement = stability([atoms.directions for atoms in runs]) if args.seeds > 1 else np.nan
        print(
            f"| {name} | {np.mean(scores):.3f} | {in_use} | {agreement:.3f} | "
            f"{np.mean(seconds):.1f} |",
            flush=True,
        )
        figure = uk.plots.atom_gallery(
            shown,
            indices,
            of_photograph(indices, coefficients, args.rows),
            atoms=args.rows,
            examples=args.examples,
            window=min(64, args.size),
            map_of=len(shown) - 1,
        )
        figure.savefig(args.output / f"{name}.png", dpi=110)
    print(f"\nfigures: {args.output}")


if __name__ == "__main__":
    main()
