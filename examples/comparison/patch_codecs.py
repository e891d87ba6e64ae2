"""Codecs of image patches, all of the same signals, with what their codes cost.

A signal is a patch of 8x8 pixels, 192 numbers in 0..1, less the mean patch of the training images.
Every codec yields `(setting, fixed-length bits, entropy-coded bits, signals)`: a dictionary that
says how it was set, bits per signal, and the signals that its codes stand for.
"""

import itertools

import numpy as np
from comparison.sparse_maps import map_bits, refit
from keras import ops
from sklearn.cluster import KMeans

import umbed_keras as uk
from umbed_keras.bottlenecks.dictionary_learning import learn_dictionary
from umbed_keras.ops.quantize import quantize
from umbed_keras.ops.rate import entropy, sparse_bits, sparse_fixed_length

PATCH = 8
# Rounds of learning: of k-means, and of a dictionary, which has two starts.
LLOYD_ITERATIONS, ROUNDS = 50, 8
COEFFICIENT_BITS = (3, 4, 5, 6, 7, 8)
# Limits of the quantiser, in largest magnitudes: with an entropy coder a wider one is a coarser
# step and nothing else.
LIMITS = (1.0, 2**0.5)
# What a coefficient must take off the squared error to stay, in squared quantiser steps: a bit is
# worth 0.12 of them where the steps are fine, and a coefficient costs several.
WORTHS = (0.3, 1.2)


def to_signals(images, mean):
    """Patches of images `(n, height, width, 3)`, uint8: float32 `(n patches, 192)`."""
    count, height, width, _ = images.shape
    blocks = images.reshape(count, height // PATCH, PATCH, width // PATCH, PATCH, 3)
    blocks = blocks.transpose(0, 1, 3, 2, 4, 5).reshape(-1, PATCH * PATCH * 3)
    return blocks.astype("float32") / 255 - mean


def to_images(signals, mean, size):
    """Images `(n, height, width, 3)` in 0..1 from their signals; size is `(height, width)`."""
    rows, cols = (side // PATCH for side in size)
    blocks = (signals + mean).reshape(-1, rows, cols, PATCH, PATCH, 3).transpose(0, 1, 3, 2, 4, 5)
    return np.clip(blocks.reshape(-1, rows * PATCH, cols * PATCH, 3), 0, 1)


def vector_quantizers(learned, held_out, sizes):
    """k-means codebooks of several sizes."""
    for size in sizes:
        clusters = KMeans(size, n_init=1, max_iter=LLOYD_ITERATIONS, random_state=0).fit(learned)
        indices = clusters.predict(held_out)
        bits = float(np.log2(size))
        yield {"K": size}, bits, entropy(indices), clusters.cluster_centers_[indices]


def residual_quantizers(learned, held_out, size, stages):
    """Greedy residual vector quantisation: each stage is a k-means of what is left over.

    One setting a number of stages; then stages of which a signal uses as many as it needs.
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
        bits = sum(entropy(found) for found in indices)
        yield setting, stage * np.log2(size), bits, held_out - left[-1]
    yield from _stopped(held_out, np.stack(left), np.stack(indices), size)


def _stopped(held_out, left, indices, size):
    """Residual quantisation that ends, a signal at a time, where its error is small enough.

    What a dictionary's coefficients of 0 do: a stage's symbol is an entry or the end.
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
    """All principal components, each rounded to levels of one width, with its own statistics."""
    _, axes = np.linalg.eigh(learned.T @ learned)
    components = held_out @ axes
    limit = float(np.abs(learned @ axes).max())
    for bits, share in itertools.product((*COEFFICIENT_BITS, 9), LIMITS):
        rounded = rounder(share * limit, bits, "uniform")(components)
        coded = sum(entropy(column) for column in rounded.T)
        setting = {"K": axes.shape[1], "b": bits, "law": "uniform", "limit": share * limit}
        yield setting, float(bits * axes.shape[1]), coded, rounded @ axes.T


def dictionaries(learned, held_out, num_atoms, learned_sparsity, sparsities, selection):
    """A dictionary at several sparsities, with coefficients rounded, and rounded and refitted."""
    atoms, codes = learn_dictionary(learned, num_atoms, learned_sparsity, selection, ROUNDS)
    largest = float(np.abs(codes).max())
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
                map_bits(indices, coefficients, num_atoms),
                ops.convert_to_numpy(uk.ops.sparse_decode(indices, coefficients, atoms)),
            )


def _roundings(signals, atoms, indices, whole, largest):
    """`(setting, quantised coefficients)` of each way to round the coefficients of codes."""
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
            found = refit(signals, atoms, indices, nearest, rounded, worth * step**2)
            yield {**setting, "refit": worth}, found


def rounder(limit, bits, law):
    """A function that quantises arrays on the host."""

    def rounded(values):
        return ops.convert_to_numpy(quantize(ops.convert_to_tensor(values), limit, bits, law))

    return rounded
