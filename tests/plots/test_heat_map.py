import pytest

from umbed_keras import plots

pytest.importorskip("matplotlib")


def test_combinations_without_a_value_are_hatched_with_a_key():
    figure = plots.heat_map({"K": [8, 8, 16], "S": [1, 2, 1], "error": [0.4, 0.3, 0.2]})
    (cell,) = figure.axes[0].patches
    assert (cell.get_xy(), cell.get_hatch()) == ((0.5, 0.5), "///")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["not tried"]
    figure = plots.heat_map({"K": [8, 8], "S": [1, 2], "error": [0.4, 0.3]})
    assert not figure.legends
