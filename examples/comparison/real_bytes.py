"""Quality over the bytes of `compress`, compared with files of JPEG, WebP and AVIF.

Bottlenecks are compared on the same latents, the first principal components of patches of 4x4
pixels, where training starts (`adapt`), with entropy models learned in the same way
(`adapt_codec`). Either there is no network, so that only the bottlenecks differ, or the same small
network is trained around each for the same number of steps.
"""

import keras
import numpy as np
from comparison.image_codecs import available, pillow_images
from comparison.measures import markdown, rate_sections, write_csv

import umbed_keras as uk
from umbed_keras.metrics import bjontegaard_rate

BYTES = ("bpp, files", "bpp, without headers")
KINDS = ("JPEG", "WEBP", "AVIF")
# Bytes of a stream besides codes, for sizes up to 128: fingerprint, size, checksum.
STREAM_HEADER = 10
# Channels of latents, entries, and stages of residual quantization.
LATENT_DIM, ENTRIES, STAGES = 48, 256, (1, 2, 3, 4)
# Atoms, largest number of atoms of a code, bits of a coefficient, and least gain of an atom in
# squared steps, chosen on training images to match the rates of residual quantizers.
DICTIONARIES = ((48, 3, 4, 0.7), (256, 6, 5, 0.8), (256, 8, 6, 1.4), (256, 8, 6, 0.6))
# Levels of the first components of FSQ.
LEVELS = (
    (15, 9, 7, 5, 5),
    (41, 21, 19, 9, 7, 7, 7, 5),
    (61, 31, 27, 15, 11, 9, 9, 7, 7, 5, 5, 5),
    (91, 45, 39, 23, 19, 15, 13, 11, 9, 7, 7, 7, 5, 5, 5, 5),
)
# Rate weights of learned densities: squared error per bit.
RATE_WEIGHTS = (1e-5, 3e-5, 1e-4, 3e-4)
# Number of images for learning an entropy model.
CODEC_IMAGES = 150
# The networks around bottlenecks and their training.
NETWORK = {"filters": 32, "residual_blocks": 1, "residual_units": 32}
LEARNING_RATE, BATCH = 1e-3, 16


def bottlenecks():
    """Returns `(setting, bottleneck)` pairs by increasing rate for each kind of bottleneck."""
    layers = uk.layers
    return {
        "residual VQ": [
            (
                {"K": ENTRIES, "S": stages},
                layers.ResidualVectorQuantizer(ENTRIES, LATENT_DIM, stages),
            )
            for stages in STAGES
        ],
        "dictionary": [
            (
                {"K": atoms, "S": most, "b": bits, "gain": gain},
                layers.DictionaryBottleneck(
                    atoms, LATENT_DIM, most, coefficient_bits=bits, min_gain=gain
                ),
            )
            for atoms, most, bits, gain in DICTIONARIES
        ],
        "FSQ": [
            ({"S": len(levels)}, layers.FiniteScalarQuantizer(len(levels), levels))
            for levels in LEVELS
        ],
        "learned density": [
            ({"rate weight": weight}, layers.ScalarQuantizer(LATENT_DIM, rate_weight=weight))
            for weight in RATE_WEIGHTS
        ],
    }


def compressed(model, images, setting):
    """Measures the bytes of a model; returns a point for `Measures.add`."""
    streams = model.compress(images)
    pixels, total = np.prod(images.shape[:3]), sum(map(len, streams))
    bare = total - STREAM_HEADER * len(streams)
    return setting, 8 * total / pixels, 8 * bare / pixels, model.decompress(streams)


def on_the_same_latents(kind, train, images, epochs):
    """Yields the points of a kind of bottleneck, with a trained network if `epochs` is positive."""
    for setting, bottleneck in bottlenecks()[kind]:
        keras.utils.set_random_seed(0)
        # Networks that are not trained add nothing.
        model = uk.ImageAutoencoder(bottleneck, **NETWORK)
        model.adapt(train)
        if epochs:
            steps = epochs * -(-len(train) // BATCH)
            rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
            model.compile(optimizer=keras.optimizers.Adam(rate))
            model.fit(train, batch_size=BATCH, epochs=epochs, verbose=2)
        chosen = np.linspace(0, len(train) - 1, min(CODEC_IMAGES, len(train))).astype(int)
        model.adapt_codec(train[chosen], verbose=0)
        yield compressed(model, images, setting)


def bytes_page(folder, measures, train, presets, epochs):
    """Measures all methods, writes tables and figures, and returns their part of the page.

    Args:
        folder: path of the folder of the page.
        measures: `Measures` of held-out images, by `BYTES`.
        train: uint8 `(n, height, width, 3)`, training images.
        presets: handles of image autoencoders.
        epochs: int, epochs of the networks around bottlenecks; 0 for no networks.
    """
    images = measures.images
    for kind in filter(available, KINDS):
        measures.add(kind, (({"quality": q}, *rest) for q, *rest in pillow_images(images, kind)))
    for handle in presets:
        measures.add(handle, [compressed(uk.zoo.load_preset(handle), images, {})])
    for kind in bottlenecks():
        measures.add(kind, on_the_same_latents(kind, train, images, epochs))
    rows = measures.rows
    write_csv(folder / "bytes.csv", rows)
    page = [
        f"## Quality over real bytes: {len(images)} held-out images",
        "Headers: of JPEG (its tables made for the image) all before the first scan, of WebP and "
        f"AVIF the container, of ours {STREAM_HEADER} bytes of fingerprint, size and checksum. "
        "Bottlenecks start from the same latents, the first principal components of patches of "
        f"4x4 pixels; {_networks(epochs)}. A learned density codes each number by itself, the "
        "others beside their neighbours.",
        markdown(rows),
        "Bjontegaard's difference in rate: how much more a method spends than another for the "
        "same PSNR, by cubic polynomials, over what both reach.",
    ]
    files = dict(zip(BYTES, ("bytes_files", "bytes_without_headers"), strict=True))
    return page + rate_sections(folder, rows, files, differences)


def _networks(epochs):
    """Describes the networks in words."""
    if not epochs:
        return "no network adds to them"
    return f"small networks around each were trained for {epochs} epochs"


def differences(rows, key):
    """Returns a row per method: its difference in rate to each of the others, in percent."""
    curves = {}
    for name in dict.fromkeys(row["method"] for row in rows):
        points = [(row[key], row["PSNR"]) for row in rows if row["method"] == name]
        if len(points) >= 4:
            curves[name] = tuple(zip(*points, strict=True))
    table = []
    for name, curve in curves.items():
        line = {"method": name}
        for other, reference in curves.items():
            try:
                line[f"vs {other}"] = f"{100 * bjontegaard_rate(*reference, *curve):+.1f} %"
            except ValueError:
                line[f"vs {other}"] = "no common PSNR"
        table.append(line)
    return table
