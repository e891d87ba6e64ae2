import numpy as np
import pytest

from umbed_keras import plots

pytest.importorskip("matplotlib")


def test_bars_are_sorted_by_use_and_name_their_entries():
    figure = plots.usage_bars({"VQ": np.array([1, 0, 3]), "never used": np.zeros(2)})
    bars = figure.axes[0]
    assert [bar.get_height() for bar in bars.patches] == [75, 25, 0]
    assert [label.get_text() for label in bars.get_xticklabels()] == ["2", "0", "1"]
    assert "2 of 3" in bars.get_title()
    assert [bar.get_height() for bar in figure.axes[1].patches] == [0, 0]
