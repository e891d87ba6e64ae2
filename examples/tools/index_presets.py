"""Writes the index of a folder of presets, and the table of them in a README.

    python examples/tools/index_presets.py presets --readme presets/README.md

The index is what makes a static web server over the folder a zoo: its address goes into the
environment variable `UMBED_PRESETS_URL`. The table stands between two comments of the README,
`<!-- presets -->` and `<!-- /presets -->`.
"""

import argparse
import os
import re
from pathlib import Path

from umbed_keras.zoo import index_presets
from umbed_keras.zoo.listing import preset_table

TABLE = re.compile("(<!-- presets -->\n).*?(<!-- /presets -->)", re.DOTALL)
# Metrics of the cards that are in the table, one table a kind of model.
METRICS = {
    "PixelEmbedder": (
        "MSE of patch pyramids",
        "PSNR, dB",
        "fixed-length bits per pixel",
        "pixel classification across images",
    ),
    "others": ("PSNR, dB", "SSIM", "LPIPS", "compressed bits per pixel"),
}


def markdown(presets, folder):
    """The tables of presets, from the entries of an index; `folder` is where links lead."""
    rows = preset_table(presets)
    tables = []
    for kind, metrics in METRICS.items():
        lines = [["preset", "parameters", "MB", *metrics, "licence"]]
        lines.append(["---", *["---:"] * (len(lines[0]) - 2), "---"])
        for row in rows:
            if (row["class"] == "PixelEmbedder") == (kind == "PixelEmbedder"):
                link = f"[`{row['name']}`]({folder}/{row['name']}/README.md)"
                found = (row["metrics"].get(metric, "") for metric in metrics)
                values = (f"{value:.4g}" if value != "" else "" for value in found)
                about = f"{row['parameters']:,}", f"{row['size'] / 1e6:.1f}"
                lines.append([link, *about, *values, row["license"]])
        tables.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    return "\n\n".join(tables)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--readme", type=Path)
    args = parser.parse_args()
    presets = index_presets(args.folder)
    print(f"{len(presets)} presets in {args.folder / 'index.json'}")
    if args.readme:
        text = args.readme.read_text()
        if not TABLE.search(text):
            raise SystemExit(f"{args.readme} lacks the comments between which the table stands.")
        folder = os.path.relpath(args.folder, args.readme.parent).replace(os.sep, "/")
        table = markdown(presets, folder)
        args.readme.write_text(TABLE.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text))


if __name__ == "__main__":
    main()
