"""A table of measurements."""

import csv
from collections.abc import Mapping
from typing import Any

import numpy as np

from umbed_keras.files import written_whole
from umbed_keras.typing import PathLike


class Measurements(dict[str, np.ndarray]):
    """A table: the name of each column to an array of its values, one for each row.

    It is a dictionary, of which `pandas.DataFrame(table)` makes a data frame, too.

    Args:
        columns: name to array; all arrays are equally long.

    Raises:
        ValueError: if the columns differ in length.

    Examples:
        >>> table = Measurements({"label": np.array([1, 2]), "area": np.array([4.0, 2.5])})
        >>> table.num_rows, table["area"].tolist()
        (2, [4.0, 2.5])
        >>> table.to_csv("cells.csv")
        >>> print(open("cells.csv").read(), end="")
        label,area
        1,4.0
        2,2.5
    """

    def __init__(self, columns: Mapping[str, np.ndarray]) -> None:
        super().__init__(columns)
        if len({len(column) for column in self.values()}) > 1:
            lengths = {name: len(column) for name, column in self.items()}
            raise ValueError(f"`columns` must be equally long. Received: {lengths}")

    @property
    def num_rows(self) -> int:
        """The number of rows."""
        return len(next(iter(self.values()), ()))

    def with_class_names(self, names: Mapping[int, str]) -> "Measurements":
        """Returns the table with a column `class_name` after that of the classes' numbers.

        Args:
            names: number of a class to its name; others get an empty text. Without any names the
                table stays as it is.

        Examples:
            >>> table = Measurements({"class": np.array([2, 5]), "area": np.array([1.0, 3.0])})
            >>> table.with_class_names({2: "nucleus"})["class_name"].tolist()
            ['nucleus', '']
        """
        columns: dict[str, np.ndarray] = {}
        for name, column in self.items():
            columns[name] = column
            if name == "class" and names:
                texts = [names.get(part, "") for part in column.tolist()]
                columns["class_name"] = np.array(texts, str)
        return Measurements(columns)

    def to_pandas(self) -> Any:
        """Returns a `pandas.DataFrame`.

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas

        return pandas.DataFrame(dict(self))

    def to_csv(self, path: PathLike) -> None:
        """Writes a file of comma-separated values, whole or not at all.

        Args:
            path: path of the file. Its first line holds the names of the columns. A value that is
                not known is left empty.

        Raises:
            OSError: if the file can't be written.
        """
        with written_whole(path) as new, new.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self)
            columns = [column.tolist() for column in self.values()]
            for row in zip(*columns, strict=True):
                writer.writerow("" if value != value else value for value in row)

    @classmethod
    def joined(cls, tables: Mapping[str, "Measurements"], name: str = "image") -> "Measurements":
        """Joins tables, with a first column that says where each row comes from.

        Args:
            tables: text of the first column, such as the name of an image, to its table. Columns
                that a table lacks are filled with NaN, or with empty text.
            name: name of the first column.

        Returns:
            `Measurements` of all rows, in order.

        Examples:
            >>> one, two = (Measurements({"label": np.arange(n)}) for n in (1, 2))
            >>> uk.segmentation.Measurements.joined({"a": one, "b": two})["image"].tolist()
            ['a', 'b', 'b']
        """
        names = dict.fromkeys(column for table in tables.values() for column in table)
        sources = np.repeat(list(tables), [table.num_rows for table in tables.values()])
        columns = {name: sources.astype(str)}
        for column in names:
            example = next(table[column] for table in tables.values() if column in table)
            missing = "" if example.dtype.kind in "UO" else np.nan
            parts = [
                table.get(column, np.full(table.num_rows, missing)) for table in tables.values()
            ]
            columns[column] = np.concatenate(parts)
        return cls(columns)
