"""Codecs of image patches and the cost of their codes.

A signal is a patch of 8x8 pixels, 192 numbers in 0..1, minus the mean patch of the training images.
Every codec yields `(setting, fixed-length bits, entropy-coded bits, signals)`: a dictionary of its
parameters, bits per signal, and the decoded signals.
"""

import itertools

import numpy as np
from comparison.sparse_maps import refit
from keras import ops
from sklearn.cluster import KMeans

import umbed_keras as uk
from umbed_keras.bottlenecks.dictionary_learning import learn_dictionary
from umbed_keras.ops.quantize import quantize
from umbed_keras.ops.rate import entropy, sparse_bits, sparse_fixed_length, sparse_map_bits

PATCH = 8
# Rounds of learning of k-means, and of a dictionary, which is learned from two starts.
LLOYD_ITERATIONS, ROUNDS = 50, 8
COEFFICIENT_BITS = (3, 4, 5, 6, 7, 8)
# Limits of the quantizer, relative to the largest magnitude. With an entropy coder a wider limit
# only means a coarser step.
LIMITS = (1.0, 2**0.5)
# Least decrease of the squared error by a coefficient, in squared quantizer steps. At fine steps a
# bit is worth 0.12 of them, and a coefficient costs several bits.
WORTHS = (0.3, 1.2)


def to_signals(images, mean):
    """Cuts images, uint8 `(n, height, width, 3)`, into signals, float32 `(patches, 192)`."""
    count, height, width, _ = images.shape
    blocks = images.reshape(count, height // PATCH, PATCH, width // PATCH, PATCH, 3)
    blocks = blocks.transpose(0, 1, 3, 2, 4, 5).reshape(-1, PATCH * PATCH * 3)
    return blocks.astype("float32") / 255 - mean


def to_images(signals, mean, size):
    """Puts signals together to images `(n, height, width, 3)` in 0..1 of size `(height, width)`."""
    rows, cols = (side // PATCH for side in size)
    blocks = (signals + mean).reshape(-1, rows, cols, PATCH, PATCH, 3).transpose(0, 1, 3, 2, 4, 5)
    return np.clip(blocks.reshape(-1, rows * PATCH, cols * PATCH, 3), 0, 1)


def vector_quantizers(learned, held_out, sizes):
    """Codes signals by k-means codebooks of several sizes."""
    for size in sizes:
        clusters = KMeans(size, n_init=1, max_iter=LLOYD_ITERATIONS, random_state=0).fit(learned)
        indices = clusters.predict(held_out)
        bits = float(np.log2(size))
        yield {"K": size}, bits, entropy(indices), clusters.cluster_centers_[indices]


def residual_quantizers(learned, held_out, size, stages):
    """Codes signals by greedy residual vector quantization, one k-means per stage.

    Yields a setting for each number of stages, then settings in which each signal stops at an
    error.
    """
    residual, left, indices = learned, [held_out], []
    for stage in range(1, stages + 1):
        clusters = KMeans(size, n_init=1, max_iter=LLOYD_ITERATIONS, random_state=stage).fit(
            residual
        )
        residual = residual - clusters.cluster_centers_[clusters.labels_]
        indices.append(clusters.predict(left[-1]))
        left.append(left[-1] - clusters.cluster_centers_[indices[-1]])
        setting = {"K": size, "S": stage}
        bits = sum(entropy(stage_indices) for stage_indices in indices)
        yield setting, stage * np.log2(size), bits, held_out - left[-1]
    yield from _stopped(held_out, np.stack(left), np.stack(indices), size)


def _stopped(held_out, left, indices, size):
    """Codes signals by residual quantization that stops where the error of a signal is small.

    This corresponds to coefficients of 0 of a dictionary. The symbol of a stage is an entry or the
    end.
    """
    stages, errors = len(indices), np.mean(left**2, axis=2)
    for decibels in np.arange(22, 43, 1.0):
        going = np.logical_and.accumulate(errors[:-1] > 10 ** (-decibels / 10))
        symbols = np.where(going, indices, size)
        bits, coming = 0.0, np.ones(len(held_out), bool)
        for stage in range(stages):
            bits += coming.mean() * entropy(symbols[stage, coming])
            coming = going[stage]
        used = going.sum(axis=0)
        fixed = np.log2(stages + 1) + used.mean() * np.log2(size)
        rebuilt = held_out - left[used, np.arange(len(held_out))]
        setting = {"K": size, "S": stages, "stops at dB": decibels}
        yield setting, fixed, bits, rebuilt


def principal_components(learned, held_out):
    """Codes signals by all principal components, rounded by one step, each with own statistics."""
    _, axes = np.linalg.eigh(learned.T @ learned)
    components = held_out @ axes
    limit = float(np.abs(learned @ axes).max())
    for bits, share in itertools.product((*COEFFICIENT_BITS, 9), LIMITS):
        rounded = rounder(share * limit, bits, "uniform")(components)
        coded = sum(entropy(column) for column in rounded.T)
        setting = {"K": axes.shape[1], "b": bits, "law": "uniform", "limit": share * limit}
        yield setting, float(bits * axes.shape[1]), coded, rounded @ axes.T


def dictionaries(learned, held_out, num_atoms, learned_sparsity, sparsities, selection):
    """Codes signals by a dictionary at several sparsities, coefficients rounded or refitted."""
    atoms = learn_dictionary(learned, num_atoms, learned_sparsity, selection, ROUNDS)
    _, coefficients = uk.ops.orthogonal_matching_pursuit(
        learned, atoms, learned_sparsity, selection=selection
    )
    largest = float(np.abs(ops.convert_to_numpy(coefficients)).max())
    for sparsity in sparsities:
        indices, whole = (
            ops.convert_to_numpy(part)
            for part in uk.ops.orthogonal_matching_pursuit(
                held_out, atoms, sparsity, selection=selection
            )
        )
        setting = {
            "K": num_atoms,
            "S": sparsity,
            "selection": selection,
            "learned at S": learned_sparsity,
        }
        for rounding, coefficients in _roundings(held_out, atoms, indices, whole, largest):
            library = sparse_bits(indices, coefficients, num_atoms, rounding["b"])
            yield (
                {**setting, **rounding, "bpp by the layer": library.entropy_coded / PATCH**2},
                float(sparse_fixed_length(num_atoms, sparsity, rounding["b"])),
                sparse_map_bits(indices, coefficients, num_atoms),
                ops.convert_to_numpy(uk.ops.sparse_decode(indices, coefficients, atoms)),
            )


def _roundings(signals, atoms, indices, whole, largest):
    """Yields `(setting, quantized coefficients)` of each way to round coefficients."""
    for bits in COEFFICIENT_BITS:
        setting = {"b": bits, "law": "mu_law", "limit": largest}
        yield setting, rounder(largest, bits, "mu_law")(whole)
    for bits, share in itertools.product(COEFFICIENT_BITS, LIMITS):
        limit = share * largest
        rounded = rounder(limit, bits, "uniform")
        nearest = rounded(whole)
        setting = {"b": bits, "law": "uniform", "limit": limit}
        yield setting, nearest
        step = limit / (2 ** (bits - 1) - 1)
        for worth in WORTHS:
            refitted = refit(signals, atoms, indices, nearest, rounded, worth * step**2)
            yield {**setting, "refit": worth}, refitted


def rounder(limit, bits, law):
    """Returns a function that quantizes NumPy arrays."""

    def rounded(values):
        return ops.convert_to_numpy(quantize(ops.convert_to_tensor(values), limit, bits, law))

    return rounded
