"""JPEG and WebP, as a reference."""

import io

import numpy as np
from PIL import Image

QUALITIES = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
START_OF_SCAN = b"\xff\xda"


def pillow_images(images, kind):
    """Images coded at each of `QUALITIES`.

    Args:
        images: uint8 `(n, height, width, 3)`.
        kind: `"JPEG"` or `"WEBP"`.

    Yields:
        `(quality, bits, bits without the header, images)`: per pixel, and uint8. What comes before
        the first scan is JPEG's header; of WebP it is 0.
    """
    pixels = images.shape[0] * images.shape[1] * images.shape[2]
    for quality in QUALITIES:
        total, header, decoded = 0, 0, []
        for image in images:
            file = io.BytesIO()
            Image.fromarray(image).save(file, kind, quality=quality)
            data = file.getvalue()
            total += len(data)
            header += data.index(START_OF_SCAN) if kind == "JPEG" else 0
            decoded.append(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
        yield quality, 8 * total / pixels, 8 * (total - header) / pixels, np.stack(decoded)
