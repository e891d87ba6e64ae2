"""Quality measures of compared methods, and tables of them."""

import csv

import numpy as np

import umbed_keras as uk
from umbed_keras.ops.pareto import pareto_front

COLUMNS = ("method", "K", "S", "b", "law", "limit", "selection", "learned at S", "refit")
COLUMNS += ("stops at dB", "rate weight", "quality")
WORDS = COLUMNS[1:]
FIXED, ENTROPY = "bpp, fixed-length", "bpp, entropy-coded"
# By the entropy of whole supports, which is too low where there are more supports than codes.
LAYER = "bpp by the layer"
MEASURES = ("PSNR", "SSIM", "LPIPS")


class Measures:
    """Measures PSNR of every setting, and SSIM and LPIPS of those on the Pareto front.

    Args:
        images: uint8 `(n, height, width, 3)`, the original images.
        lpips: `umbed_keras.metrics.LPIPS`, or None.
        rates: names of the two rates of a setting.
    """

    def __init__(self, images, lpips, rates=(FIXED, ENTROPY)):
        self.images, self.rows, self.rates = images, [], rates
        self.metrics = {"SSIM": uk.metrics.SSIM()} | ({"LPIPS": lpips} if lpips else {})

    def add(self, method, points):
        """Measures a method.

        Args:
            method: name of the method.
            points: iterable of `(setting, rate, rate, images)`, with rates in bits per pixel.
        """
        rows, reconstructions = [], []
        for setting, *bits, images in points:
            if images.dtype != "uint8":
                images = np.round(255 * images).astype("uint8")
            row = {"method": method, **setting}
            row.update(zip(self.rates, map(float, bits), strict=True))
            row["PSNR"] = self._result(uk.metrics.PSNR(), images)
            rows.append(row)
            reconstructions.append(images)
            print(
                f"{describe(row)}: {bits[0]:.3f} / {bits[1]:.3f} bpp, {row['PSNR']:.2f} dB",
                flush=True,
            )
        best = set()
        for key in self.rates:
            best.update(
                pareto_front(*(np.array([row[name] for row in rows]) for name in (key, "PSNR")))
            )
        for index in best:
            for name, metric in self.metrics.items():
                metric.reset_state()
                rows[index][name] = self._result(metric, reconstructions[index])
        self.rows += rows

    def _result(self, metric, images, batch=16):
        for start in range(0, len(images), batch):
            metric.update_state(self.images[start : start + batch], images[start : start + batch])
        return float(metric.result())


def describe(row):
    """Describes a setting in words."""
    words = [row["method"]]
    for name in WORDS:
        value = row.get(name)
        if value is not None:
            words.append(f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}")
    return ", ".join(words)


def by_method(rows, key):
    """Converts rows to the argument of `umbed_keras.plots.rate_distortion`."""
    measures = [name for name in MEASURES if any(name in row for row in rows)]
    return {
        method: {
            name: [row.get(column, np.nan) for row in rows if row["method"] == method]
            for name, column in {"rate": key, **{name: name for name in measures}}.items()
        }
        for method in dict.fromkeys(row["method"] for row in rows)
    }


def rate_sections(folder, rows, files, table):
    """Returns the part of a page on each kind of rate: a figure, which it saves, and a table.

    Args:
        folder: path of the folder of the page.
        rows: rows of `Measures`.
        files: dictionary from a kind of rate to the name of its figure.
        table: function from rows and a kind of rate to the rows of a table.
    """
    page = []
    for key, name in files.items():
        figure = uk.plots.rate_distortion(by_method(rows, key), key)
        figure.savefig(folder / f"{name}.png", dpi=80)
        text = markdown(table(rows, key))
        print(f"\n{key}\n{text}")
        page += [f"### {key}", text, f"![{key}]({name}.png)"]
    return page


def write_csv(path, rows, columns=None):
    """Writes rows to a CSV file."""
    columns = columns or list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def markdown(rows):
    """Formats rows as a Markdown table."""
    columns = list(dict.fromkeys(name for row in rows for name in row))

    def cell(value):
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    lines = [columns, ["---"] * len(columns)]
    lines += [[cell(row.get(name, "")) for name in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
