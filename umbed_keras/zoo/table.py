"""A list of dictionaries that prints itself as a table."""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class Table(list[Mapping[str, Any]]):
    """List of dictionaries that consoles and notebooks show as a table.

    Args:
        rows: iterable of dictionaries of numbers, str, None, or dictionaries of numbers, of which
            the first two entries are shown.
        columns: names of the entries to show, in order; None for those of the first row.

    Examples:
        >>> rows = [{"name": "a", "size": 12345}, {"name": "b", "size": None}]
        >>> Table(rows)
        name    size
        a     12,345
        b
        >>> Table(rows, columns=["size"])[0]["name"]
        'a'
    """

    def __init__(
        self, rows: Iterable[Mapping[str, Any]] = (), columns: Sequence[str] | None = None
    ):
        super().__init__(rows)
        self.columns = columns

    def __repr__(self) -> str:
        columns = self._columns()
        if not columns:
            return super().__repr__()
        lines = [columns, *([_as_text(row[column]) for column in columns] for row in self)]
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        pads = [str.rjust if self._is_number(column) else str.ljust for column in columns]
        return "\n".join(
            "  ".join(
                pad(cell, width) for pad, cell, width in zip(pads, cells, widths, strict=True)
            ).rstrip()
            for cells in lines
        )

    def _repr_html_(self):
        columns = self._columns()
        lines = [("th", columns)]
        lines += [("td", [_as_text(row[column]) for column in columns]) for row in self]
        rows = (
            "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) for tag, cells in lines
        )
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"

    def _columns(self):
        return list(self.columns or (self[0] if self else ()))

    def _is_number(self, column):
        """Returns whether all values of a column are numbers, which are aligned right."""
        values = [row[column] for row in self if row[column] is not None]
        return bool(values) and all(isinstance(value, (int, float)) for value in values)


def _as_text(cell):
    if cell is None:
        return ""
    if isinstance(cell, dict):
        return "; ".join(f"{name} {_as_text(value)}" for name, value in list(cell.items())[:2])
    if isinstance(cell, float):
        return f"{cell:.4g}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
