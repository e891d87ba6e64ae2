import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "tools" / "debian_photographs.py"
COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: pictures

Files: *
Copyright: Various
License: CC0

Files:
 land/sea1*
 land/hill?.png
Copyright: 2019-2021, Ada Lind <ada@example.org>
           Bo Ek (example.org), 2018
License: CC-BY-4.0
 Some terms.
 .
 More of them.

Files: land/*-cy*
Copyright: Cy (cy@example.org)
License: CC-BY-SA-4.0

License: CC-BY-4.0
 Files: of no meaning here.
"""


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("debian_photographs", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("land/sea1.jpg", ("Ada Lind, Bo Ek (example.org)", "CC-BY-4.0")),
        ("land/hill2.png", ("Ada Lind, Bo Ek (example.org)", "CC-BY-4.0")),
        # `sea1*` means number 1.
        ("land/sea10-cy.jpg", ("Cy", "CC-BY-SA-4.0")),
        ("land/sea10.jpg", ("Various", "CC0-1.0")),
        # Two paragraphs name it.
        ("land/sea1-cy.jpg", None),
    ],
)
def test_credit(script, name, expected):
    assert script.credit(script.read_copyright(COPYRIGHT), name) == expected


def test_read_copyright_of_another_format(script):
    with pytest.raises(ValueError, match="machine-readable"):
        script.read_copyright("This package was debianized by hand.")


def test_card_text(script):
    entries = [
        {"title": "sea1", "author": "Ada Lind", "license": "CC-BY-4.0"},
        {"title": "hill2", "author": "Ada Lind", "license": "CC-BY-4.0"},
        {"title": "cave", "author": "Cy", "license": "CC0-1.0"},
    ]
    assert script.card_text(entries) == "CC-BY-4.0: Ada Lind (sea1, hill2). CC0-1.0: Cy"
