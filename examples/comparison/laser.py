"""The comparison of vector quantization and dictionary learning by the protocol of LASER.

Signals are the RGB pixels, in -1..1, of batches of four validation images. k-means with 6 Lloyd
iterations on the same pixels gives 16 centres, which are the codebook and, normalized, the
dictionary. Nothing else is learned. Coefficients are not quantized and count 32 bits each.
"""

import time

import keras
import numpy as np
from keras import ops
from sklearn.cluster import KMeans

import umbed_keras as uk

ENTRIES, LLOYD_ITERATIONS, BATCH = 16, 6, 4
SPARSITIES = (1, 2, 3, 4)
BATCHES = 24
FIRST_SEED = 6
CHANNELS = ("red", "green", "blue")


def pixels_of(images, seed):
    """Chooses four random images: float32 `(4, height, width, 3)` in -1..1."""
    chosen = np.random.default_rng(seed).choice(len(images), BATCH, replace=False)
    return images[np.sort(chosen)].astype("float32") / 127.5 - 1


def palette(pixels, seed):
    """Computes the k-means centres `(ENTRIES, 3)` of pixels `(n, 3)`."""
    clusters = KMeans(
        ENTRIES, init="random", n_init=1, max_iter=LLOYD_ITERATIONS, tol=0, random_state=seed
    )
    return clusters.fit(pixels).cluster_centers_.astype("float32")


def bottlenecks(centres):
    """Returns the codebook and the dictionary at each sparsity (by `ols`), by name."""
    codebook = uk.layers.VectorQuantizer(ENTRIES, 3)
    codebook.build()
    codebook.start.assign(centres)
    layers = {"VQ": codebook}
    for sparsity in SPARSITIES:
        layer = uk.layers.DictionaryBottleneck(ENTRIES, 3, sparsity, selection="ols")
        layer.build()
        layer.start.assign(centres)
        layers[f"DL, S {sparsity}"] = layer
    return layers


def compared(images, seed):
    """Returns the pixels of a batch and, by method, `(layer, codes, reconstruction, ms)`."""
    images = pixels_of(images, seed)
    pixels = ops.convert_to_tensor(images.reshape(-1, 3))
    results = {}
    for name, layer in bottlenecks(palette(images.reshape(-1, 3), seed)).items():
        codes = layer.encode(pixels)
        start = time.perf_counter()
        codes = keras.tree.map_structure(ops.convert_to_numpy, layer.encode(pixels))
        elapsed = 1000 * (time.perf_counter() - start)
        rebuilt = ops.convert_to_numpy(layer.decode(codes)).reshape(images.shape)
        results[name] = (layer, codes, rebuilt, elapsed)
    return images, results


def row(name, images, layer, codes, rebuilt, elapsed):
    """Returns a row of the table; errors are of values in -1..1."""
    squares = np.square(rebuilt.astype("float64") - images)
    bits = layer.bits(codes)
    usage = uk.metrics.CodeUsage(ENTRIES)
    usage.update_state(*layer.used_entries(codes))
    return {
        "method": name,
        "bits per pixel, fixed-length": bits.fixed_length,
        "bits per pixel, entropy-coded": bits.entropy_coded,
        "MSE": squares.mean(),
        **{f"MSE, {channel}": squares[..., i].mean() for i, channel in enumerate(CHANNELS)},
        "colour distance": np.sqrt(squares.sum(axis=-1)).mean(),
        "entries used": round(ENTRIES * float(usage.fraction_used())),
        "perplexity": float(usage.perplexity()),
        "ms": elapsed,
    }


def ratios(images):
    """Returns, for each seeded batch, the error of VQ and its ratio to that of each sparsity."""
    rows = []
    for seed in range(BATCHES):
        batch, results = compared(images, seed)
        errors = {
            name: np.mean(np.square(rebuilt.astype("float64") - batch))
            for name, (_, _, rebuilt, _) in results.items()
        }
        vq = errors.pop("VQ")
        rows.append(
            {"seed": seed, "MSE, VQ": vq}
            | {f"MSE, {name}": error for name, error in errors.items()}
            | {f"VQ / {name}": vq / error for name, error in errors.items()}
        )
    return rows


def figures(images, results):
    """Draws the four figures of LASER; returns them by name."""
    unit = (images + 1) / 2
    rebuilt = {name: (pixels + 1) / 2 for name, (_, _, pixels, _) in results.items()}
    drawn = {name: rebuilt[name] for name in ("VQ", "DL, S 1", "DL, S 4")}
    maps = images.shape[:3]
    vq, dl = results["VQ"][1], results["DL, S 4"][1]
    counts = {
        "VQ, S 1 of 16": np.bincount(vq["indices"], minlength=ENTRIES),
        "DL, S 4 of 16": np.bincount(
            dl["indices"].ravel(), (dl["coefficients"] != 0).ravel(), ENTRIES
        ),
    }
    return {
        "laser_reconstructions": uk.plots.reconstructions(unit, drawn),
        "laser_code_heatmaps": uk.plots.code_heatmaps(
            unit, vq["indices"].reshape(maps), dl["coefficients"].reshape(*maps, -1)
        ),
        "laser_channel_slice": uk.plots.channel_slice(
            unit[0], {name: pixels[0] for name, pixels in drawn.items()}
        ),
        "laser_usage_bars": uk.plots.usage_bars(counts),
    }
