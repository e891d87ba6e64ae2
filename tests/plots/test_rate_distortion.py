import numpy as np
import pytest

from umbed_keras import plots

pytest.importorskip("matplotlib")


def test_lines_join_the_pareto_front_of_each_measure():
    columns = {
        "rate": [1.0, 2.0, 3.0],
        "PSNR": [20.0, 19.0, 21.0],
        "LPIPS": [0.5, np.nan, 0.6],
    }
    figure = plots.rate_distortion({"DL": columns})
    psnr, lpips = (axis.lines[0].get_xdata().tolist() for axis in figure.axes)
    assert psnr == [1, 3]
    assert lpips == [1]


@pytest.mark.parametrize("rates", [[12, 14, 24, 56], [0.25, 0.3], [1.1, 1.9], [0.1, 300]])
def test_rates_can_be_read_and_the_key_lies_beside_the_data(rates):
    figure = plots.rate_distortion({"DL": {"rate": rates, "PSNR": rates}})
    figure.draw_without_rendering()
    axis = figure.axes[0]
    low, high = axis.get_xlim()
    ticks = [tick for tick in axis.get_xticks() if low <= tick <= high]
    assert 3 <= len(ticks) <= 15
    key = figure.legends[0].get_window_extent()
    assert not key.overlaps(axis.get_window_extent())
