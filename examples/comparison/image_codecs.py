"""JPEG, WebP and AVIF as references."""

import io

import numpy as np
from PIL import Image, features

QUALITIES = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
START_OF_SCAN = b"\xff\xda"
# Bytes of the RIFF header and the header of its only chunk.
WEBP_HEADER = 20
# Options besides the quality: optimized tables of JPEG, and the best effort of WebP and AVIF that
# takes less than minutes.
OPTIONS = {"JPEG": {"optimize": True}, "WEBP": {"method": 6}, "AVIF": {"speed": 4}}


def available(kind):
    """Tells whether Pillow writes files of a format."""
    return kind == "JPEG" or features.check(kind.lower())


def header_bytes(data, kind):
    """Counts the bytes of a file that are not the coded image.

    These are, of JPEG, all before the first scan with its tables; of WebP, the container; of AVIF,
    all boxes except the content of `mdat`.
    """
    if kind == "JPEG":
        return data.index(START_OF_SCAN)
    if kind == "WEBP":
        return WEBP_HEADER
    offset, content = 0, 0
    while offset < len(data):
        size = int.from_bytes(data[offset : offset + 4], "big") or len(data) - offset
        if data[offset + 4 : offset + 8] == b"mdat":
            content += size - 8
        offset += size
    return len(data) - content


def pillow_images(images, kind, qualities=QUALITIES, **options):
    """Codes images at several qualities.

    Args:
        images: uint8 `(n, height, width, 3)`.
        kind: `"JPEG"`, `"WEBP"` or `"AVIF"`.
        qualities: integers.
        **options: options of `PIL.Image.Image.save`, besides `OPTIONS`.

    Yields:
        `(quality, bits, bits without headers, images)`: bits per pixel, decoded uint8 images.
    """
    pixels = images.shape[0] * images.shape[1] * images.shape[2]
    options = {**OPTIONS[kind], **options}
    for quality in qualities:
        total, header, decoded = 0, 0, []
        for image in images:
            file = io.BytesIO()
            Image.fromarray(image).save(file, kind, quality=quality, **options)
            data = file.getvalue()
            total += len(data)
            header += header_bytes(data, kind)
            decoded.append(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
        yield quality, 8 * total / pixels, 8 * (total - header) / pixels, np.stack(decoded)
