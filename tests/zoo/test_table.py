from umbed_keras.zoo.table import Table

ROWS = [
    {"name": "a", "count": 12345, "error": 0.0123456, "reason": None, "hidden": 1},
    {"name": "long <b>", "count": 7, "error": None, "reason": "no memory", "hidden": 2},
]
COLUMNS = ("name", "count", "error", "reason")


def test_rows_are_shown_in_aligned_columns():
    assert repr(Table(ROWS, COLUMNS)).splitlines() == [
        "name       count    error  reason",
        "a         12,345  0.01235",
        "long <b>       7           no memory",
    ]
    assert repr(Table(ROWS)).splitlines()[0].split() == list(ROWS[0])


def test_of_a_dictionary_the_first_two_are_shown():
    rows = [{"metrics": {"PSNR, dB": 25.414, "SSIM": 0.9, "LPIPS": 0.1}}]
    assert repr(Table(rows)).splitlines()[1] == "PSNR, dB 25.41; SSIM 0.9"


def test_notebooks_show_it_too():
    text = Table(ROWS, COLUMNS)._repr_html_()
    assert text.startswith("<table><tr><th>name</th><th>count</th>")
    assert "<td>12,345</td>" in text
    assert "<td>long &lt;b&gt;</td>" in text
    assert text.count("<tr>") == 3


def test_it_is_a_list_even_without_rows():
    assert Table(ROWS, COLUMNS) == ROWS
    assert repr(Table([], COLUMNS)) == "name  count  error  reason"
    assert repr(Table()) == "[]"
