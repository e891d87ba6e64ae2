"""A list of dictionaries that is shown as a table."""

import html


class Table(list):
    """Rows as dictionaries; in a console and in a notebook they are shown as a table.

    Args:
        rows: dictionaries of numbers, texts, None, or dictionaries of numbers, of which the first
            two are shown.
        columns: names of the entries to show, in order; None is those of the first row.
    """

    def __init__(self, rows=(), columns=None):
        super().__init__(rows)
        self.columns = columns

    def __repr__(self):
        columns = self._columns()
        if not columns:
            return super().__repr__()
        lines = [columns, *([_shown(row[column]) for column in columns] for row in self)]
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        pads = [str.rjust if self._is_number(column) else str.ljust for column in columns]
        return "\n".join(
            "  ".join(pad(*cell) for pad, *cell in zip(pads, cells, widths, strict=True)).rstrip()
            for cells in lines
        )

    def _repr_html_(self):
        columns = self._columns()
        lines = [("th", columns)]
        lines += [("td", [_shown(row[column]) for column in columns]) for row in self]
        rows = (
            "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) for tag, cells in lines
        )
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"

    def _columns(self):
        return list(self.columns or (self[0] if self else ()))

    def _is_number(self, column):
        """Whether a column holds nothing but numbers, which stand to the right."""
        values = [row[column] for row in self if row[column] is not None]
        return bool(values) and all(isinstance(value, (int, float)) for value in values)


def _shown(cell):
    """A cell as text."""
    if cell is None:
        return ""
    if isinstance(cell, dict):
        return "; ".join(f"{name} {_shown(value)}" for name, value in list(cell.items())[:2])
    if isinstance(cell, float):
        return f"{cell:.4g}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
