"""TIFF files of every kind, against what was written or what tifffile and Pillow read."""

import numpy as np
import PIL.Image
import pytest
from image_checks import assert_reads, numbers

import umbed_keras as uk

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs", reason="needs the extra `images`")
pytestmark = pytest.mark.torch_alone


@pytest.mark.parametrize(
    ("shape", "dtype", "axes", "options"),
    [
        ((40, 50), "uint8", "yx", {}),
        ((40, 50), "uint16", "yx", {"byteorder": ">"}),
        ((40, 50), "int16", "yx", {"compression": "lzw", "predictor": True}),
        ((40, 50), "float32", "yx", {"compression": "zstd"}),
        ((40, 50), "float64", "yx", {"bigtiff": True, "compression": "zlib"}),
        ((40, 50), "uint32", "yx", {"tile": (16, 16)}),
        ((40, 50), "int8", "yx", {}),
        ((40, 50), "bool", "yx", {}),
        ((64, 80, 3), "uint8", "yxc", {"photometric": "rgb"}),
        ((64, 80, 3), "uint16", "yxc", {"photometric": "rgb", "compression": "lzw"}),
        ((3, 64, 80), "uint16", "cyx", {"photometric": "rgb", "planarconfig": "separate"}),
        (
            (64, 80, 5),
            "uint16",
            "yxc",
            {"photometric": "minisblack", "planarconfig": "contig", "tile": (32, 32)},
        ),
        ((64, 80, 3), "uint8", "yxc", {"photometric": "rgb", "compression": "webp"}),
    ],
    ids=str,
)
def test_tiff_gives_what_was_written(tmp_path, shape, dtype, axes, options):
    data = numbers(shape, dtype)
    options = dict(options)
    if options.get("compression") == "webp":
        options["compressionargs"] = {"lossless": True}
    bigtiff, byteorder = options.pop("bigtiff", False), options.pop("byteorder", None)
    tifffile.imwrite(
        tmp_path / "a.tif", data, bigtiff=bigtiff, byteorder=byteorder, metadata=None, **options
    )
    image = uk.read_image(tmp_path / "a.tif")
    assert_reads(image, data, axes)
    assert image.is_rgb == (options.get("photometric") == "rgb")


def test_jpeg_in_tiff_is_as_tifffile_decodes_it(tmp_path):
    smooth = np.linspace(0, 255, 64 * 64 * 3).reshape(64, 64, 3).astype("uint8")
    options = {"compression": "jpeg", "photometric": "rgb", "tile": (32, 32)}
    tifffile.imwrite(tmp_path / "a.tif", smooth, **options)
    assert_reads(uk.read_image(tmp_path / "a.tif"), tifffile.imread(tmp_path / "a.tif"), "yxc")


@pytest.mark.parametrize(("bits", "dtype"), [(1, "uint8"), (4, "uint8"), (12, "uint16")])
def test_packed_bits_are_whole_numbers(tmp_path, bits, dtype):
    data = numbers((20, 30), dtype) % 2**bits
    tifffile.imwrite(tmp_path / "a.tif", data, bitspersample=bits, photometric="minisblack")
    assert_reads(uk.read_image(tmp_path / "a.tif"), tifffile.imread(tmp_path / "a.tif"), "yx")
    np.testing.assert_array_equal(np.asarray(uk.read_image(tmp_path / "a.tif")), data)


@pytest.mark.parametrize("mode", ["P", "CMYK", "L", "1"])
def test_colours_of_tiff_are_those_that_pillow_shows(tmp_path, mode):
    photo = PIL.Image.fromarray(numbers((30, 40, 3), "uint8"))
    stored = photo.convert(mode)
    stored.save(tmp_path / "a.tif")
    shown = stored.convert({"P": "RGB", "CMYK": "RGB"}.get(mode, mode))
    image = uk.read_image(tmp_path / "a.tif")
    # Inks become light by one rounding.
    tolerance = 1 if mode == "CMYK" else 0
    difference = np.asarray(image).astype(int) - np.asarray(shown).astype(int)
    assert np.abs(difference).max() <= tolerance
    assert image.is_rgb == (mode in ("P", "CMYK"))


def test_white_is_zero_in_some_tiffs(tmp_path):
    data = numbers((20, 30), "uint8")
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="miniswhite")
    assert_reads(uk.read_image(tmp_path / "a.tif"), 255 - data, "yx")


def test_ome_tiff_has_names_and_sizes(tmp_path):
    data = numbers((4, 2, 30, 40), "uint16")
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        data,
        ome=True,
        metadata={
            "axes": "ZCYX",
            "PhysicalSizeX": 0.25,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": 0.25,
            "PhysicalSizeYUnit": "µm",
            "PhysicalSizeZ": 2.0,
            "PhysicalSizeZUnit": "µm",
            "Channel": {"Name": ["DAPI", "GFP"]},
        },
    )
    image = uk.read_image(tmp_path / "a.ome.tif")
    assert_reads(image, data, "zcyx")
    assert image.channel_names == ("DAPI", "GFP")
    assert image.pixel_size == {"z": 2.0, "y": 0.25, "x": 0.25}
    assert image.unit == "micrometer"
    assert not image.is_rgb
    assert list(image.planes()) == [(0,), (1,), (2,), (3,)]


def test_imagej_stack_has_axes_and_sizes(tmp_path):
    data = numbers((3, 5, 2, 20, 30), "uint16")
    tifffile.imwrite(
        tmp_path / "a.tif",
        data,
        imagej=True,
        resolution=(4.0, 4.0),
        metadata={"axes": "TZCYX", "spacing": 1.5, "unit": "um"},
    )
    image = uk.read_image(tmp_path / "a.tif")
    assert_reads(image, data, "tzcyx")
    assert image.pixel_size == pytest.approx({"z": 1.5, "y": 0.25, "x": 0.25})
    assert image.unit == "micrometer"


def test_a_file_of_several_images_names_them(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as file:
        file.write(numbers((20, 30), "uint8"), metadata={"Name": "first"})
        stack = numbers((3, 40, 50), "uint8")
        file.write(stack, photometric="minisblack", metadata={"axes": "ZYX"})
    with pytest.raises(ValueError, match=r"several images.*`series`.*0.*1"):
        uk.read_image(tmp_path / "a.ome.tif")
    assert uk.read_image(tmp_path / "a.ome.tif", series=1).axes == "zyx"
    with pytest.raises(ValueError, match="series=7"):
        uk.read_image(tmp_path / "a.ome.tif", series=7)


def test_pyramids_give_their_levels(tmp_path):
    data = numbers((64, 96, 3), "uint8")
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(data, subifds=1, photometric="rgb", tile=(16, 16))
        file.write(data[::2, ::2], subfiletype=1, photometric="rgb", tile=(16, 16))
    assert_reads(uk.read_image(tmp_path / "a.tif"), data, "yxc")
    assert_reads(uk.read_image(tmp_path / "a.tif", level=1), data[::2, ::2], "yxc")
    with pytest.raises(ValueError, match=r"`level` must be from 0 to 1.*Received: 2"):
        uk.read_image(tmp_path / "a.tif", level=2)
