"""Sample images: a portrait and two synthetic images."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = 512


def samples():
    """Returns a dictionary from a name to a uint8 image `(512, 512, 3)`."""
    # NASA's portrait of astronaut Eileen Collins, public domain.
    portrait = Image.open(Path(__file__).parents[1] / "astronaut.jpg").convert("RGB")
    return {"portrait": np.asarray(portrait), "cells": cells(), "cloths": cloths()}


def cells(seed=0):
    """Draws stained cells, slightly out of focus: pale bodies, dark nuclei and small grains."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (SIZE, SIZE), (236, 222, 228))
    draw = ImageDraw.Draw(image)
    for row in range(-20, SIZE + 40, 62):
        for col in range(-20, SIZE + 40, 62):
            x, y = random.normal((col, row), 9)
            wide, high = random.uniform(24, 34, 2)
            shade = int(random.normal(0, 8))
            body = (206 + shade, 150 + shade, 190 + shade)
            draw.ellipse((x - wide, y - high, x + wide, y + high), body, (180, 110, 165), 2)
            x, y = random.normal((x, y), 5)
            wide, high = random.uniform(9, 14, 2)
            nucleus = (96 + shade, 58 + shade, 140 + shade)
            draw.ellipse((x - wide, y - high, x + wide, y + high), nucleus)
    for x, y in random.uniform(0, SIZE, (90, 2)):
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), (90, 150, 120))
    return _grain(image.filter(ImageFilter.GaussianBlur(1.6)), 7, random)


def cloths(seed=0):
    """Draws patches of four weaves of the same colours, which differ in their pattern only."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    weaves = np.stack(
        [
            np.sin((x + y) / 2.5),
            np.sin((x - y) / 2.5),
            np.sin(x / 2.2) * np.sin(y / 2.2) * 1.4,
            np.sin(np.hypot(x % 20 - 10, y % 20 - 10) / 1.6),
        ]
    )
    centres = random.uniform(0, SIZE, (14, 2))
    nearest = np.hypot(*(np.stack([y, x]) - centres[:, :, None, None]).swapaxes(0, 1)).argmin(0)
    chosen = np.take_along_axis(weaves, (nearest % len(weaves))[None], 0)[0]
    image = np.clip(128 + 45 * chosen[..., None] + np.array([20, 5, -20]), 0, 255)
    return _grain(image, 10, random)


def _grain(image, deviation, random):
    image = np.asarray(image, "float32")
    return np.uint8(np.clip(image + random.normal(0, deviation, image.shape), 0, 255))
