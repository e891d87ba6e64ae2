"""Writes the index of a folder of presets and its tables in a README.

    python examples/tools/index_presets.py presets --readme presets/README.md

With the index, a static web server can serve the folder: users set the environment variable
`UMBED_PRESETS_URL` to its address. The tables stand between the comments `<!-- presets -->` and
`<!-- /presets -->` of the README.
"""

import argparse
import os
import re
from pathlib import Path

from umbed_keras.zoo import index_presets
from umbed_keras.zoo.listing import preset_table

TABLE = re.compile("(<!-- presets -->\n).*?(<!-- /presets -->)", re.DOTALL)
# Metrics of the cards that are shown, in one table for each kind of model.
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
    """Returns the tables of presets, from the entries of an index, as Markdown.

    Links lead to `folder`, relative to the README.
    """
    rows = preset_table(presets)
    tables = []
    for kind, metrics in METRICS.items():
        lines = [["preset", "parameters", "MB", *metrics, "licence"]]
        lines.append(["---", *["---:"] * (len(lines[0]) - 2), "---"])
        for row in rows:
            if (row["class"] == "PixelEmbedder") == (kind == "PixelEmbedder"):
                link = f"[`{row['name']}`]({folder}/{row['name']}/README.md)"
                values = (row["metrics"].get(metric, "") for metric in metrics)
                values = (f"{value:.4g}" if value != "" else "" for value in values)
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
            raise SystemExit(
                f"{args.readme} lacks the comments `<!-- presets -->` and `<!-- /presets -->`."
            )
        folder = os.path.relpath(args.folder, args.readme.parent).replace(os.sep, "/")
        table = markdown(presets, folder)
        args.readme.write_text(TABLE.sub(lambda match: f"{match[1]}{table}\n{match[2]}", text))


if __name__ == "__main__":
    main()
