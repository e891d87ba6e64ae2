"""Measures of compared methods, and tables of them."""

import csv

import numpy as np

import umbed_keras as uk
from umbed_keras.ops.pareto import pareto_front

COLUMNS = ("method", "K", "S", "b", "law", "limit", "selection", "learned at S", "refit")
COLUMNS += ("stops at dB", "rate weight", "quality")
WORDS = COLUMNS[1:]
FIXED, ENTROPY = "bpp, fixed-length", "bpp, entropy-coded"
# By the entropy of whole supports, which counts too little where they outnumber the codes.
LAYER = "bpp by the layer"
MEASURES = ("PSNR", "SSIM", "LPIPS")


class Measures:
    """PSNR of every setting, SSIM and LPIPS of those that no cheaper one of its kind equals.

    Args:
        images: uint8 `(n, height, width, 3)`, what reconstructions are compared with.
        lpips: `umbed_keras.metrics.LPIPS`, or None.
        rates: names of the two rates of a point.
    """

    def __init__(self, images, lpips, rates=(FIXED, ENTROPY)):
        self.images, self.rows, self.rates = images, [], rates
        self.metrics = {"SSIM": uk.metrics.SSIM()} | ({"LPIPS": lpips} if lpips else {})

    def add(self, method, points):
        """Measures a method; points are `(setting, *two rates, images)`, bits per pixel."""
        rows, found = [], []
        for setting, *bits, images in points:
            if images.dtype != "uint8":
                images = np.round(255 * images).astype("uint8")
            row = {"method": method, **setting}
            row.update(zip(self.rates, map(float, bits), strict=True))
            row["PSNR"] = self._result(uk.metrics.PSNR(), images)
            rows.append(row)
            found.append(images)
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
                rows[index][name] = self._result(metric, found[index])
        self.rows += rows

    def _result(self, metric, images, batch=16):
        for start in range(0, len(images), batch):
            metric.update_state(self.images[start : start + batch], images[start : start + batch])
        return float(metric.result())


def describe(row):
    """A setting in words."""
    words = [row["method"]]
    for name in WORDS:
        value = row.get(name)
        if value is not None:
            words.append(f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}")
    return ", ".join(words)


def by_method(rows, key):
    """Rows as `umbed_keras.plots.rate_distortion` takes them."""
    measures = [name for name in MEASURES if any(name in row for row in rows)]
    return {
        method: {
            name: [row.get(column, np.nan) for row in rows if row["method"] == method]
            for name, column in {"rate": key, **{name: name for name in measures}}.items()
        }
        for method in dict.fromkeys(row["method"] for row in rows)
    }


def rate_sections(folder, rows, files, table):
    """A part of a page for each kind of rate: a figure, which is saved, and a table.

    Args:
        folder: path.
        rows: of `Measures`.
        files: dictionary, kind of rate to the name of its figure.
        table: function of rows and a kind of rate that gives a table's rows.
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
    columns = columns or list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def markdown(rows):
    """A table of rows."""
    columns = list(dict.fromkeys(name for row in rows for name in row))

    def cell(value):
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    lines = [columns, ["---"] * len(columns)]
    lines += [[cell(row.get(name, "")) for name in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
