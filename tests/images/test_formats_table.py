"""The table of image files in the documentation is that of the reader."""

import re
from pathlib import Path

import pytest

import umbed_keras as uk
from umbed_keras.images.read_image import FORMATS

TABLE = Path(uk.__file__).parents[1] / ".github" / "FORMATS.md"
TESTS = sorted(Path(__file__).parent.rglob("test_*.py"))


def rows():
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.suffixes[0])
def test_every_format_has_a_row(kind):
    (row,) = [row for row in rows() if f"`{kind.suffixes[0]}`" in row[0]]
    listed = re.findall(r"`(\.\w+)`", row[0])
    assert set(kind.suffixes) <= set(listed)
    known = {suffix for other in FORMATS for suffix in other.suffixes}
    assert set(listed) <= known
    assert row[1].startswith(kind.library)


def test_named_tests_exist():
    written = "".join(path.read_text() for path in TESTS)
    for row in rows():
        for name in re.findall(r"`(test_\w+)`", row[3]):
            assert f"def {name}(" in written
