"""Compares orthogonal matching pursuit with float64, and `ols` with `omp`.

KERAS_BACKEND=torch python examples/benchmarks/exactness.py
"""

import umbed_keras as uk

# isort: split
import keras
import numpy as np
from keras import ops
from skimage.data import astronaut

COUNT = 4000
# Atoms, dimensions and sparsity of random problems.
SIZES = ((16, 3, 2), (16, 16, 4), (64, 16, 8), (512, 64, 5))


def reference(signals, dictionary, sparsity):
    """Computes supports and residual norms of OMP in float64 by least squares."""
    atoms = dictionary / np.linalg.norm(dictionary, axis=1, keepdims=True)
    supports, norms = [], []
    for signal in signals:
        residual, support = signal, []
        for _ in range(sparsity):
            scores = np.abs(atoms @ residual)
            scores[support] = -1
            support.append(int(scores.argmax()))
            chosen = atoms[support]
            residual = signal - np.linalg.lstsq(chosen.T, signal, rcond=None)[0] @ chosen
        supports.append(sorted(support))
        norms.append(np.linalg.norm(residual))
    return np.array(supports), np.array(norms)


def residual_norms(signals, dictionary, code):
    return np.linalg.norm(
        signals - ops.convert_to_numpy(uk.ops.sparse_decode(*code, dictionary)), axis=1
    )


def problems():
    random = np.random.default_rng(0)
    for atoms, dim, sparsity in SIZES:
        name = f"random, K {atoms}, dim {dim}, S {sparsity}"
        yield name, random.normal(size=(COUNT, dim)), random.normal(size=(atoms, dim)), sparsity
    pixels = astronaut().reshape(-1, 3) / 255.0
    pixels = pixels[pixels.max(axis=1) > 0.1]  # black pixels have no direction
    palette = pixels[random.choice(len(pixels), 16, replace=False)]
    for sparsity in (2, 3):
        chosen = pixels[random.choice(len(pixels), COUNT, replace=False)]
        yield f"RGB pixels, K 16, S {sparsity}", chosen, palette, sparsity


def main():
    print(f"backend {keras.backend.backend()}, {COUNT} signals each\n")
    print("| problem | same support | residual norm, largest difference | MSE of ols / omp |")
    print("|---|---|---|---|")
    for name, signals, dictionary, sparsity in problems():
        signals, dictionary = signals.astype("float32"), dictionary.astype("float32")
        code = uk.ops.orthogonal_matching_pursuit(signals, dictionary, sparsity)
        supports, norms = reference(
            signals.astype("float64"), dictionary.astype("float64"), sparsity
        )
        same = (np.sort(ops.convert_to_numpy(code[0]), axis=1) == supports).all(axis=1)
        ours = residual_norms(signals, dictionary, code)
        difference = np.abs(ours - norms)[same].max() / np.linalg.norm(signals, axis=1).mean()
        better = uk.ops.orthogonal_matching_pursuit(signals, dictionary, sparsity, selection="ols")
        ratio = np.mean(residual_norms(signals, dictionary, better) ** 2) / np.mean(ours**2)
        # Three atoms span RGB, and both errors are rounding.
        gain = f"{ratio:.4f}" if np.mean(ours**2) > 1e-9 else "both exact"
        print(f"| {name} | {same.mean():.2%} | {difference:.1e} of the signal's | {gain} |")


if __name__ == "__main__":
    main()
