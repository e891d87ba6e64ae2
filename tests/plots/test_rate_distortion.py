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
