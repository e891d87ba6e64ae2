"""A matplotlib figure that notebooks show."""

from matplotlib.figure import Figure as MatplotlibFigure

from umbed_keras.plots.figures import png


class Figure(MatplotlibFigure):
    """Figure that IPython shows without pyplot and without `%matplotlib inline`."""

    def _repr_png_(self) -> bytes:
        return png(self)
