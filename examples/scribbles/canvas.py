"""An image to draw strokes on, in the colours of classes, as a component of Gradio.

`gradio.ImageEditor` would do, but sends the image, the strokes and both together several times
after each stroke, which takes seconds where no graphics card draws.
"""

import base64
import io
import time
from pathlib import Path

from PIL import Image
from scribbles.colours import COLOURS, labels_of

PNG = "data:image/png;base64,"
CSS = """
.tools { display: flex; gap: 6px; align-items: center; flex-wrap: wrap; margin-bottom: 8px }
.tools button { min-width: 30px; padding: 3px 9px; border-radius: 5px; font-weight: bold;
  border: 2px solid transparent; background: var(--button-secondary-background-fill) }
.tools button.class { color: white; text-shadow: 0 0 3px black }
.tools button.chosen { border-color: var(--body-text-color) }
.tools label { display: flex; gap: 6px; align-items: center; margin-left: auto }
.tools input { width: 90px }
.drawing { position: relative }
.drawing img { width: 100%; display: block; min-height: 200px;
  background: var(--background-fill-secondary) }
.drawing canvas { position: absolute; inset: 0; width: 100%; height: 100%; cursor: crosshair;
  touch-action: none }
"""


def canvas(**options):
    """The component; its value is the strokes as text, for `drawn_labels`.

    Args:
        options: those of `gradio.HTML`.
    """
    import gradio as gr

    pens = "".join(
        f'<button class="class{" chosen" * (number == 1)}" data-key="{number}" '
        f'data-colour="{colour}" style="background:{colour}" title="Class {number}">{number}'
        "</button>"
        for number, colour in enumerate((f"#{bytes(rgb).hex()}" for rgb in COLOURS), start=1)
    )
    template = (
        f'<div class="tools" tabindex="-1">{pens}'
        '<button data-colour="" data-key="e" title="Takes strokes away">Eraser</button>'
        '<button class="undo">Undo</button><button class="clear">Clear</button>'
        '<label>Width <input type="range" min="2" max="40" value="8"></label></div>'
        '<div class="drawing"><img alt=""><canvas tabindex="0"></canvas></div>'
    )
    return gr.HTML(
        "",
        html_template=template,
        css_template=CSS,
        js_on_load=Path(__file__).with_name("canvas.js").read_text(),
        image="",
        opened=0,
        **options,
    )


def opened(image):
    """What opens an image, uint8 `(height, width, 3)`, in the component, without strokes."""
    import gradio as gr

    file = io.BytesIO()
    Image.fromarray(image).save(file, "png", compress_level=1)
    url = PNG + base64.b64encode(file.getvalue()).decode()
    return gr.update(value="", image=url, opened=time.time_ns())


def drawn_labels(value, shape):
    """The labels `(height, width)` that the component's value stands for.

    Args:
        value: text.
        shape: `(height, width)` of the image.

    Returns:
        int32 array of this shape, or None where nothing is drawn on an image of this shape.

    Raises:
        ValueError: another text.
    """
    if not value:
        return None
    if not value.startswith(PNG):
        raise ValueError("Strokes must be a PNG.")
    try:
        strokes = Image.open(io.BytesIO(base64.b64decode(value[len(PNG) :])), formats=["PNG"])
        # Before anything is unpacked.
        return labels_of(strokes) if strokes.size == shape[::-1] else None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"Strokes are no PNG that can be read: {error}") from error
