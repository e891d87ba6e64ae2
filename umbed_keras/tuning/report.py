"""The page of a sweep: its Pareto front and its figures."""

import importlib.util
from pathlib import Path

from umbed_keras.files import written_whole
from umbed_keras.tuning.results import SweepResult, searched_columns

_NAME = "README.md"
_MEASURES = ("bits_per_pixel", "error", "seconds")


def write_report(result: SweepResult) -> Path:
    """Writes the Pareto front of a sweep as Markdown, beside figures in PNG files.

    Args:
        result: `SweepResult` with a completed trial. Without matplotlib there are no figures.

    Returns:
        Path of `README.md` in the directory of the sweep.

    Raises:
        ValueError: if no trial was completed.
        OSError: if a file can't be written.

    Examples:
        After a sweep, which takes minutes and is not run here:

        >>> result = uk.tuning.sweep(images, hypermodel, directory="mine")  # doctest: +SKIP
        >>> write_report(result).as_posix()  # doctest: +SKIP
        'mine/README.md'
    """
    front = result.pareto
    table = result.table
    columns = [name for name in searched_columns(table) if len({row[name] for row in table}) > 1]
    columns += _MEASURES
    lines = [
        "# Which sizes are worth their bits",
        "",
        "The Pareto front of bits per pixel and error (mean squared error of held-out patch "
        f"pyramids, values in 0..1), of {len(table)} trials:",
        "",
        f"| {' | '.join(name.replace('_', ' ') for name in columns)} |",
        "|---" * len(columns) + "|",
    ]
    for row in front:
        cells = (row[name] for name in columns)
        texts = (f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells)
        lines.append(f"| {' | '.join(texts)} |")
    if importlib.util.find_spec("matplotlib"):
        for name, figure in result.figures().items():
            figure.savefig(result.directory / f"{name}.png", dpi=70)
            lines += ["", f"![{name.replace('_', ' ')}]({name}.png)"]
    path = result.directory / _NAME
    with written_whole(path) as part:
        part.write_text("\n".join(lines) + "\n")
    return path
