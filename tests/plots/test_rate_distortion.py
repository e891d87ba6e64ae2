import numpy as np
import pytest

from umbed_keras import plots
from umbed_keras.plots.rate_distortion import frontier


def test_frontier_leaves_out_what_a_cheaper_setting_equals():
    rates = np.array([3.0, 1.0, 2.0, 2.0, 4.0])
    values = np.array([5.0, 4.0, 4.0, 6.0, 7.0])
    assert frontier(rates, values).tolist() == [1, 3, 4]
    assert frontier(rates[:0], values[:0]).tolist() == []


def test_lines_join_the_best_settings_lowest_where_low_is_good():
    pytest.importorskip("matplotlib")
    columns = {
        "rate": [1.0, 2.0, 3.0],
        "PSNR": [20.0, 19.0, 21.0],
        "LPIPS": [0.5, np.nan, 0.6],
    }
    figure = plots.rate_distortion({"DL": columns})
    psnr, lpips = (axis.lines[0].get_xdata().tolist() for axis in figure.axes)
    assert psnr == [1, 3]
    assert lpips == [1]
