"""Compares vector quantization, residual vector quantization and dictionaries on any images.

    python examples/compare_bottlenecks.py IMAGES --output runs/comparison

There are three protocols. `laser` compares single RGB pixels as LASER does, at unequal bits (see
`comparison/laser.py`). `rate` compares quality over rate on patches of 8x8 pixels, fitted on the
training images and measured on the held-out ones, with PCA, JPEG, WebP and, with `--presets`,
trained autoencoders (see `comparison/patch_codecs.py`). `bytes` compares the sizes of real files:
bottlenecks on the same latents, presets, JPEG, WebP and AVIF (see `comparison/real_bytes.py`).
The output folder holds README.md, a page with all tables and figures, the figures, and CSVs.
"""

import argparse
import itertools
import time
from pathlib import Path

import umbed_keras as uk

# isort: split
import numpy as np
from comparison import laser
from comparison.image_codecs import available, pillow_images
from comparison.measures import (
    COLUMNS,
    ENTROPY,
    FIXED,
    LAYER,
    MEASURES,
    Measures,
    describe,
    markdown,
    rate_sections,
    write_csv,
)
from comparison.patch_codecs import (
    PATCH,
    dictionaries,
    principal_components,
    residual_quantizers,
    to_images,
    to_signals,
    vector_quantizers,
)
from comparison.preset_points import preset_points
from comparison.real_bytes import BYTES, bytes_page

from umbed_keras.images.squares.sources import load_split

PROTOCOLS = ("laser", "rate", "bytes")
# Number of atoms, sparsity in learning, sparsities in use, and selection: both selections where it
# is cheap (`omp` is better with an entropy coder).
DICTIONARIES = (
    (64, 4, range(1, 9), "omp"),
    (64, 4, range(1, 9), "ols"),
    (256, 16, (12, 16, 24, 32), "omp"),
    (1024, 4, (4, 6, 8, 12), "omp"),
    (2048, 2, (1, 2, 3), "omp"),
)
STAGES = 20
RATES = (0.25, 0.5, 1.0, 2.0)
# Largest relative distance of a setting to one of `RATES`.
NEAR = 0.15


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", help="folder, tar or .npz")
    parser.add_argument("--output", type=Path, default=Path("runs/comparison"))
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOLS, default=PROTOCOLS)
    parser.add_argument("--size", type=int, default=128, help="images are cut to squares of this")
    parser.add_argument("--limit", type=int, help="images at most")
    parser.add_argument("--patches", type=int, default=32768, help="number of training patches")
    parser.add_argument("--measured", type=int, default=64, help="held-out images at most")
    parser.add_argument(
        "--epochs",
        type=int,
        default=0,
        help="of the networks around bottlenecks, in `bytes`",
    )
    parser.add_argument("--presets", nargs="*", default=[], help="image autoencoders to add")
    parser.add_argument("--lpips", type=Path, help="file or folder of LPIPS's weights")
    return parser.parse_args()


def lpips_metric(weights):
    """Returns LPIPS if its weights are available, else None."""
    if weights and weights.is_dir():
        weights = weights / "lpips_alex.npz"
    metric = uk.metrics.LPIPS(weights=weights)
    try:
        # The weights are read on first use.
        metric.update_state(*np.zeros((2, 1, 64, 64, 3), "uint8"))
        metric.reset_state()
        return metric
    except (OSError, ImportError) as error:
        print(f"LPIPS is left out: {error}")


def compare_rates(args, train, others):
    """Measures all codecs on held-out images; returns `Measures.rows`."""
    size = [side // PATCH * PATCH for side in others.shape[1:3]]
    train, others = (images[:, : size[0], : size[1]] for images in (train, others))
    learned = to_signals(train, 0)
    chosen = np.random.default_rng(0).permutation(len(learned))[: args.patches]
    learned = learned[np.sort(chosen)]
    mean = learned.mean(axis=0)
    learned, signals = learned - mean, to_signals(others, mean)
    print(f"{len(learned)} patches to learn from, {len(signals)} held out")

    measures = Measures(others, lpips_metric(args.lpips))

    def add(method, points):
        def per_pixel():
            for setting, *bits, rebuilt in points:
                yield (
                    setting,
                    *(bit / PATCH**2 for bit in bits),
                    to_images(rebuilt, mean, size),
                )

        measures.add(method, per_pixel())

    residual = residual_quantizers(learned, signals, 256, STAGES)
    add("residual VQ", itertools.islice(residual, STAGES))
    add("residual VQ, stopped", residual)
    for dictionary in DICTIONARIES:
        add("DL", dictionaries(learned, signals, *dictionary))
    add("VQ", vector_quantizers(learned, signals, (16, 64, 256)))
    add("PCA", principal_components(learned, signals))
    for handle in args.presets:
        measures.add(Path(handle).name, preset_points(handle, others))
    for kind in filter(available, ("JPEG", "WEBP")):
        files = list(pillow_images(others, kind))
        measures.add(kind, (({"quality": q}, bits, bits, decoded) for q, bits, _, decoded in files))
        measures.add(
            f"{kind} without headers",
            (({"quality": q}, bits, bits, decoded) for q, _, bits, decoded in files),
        )
    return measures.rows


def at_equal_rates(rows, key):
    """Returns a row for each of `RATES`: the nearest residual VQ, and the best dictionary.

    The dictionary is the setting with the highest PSNR at no more bits than the residual VQ.
    """
    table = []
    for rate in RATES:
        rival = min(
            (row for row in rows if row["method"] == "residual VQ"),
            key=lambda row: abs(row[key] - rate),
        )
        line = {"rate": rate, "residual VQ": "not reached"}
        if abs(rival[key] - rate) <= NEAR * rate:
            ours = max(
                (row for row in rows if row["method"] == "DL" and row[key] <= rival[key]),
                key=lambda row: row["PSNR"],
                default=None,
            )
            line["residual VQ"] = describe(rival).partition(", ")[2]
            line |= {"its bpp": rival[key], "its PSNR": rival["PSNR"], "DL": "not reached"}
            if ours:
                line["DL"] = describe(ours).partition(", ")[2]
                line |= {"bpp of DL": ours[key], "PSNR of DL": ours["PSNR"]}
                line["difference, dB"] = ours["PSNR"] - rival["PSNR"]
        table.append(line)
    return table


def laser_page(folder, images):
    """Writes the files of `laser` and returns its part of the page."""
    batch, results = laser.compared(images, laser.FIRST_SEED)
    rows = [laser.row(name, batch, *result) for name, result in results.items()]
    write_csv(folder / "laser.csv", rows)
    figures = laser.figures(batch, results)
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=80)
    seeded = laser.ratios(images)
    write_csv(folder / "laser_batches.csv", seeded)
    medians = [
        {"median of": name, "value": float(np.median([row[name] for row in seeded]))}
        for name in seeded[0]
        if name != "seed"
    ]
    print(markdown(rows), markdown(medians), sep="\n\n")
    return [
        "## The protocol of LASER: one RGB pixel per signal",
        'K 16; errors on values in -1..1; atoms chosen by `selection="ols"`. The bits are **not** '
        "equal: a dictionary's code holds ordered indices and coefficients of 32 bits, and raw "
        "RGB costs 24 bits a pixel. Three independent atoms span RGB: from S 3 on nothing is "
        "compressed.",
        markdown(rows),
        f"Over {laser.BATCHES} seeded batches of {laser.BATCH} images:",
        markdown(medians),
        *(f"![{name}]({name}.png)" for name in figures),
    ]


def rate_page(folder, rows):
    """Writes the files of `rate` and returns its part of the page."""
    write_csv(folder / "rate.csv", rows, [*COLUMNS, FIXED, ENTROPY, LAYER, *MEASURES])
    page = [
        f"## Quality over rate: patches of {PATCH}x{PATCH} pixels, held-out images",
        "Entropy-coded bits are those of an ideal coder that knows the statistics of the codes: "
        "each stage's of residual VQ, each atom's of a dictionary, each component's of PCA. "
        "A coefficient of 0 costs a dictionary what an atom not chosen costs. `refit` is "
        "coordinate descent on rounded coefficients, and what one must take off the squared "
        "error to stay, in squared steps of the quantiser. In the tables the dictionary's is the "
        "setting of the highest PSNR that costs no more bits than residual VQ. "
        "SSIM and LPIPS are of the settings that no cheaper one of their kind equals in PSNR.",
    ]
    files = {FIXED: "rate_fixed_length", ENTROPY: "rate_entropy_coded"}
    return page + rate_sections(folder, rows, files, at_equal_rates)


def main():
    args = arguments()
    start = time.perf_counter()
    train, others = load_split(args.images, args.size, args.limit)
    print(f"{len(train)} images to learn from, {len(others)} held out")
    args.output.mkdir(parents=True, exist_ok=True)
    page = [f"# Bottlenecks compared on {Path(args.images).name}"]
    if "laser" in args.protocols:
        page += laser_page(args.output, others)
    count = min(len(others), args.measured)
    others = others[np.linspace(0, len(others) - 1, count).astype(int)]
    if "bytes" in args.protocols:
        measures = Measures(others, lpips_metric(args.lpips), BYTES)
        page += bytes_page(args.output, measures, train, args.presets, args.epochs)
    if "rate" in args.protocols:
        page += rate_page(args.output, compare_rates(args, train, others))
    (args.output / "README.md").write_text("\n\n".join(page) + "\n")
    print(f"\n{args.output / 'README.md'}, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
