"""Several figures that notebooks show together."""

import base64
import html
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Figures(dict[str, Any]):
    """Dictionary of name to `matplotlib.figure.Figure`, of which a notebook shows all figures.

    Examples:
        >>> figures = Figures(usage=uk.plots.usage_bars({"VQ": [3, 1, 0, 2]}))
        >>> list(figures)
        ['usage']
        >>> figures["usage"].savefig("usage.png")
    """

    def _repr_html_(self) -> str:
        return "".join(
            f"<figure><figcaption>{html.escape(str(name))}</figcaption>"
            f'<img src="data:image/png;base64,{base64.b64encode(png(figure)).decode()}"></figure>'
            for name, figure in self.items()
        )


def png(figure: "Figure") -> bytes:
    """Returns a figure as the bytes of a PNG file.

    Args:
        figure: `matplotlib.figure.Figure`.

    Examples:
        >>> png(uk.plots.usage_bars({"VQ": [3, 1, 0, 2]}))[1:4]
        b'PNG'
    """
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
