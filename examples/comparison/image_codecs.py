"""JPEG, WebP and AVIF, as a reference."""

import io

import numpy as np
from PIL import Image, features

QUALITIES = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
START_OF_SCAN = b"\xff\xda"
# RIFF's header and that of its one chunk.
WEBP_HEADER = 20
# What is asked of each beside its quality: JPEG's tables made for the image, WebP's and AVIF's
# best effort short of minutes.
OPTIONS = {"JPEG": {"optimize": True}, "WEBP": {"method": 6}, "AVIF": {"speed": 4}}


def available(kind):
    """Whether Pillow writes such files."""
    return kind == "JPEG" or features.check(kind.lower())


def header_bytes(data, kind):
    """Bytes of a file that aren't the coded image.

    Of JPEG what comes before the first scan, tables too; of WebP the container; of AVIF all boxes
    but the content of `mdat`.
    """
    if kind == "JPEG":
        return data.index(START_OF_SCAN)
    if kind == "WEBP":
        return WEBP_HEADER
    place, content = 0, 0
    while place < len(data):
        size = int.from_bytes(data[place : place + 4], "big") or len(data) - place
        if data[place + 4 : place + 8] == b"mdat":
            content += size - 8
        place += size
    return len(data) - content


def pillow_images(images, kind, qualities=QUALITIES, **options):
    """Images coded at each of some qualities.

    Args:
        images: uint8 `(n, height, width, 3)`.
        kind: `"JPEG"`, `"WEBP"` or `"AVIF"`.
        qualities: ints.
        **options: of Pillow's `save`, beside `OPTIONS`.

    Yields:
        `(quality, bits, bits without headers, images)`: per pixel, and uint8.
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
