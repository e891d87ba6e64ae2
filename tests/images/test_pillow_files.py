import re

import numpy as np
import pytest
from PIL import Image

from umbed_keras.images.pillow_files import image_size, open_image

pytestmark = pytest.mark.torch_alone
RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (5, 7, 3), "uint8")
# Luma of ITU-R BT.601, which Pillow rounds.
LUMA = RGB @ [0.299, 0.587, 0.114]


def test_colours_and_luma(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    Image.fromarray(RGB[..., 0]).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(open_image(tmp_path / "a.png", 3), RGB)
    with open(tmp_path / "a.png", "rb") as file:
        np.testing.assert_array_equal(open_image(file, 3), RGB)
    grey = open_image(tmp_path / "a.png", 1)
    assert grey.shape == (5, 7, 1)
    np.testing.assert_allclose(grey[..., 0], LUMA, rtol=0, atol=0.51)
    for channels in (1, 3):
        pixels = open_image(tmp_path / "grey.png", channels)
        np.testing.assert_array_equal(pixels, RGB[..., :1].repeat(channels, axis=-1))


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda image: image),
        (3, lambda image: np.rot90(image, 2)),
        (5, lambda image: image.swapaxes(0, 1)),
        (6, lambda image: np.rot90(image, -1)),
        (8, lambda image: np.rot90(image)),
    ],
)
def test_orientation(tmp_path, suffix, orientation, turn):
    plain, turned, exif = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}", Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(plain)
    Image.fromarray(RGB).save(turned, exif=exif)
    pixels = open_image(turned, 3)
    np.testing.assert_array_equal(pixels, turn(open_image(plain, 3)))
    assert image_size(turned) == pixels.shape[:2]


def test_transparent_pixels_lie_on_white(tmp_path):
    alpha = RANDOM.integers(0, 256, (5, 7, 1), "uint8")
    Image.fromarray(np.concatenate([RGB, alpha], axis=-1)).save(tmp_path / "rgba.png")
    Image.fromarray(np.concatenate([RGB[..., :1], alpha], axis=-1)).save(tmp_path / "la.png")
    palette = Image.fromarray(RGB).quantize(8)
    colours_of_palette = np.asarray(palette.convert("RGB"))
    palette.save(tmp_path / "palette.png", transparency=3)
    for name, colours, opaque in (
        ("rgba.png", RGB, alpha / 255),
        ("la.png", RGB[..., :1].repeat(3, axis=-1), alpha / 255),
        ("palette.png", colours_of_palette, np.asarray(palette)[..., None] != 3),
    ):
        expected = 255 + (colours - 255.0) * opaque
        # Pillow's rounding and ours; of grey twice.
        pixels = open_image(tmp_path / name, 3)
        np.testing.assert_allclose(pixels, expected, rtol=0, atol=1)
        grey = open_image(tmp_path / name, 1)[..., 0]
        np.testing.assert_allclose(grey, expected @ [0.299, 0.587, 0.114], rtol=0, atol=1.51)


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_rounded_to_eight(tmp_path, suffix, channels):
    values = np.array([[0, 128, 129, 256, 257, 32768, 65278, 65406, 65407, 65535]], "uint16")
    if suffix == "pgm":  # which Pillow writes since version 11 alone
        (tmp_path / "a.pgm").write_bytes(b"P5 10 1 65535\n" + values.astype(">u2").tobytes())
    else:
        Image.fromarray(values).save(tmp_path / f"a.{suffix}")
    expected = np.rint(values / 257)[..., None].repeat(channels, axis=-1)
    np.testing.assert_array_equal(open_image(tmp_path / f"a.{suffix}", channels), expected)


def broken(path):
    Image.fromarray(np.tile(RGB, (40, 40, 1))).save(path)
    path.write_bytes(path.read_bytes()[:-3000])


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("a.tif", lambda path: Image.fromarray(np.ones((5, 7), "float32")).save(path), "mode 'F'"),
        ("a.tif", lambda path: Image.fromarray(np.ones((5, 7), "int32")).save(path), "mode 'I'"),
        ("a.png", lambda path: path.write_bytes(b"no image"), "cannot identify"),
        ("a.png", broken, "is no image that can be read"),
        ("a.jpg", broken, "is no image that can be read"),
        (
            "a.png",
            lambda path: Image.new("1", (14000, 14000)).save(path),
            r"has far too many pixels.*MAX_IMAGE_PIXELS",
        ),
    ],
    ids=["floats", "32 bits", "text", "short png", "short jpg", "large"],
)
def test_an_error_names_the_file(tmp_path, name, write, message):
    write(tmp_path / name)
    with pytest.raises(ValueError, match=rf"^{re.escape(str(tmp_path / name))} .*{message}"):
        open_image(tmp_path / name, 3)
    with (
        open(tmp_path / name, "rb") as file,
        pytest.raises(ValueError, match=rf"{name}.*{message}"),
    ):
        open_image(file, 3)


def test_other_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.png"):
        open_image(tmp_path / "nothing.png", 3)
    with pytest.raises(ValueError, match=r"`channels`.*4"):
        open_image(tmp_path / "nothing.png", 4)
