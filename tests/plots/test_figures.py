"""Notebooks show figures, which are matplotlib's in every other respect."""

import base64
import io
import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import umbed_keras as uk
from umbed_keras.plots.figures import Figures

pytest.importorskip("matplotlib")
# A cell's last line in a fresh kernel: IPython's own formatter makes what the notebook shows.
CELL = """
import json
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
import umbed_keras as uk
from umbed_keras.plots.figures import Figures
value = {value}
data, metadata = shell.display_formatter.format(value)
data = {{kind: text.hex() if isinstance(text, bytes) else text for kind, text in data.items()}}
print(json.dumps(data))
"""
BARS = 'uk.plots.usage_bars({"VQ": [3, 1, 0, 2]})'


def displayed(value, folder):
    """Returns what IPython shows of an expression: MIME type to data, bytes in hexadecimal."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(uk.__file__).parents[1]),
        "IPYTHONDIR": str(folder),
    }
    done = subprocess.run(
        [sys.executable, "-c", CELL.format(value=value)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def pixels(png):
    from matplotlib.image import imread

    return imread(io.BytesIO(png))


def test_a_figure_shows_itself_in_a_fresh_kernel(tmp_path):
    data = displayed(BARS, tmp_path)
    assert data["text/plain"].startswith("<Figure size")
    picture = pixels(bytes.fromhex(data["image/png"]))
    saved = tmp_path / "saved.png"
    uk.plots.usage_bars({"VQ": [3, 1, 0, 2]}).savefig(saved)
    np.testing.assert_array_equal(picture, pixels(saved.read_bytes()))


def test_several_figures_show_themselves(tmp_path):
    data = displayed(f'Figures({{"bars": {BARS}, "<more>": {BARS}}})', tmp_path)
    captions = re.findall("<figcaption>(.*?)</figcaption>", data["text/html"])
    assert captions == ["bars", "&lt;more&gt;"]
    pictures = re.findall('base64,(.*?)"', data["text/html"])
    assert all(pixels(base64.b64decode(picture)).ndim == 3 for picture in pictures)
    assert len(pictures) == 2


def test_figures_are_a_dictionary():
    figures = Figures(bars=uk.plots.usage_bars({"VQ": [3, 1]}))
    assert isinstance(figures, dict)
    assert list(figures) == ["bars"]


def test_a_figure_is_one_of_matplotlib():
    from matplotlib.figure import Figure

    figure = uk.plots.usage_bars({"VQ": [3, 1]})
    assert isinstance(figure, Figure)
    again = pickle.loads(pickle.dumps(figure))
    assert [bar.get_height() for bar in again.axes[0].patches] == [75, 25]
    figure.canvas.draw()
    again.canvas.draw()
