"""A Gradio component to draw strokes on an image in the colours of classes.

`gradio.ImageEditor` is not used because it sends the image, the strokes and both together several
times after each stroke, which takes seconds without a graphics card.
"""

import base64
import io
from pathlib import Path

import gradio as gr
import numpy as np
from PIL import Image

from umbed_keras.images.labels import CLASS_COLORS, labels_of_colors

PNG = "data:image/png;base64,"
CSS = """
.drawing { position: relative; margin: auto }
.drawing img { width: 100%; display: block; min-height: 200px }
.drawing canvas { position: absolute; inset: 0; width: 100%; height: 100%; cursor: crosshair;
  touch-action: none }
.tools { display: flex; gap: 5px; align-items: center; padding: 6px }
.tools button { min-width: 28px; padding: 2px 8px; border-radius: 5px; font-weight: bold;
  font-size: 14px; border: 2px solid transparent;
  background: var(--button-secondary-background-fill) }
.tools .class { color: white; text-shadow: 0 0 3px black }
.tools .chosen { border-color: var(--body-text-color) }
.tools label { display: flex; gap: 6px; align-items: center; margin-left: auto }
.tools input { width: 80px }
"""


def canvas(**options):
    """Returns the component; `drawn_labels` reads its value.

    Args:
        **options: options of `gradio.HTML`.
    """
    pens = "".join(
        f'<button class="class{" chosen" * (number == 1)}" data-key="{number}" '
        f'data-colour="{colour}" style="background:{colour}" title="Class {number}">{number}'
        "</button>"
        for number, colour in enumerate((f"#{bytes(rgb).hex()}" for rgb in CLASS_COLORS), start=1)
    )
    template = (
        '<div class="drawing"><img alt=""><canvas tabindex="0"></canvas></div>'
        f'<div class="tools">{pens}'
        '<button data-colour="" data-key="e" title="Removes strokes">Eraser</button>'
        '<button class="undo">Undo</button><button class="clear">Clear</button>'
        '<label>Width <input type="range" min="2" max="40" value="8"></label></div>'
    )
    return gr.HTML(
        html_template=template,
        css_template=CSS,
        js_on_load=Path(__file__).with_name("canvas.js").read_text(),
        image="",
        opened="",
        **options,
    )


def opened(image, number):
    """Returns the update that shows an image, uint8 `(height, width, 3)`, without strokes.

    `number` is a text that identifies the image in `drawn_labels`.
    """
    file = io.BytesIO()
    Image.fromarray(image).save(file, "png", compress_level=1)
    url = PNG + base64.b64encode(file.getvalue()).decode()
    return gr.update(value=None, image=url, opened=number)


def drawn_labels(value, shape, number):
    """Converts the value of the component to labels.

    Args:
        value: value of the component. It comes from the client and is not trusted.
        shape: `(height, width)` of the image.
        number: text, the number given to `opened`.

    Returns:
        int64 array `(height, width)`, 0 where nothing is drawn. All 0 if the value belongs to an
        image that was open before.

    Raises:
        ValueError: if the strokes are not a PNG file of the size of the image.
    """
    if not value or value["opened"] != number:
        return np.zeros(shape, "int64")
    try:
        file = io.BytesIO(base64.b64decode(value["strokes"].removeprefix(PNG)))
        with Image.open(file, formats=["PNG"]) as strokes:
            # Checked before pixels are decoded.
            if strokes.size != shape[::-1]:
                raise ValueError(f"of {strokes.size} pixels")
            pixels = np.asarray(strokes.convert("RGBA"))
            return labels_of_colors(pixels[..., :3], pixels[..., 3])
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"Strokes must be a PNG of the image's size: {error}") from error
