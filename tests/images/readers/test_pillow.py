"""Files that Pillow reads, in the numbers that they hold."""

import struct
import zlib

import numpy as np
import PIL.Image
import pytest
from image_checks import assert_reads, numbers

import umbed_keras as uk
from umbed_keras.images.read_image import open_image


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".tga", ".ppm"])
def test_files_that_pillow_reads(tmp_path, suffix):
    data = numbers((20, 30, 3), "uint8")
    options = {"lossless": True} if suffix == ".webp" else {}
    PIL.Image.fromarray(data).save(tmp_path / f"a{suffix}", **options)
    image = uk.read_image(tmp_path / f"a{suffix}")
    assert_reads(image, data, "yxc")
    assert image.is_rgb


def test_pngs_keep_sixteen_bits_and_opacity(tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs", reason="needs the extra `images`")
    for shape, axes in (((20, 30), "yx"), ((20, 30, 3), "yxc"), ((20, 30, 4), "yxc")):
        data = numbers(shape, "uint16")
        (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(data))
        image = uk.read_image(tmp_path / "a.png")
        assert_reads(image, data, axes)
        assert image.details.alpha == (3 if shape[-1] == 4 else None)
    data = numbers((20, 30, 4), "uint8")
    data[:5, :, 3] = 0
    data[5:, :, 3] = np.maximum(data[5:, :, 3], 1)
    PIL.Image.fromarray(data).save(tmp_path / "b.png")
    image = uk.read_image(tmp_path / "b.png")
    assert_reads(image, data, "yxc")
    assert image.num_channels == 3
    np.testing.assert_array_equal(image.valid(), data[..., 3] > 0)


def test_palettes_and_frames(tmp_path):
    photo = PIL.Image.fromarray(numbers((20, 30, 3), "uint8")).convert("P")
    photo.save(tmp_path / "a.png")
    assert_reads(uk.read_image(tmp_path / "a.png"), np.asarray(photo.convert("RGB")), "yxc")
    frames = [PIL.Image.new("L", (30, 20), shade) for shade in (0, 100, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    image = uk.read_image(tmp_path / "a.gif")
    assert image.axes.startswith("tyx")
    assert image.plane_shape == (3,)
    assert [int(image.read(plane=plane).max()) for plane in image.planes()] == [0, 100, 200]


def _pnm(path, kind, data, largest):
    header = f"{kind}\n# a comment\n{data.shape[1]} {data.shape[0]}\n{largest}\n".encode()
    path.write_bytes(header + data.astype(">u2" if largest > 255 else "u1").tobytes())


def _png(path, data, bits):
    """Writes grey of 2 or 4 bits."""
    rows = []
    for row in data:
        text = "".join(format(value, f"0{bits}b") for value in row)
        rows.append(b"\0" + int(text, 2).to_bytes(len(text) // 8, "big"))
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", *data.shape[::-1], bits, 0, 0, 0, 0),
        b"IDAT": zlib.compress(b"".join(rows)),
        b"IEND": b"",
    }
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, part in parts.items():
            file.write(struct.pack(">I", len(part)) + name + part)
            file.write(struct.pack(">I", zlib.crc32(name + part)))


@pytest.mark.parametrize("largest", [3, 100, 255, 1000, 4095, 65535])
def test_numbers_of_pgm_as_they_are_stored(tmp_path, largest):
    data = (numbers((20, 30), "uint32") % (largest + 1)).astype("uint16")
    _pnm(tmp_path / "a.pgm", "P5", data, largest)
    stored = open_image(tmp_path / "a.pgm", expand=False)
    np.testing.assert_array_equal(np.asarray(stored), data)
    # As intensities they fill the range of their type, as Pillow shows them.
    shown = np.asarray(PIL.Image.open(tmp_path / "a.pgm"))
    np.testing.assert_array_equal(np.asarray(uk.read_image(tmp_path / "a.pgm")), shown)


@pytest.mark.parametrize("bits", [2, 4])
def test_numbers_of_png_of_few_bits_as_they_are_stored(tmp_path, bits):
    data = numbers((20, 32), "uint8") % 2**bits
    _png(tmp_path / "a.png", data, bits)
    np.testing.assert_array_equal(np.asarray(open_image(tmp_path / "a.png", expand=False)), data)
    most = 2**bits - 1
    np.testing.assert_array_equal(np.asarray(uk.read_image(tmp_path / "a.png")), 255 // most * data)


def test_colours_that_pillow_would_cut_to_8_bits_are_refused(tmp_path):
    data = numbers((20, 30, 3), "uint16")
    _pnm(tmp_path / "a.ppm", "P6", data, 65535)
    text = " ".join(map(str, data[:2, :2].ravel()))
    (tmp_path / "b.ppm").write_text(f"P3\n2 2\n65535\n{text}")
    header = struct.pack(">hBBHHHH", 474, 0, 2, 3, 30, 20, 3) + struct.pack(">ii", 0, 65535)
    planes = np.moveaxis(data[::-1], -1, 0).astype(">u2").tobytes()
    (tmp_path / "c.sgi").write_bytes(header.ljust(512, b"\0") + planes)
    for name in ("a.ppm", "b.ppm", "c.sgi"):
        with pytest.raises(ValueError, match=rf"{name} .*8 bits.*save it as PNG or TIFF"):
            uk.read_image(tmp_path / name)


@pytest.mark.parametrize(
    ("shape", "dtype", "bits"),
    [
        ((32, 40), "uint16", 16),
        ((32, 40), "uint16", 12),
        ((32, 40), "int16", 16),
        ((32, 40), "int8", 8),
        ((32, 40), "uint8", 8),
        ((32, 40, 3), "uint16", 16),
        ((32, 40, 4), "uint16", 16),
        ((32, 40, 3), "uint8", 8),
    ],
)
def test_jpeg_2000(tmp_path, shape, dtype, bits):
    imagecodecs = pytest.importorskip("imagecodecs", reason="needs the extra `images`")
    data = numbers(shape, dtype)
    data = data >> 4 if bits == 12 else data
    options = {"level": 0, "reversible": True, "mct": False, "bitspersample": bits}
    (tmp_path / "a.jp2").write_bytes(imagecodecs.jpeg2k_encode(data, **options))
    image = uk.read_image(tmp_path / "a.jp2")
    assert_reads(image, data, "yx" if len(shape) == 2 else "yxc")
    assert image.is_rgb == (len(shape) == 3)
    assert image.details.alpha == (3 if shape[-1] == 4 else None)


def test_a_transparent_grey_of_16_bits(tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs", reason="needs the extra `images`")
    data = numbers((20, 30), "uint16")
    content = imagecodecs.png_encode(data)
    part = b"tRNS" + struct.pack(">H", int(data[0, 0]))
    chunk = struct.pack(">I", 2) + part + struct.pack(">I", zlib.crc32(part))
    (tmp_path / "a.png").write_bytes(content[:33] + chunk + content[33:])
    image = uk.read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.read()[..., 0], data)
    np.testing.assert_array_equal(image.valid(), data != data[0, 0])


@pytest.mark.parametrize("suffix", [".png", ".webp", ".gif", ".avif"])
def test_frames_are_points_in_time(tmp_path, suffix):
    if suffix not in PIL.Image.registered_extensions():
        pytest.skip("this version of Pillow does not write AVIF")
    if suffix == ".avif":  # Pillow does not tell its depth
        pytest.importorskip("imagecodecs", reason="needs the extra `images`")
    # Of even colour, which no codec changes by much.
    colors = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
    frames = [PIL.Image.new("RGB", (32, 24), color) for color in colors]
    options = {"lossless": True} if suffix == ".webp" else {}
    frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:], **options)
    image = uk.read_image(tmp_path / f"a{suffix}")
    assert image.axes == "tyxc"
    for plane, color in enumerate(colors):
        error = image.read(plane=(plane,)).astype(int) - color
        assert np.abs(error).max() <= (4 if suffix == ".avif" else 0)


def test_inks_and_transparent_palettes(tmp_path):
    photo = PIL.Image.fromarray(numbers((20, 30, 3), "uint8"))
    photo.convert("CMYK").save(tmp_path / "a.jpg", quality=100)
    shown = np.asarray(PIL.Image.open(tmp_path / "a.jpg").convert("RGB"))
    assert_reads(uk.read_image(tmp_path / "a.jpg"), shown, "yxc")
    photo.convert("P").save(tmp_path / "b.png", transparency=3)
    shown = np.asarray(PIL.Image.open(tmp_path / "b.png").convert("RGBA"))
    assert_reads(uk.read_image(tmp_path / "b.png"), shown, "yxc")


def test_a_tiff_by_another_name_is_refused(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    # Pillow would cut it to 8 bits.
    tifffile.imwrite(tmp_path / "a.tif", numbers((20, 30, 3), "uint16"), photometric="rgb")
    (tmp_path / "a.tif").rename(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a\.png is a TIFF file: .*\.tif"):
        uk.read_image(tmp_path / "a.png")
