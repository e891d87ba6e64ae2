"""TIFF files of every kind, against what was written or what tifffile and Pillow read."""

import numpy as np
import PIL.Image
import pytest
from image_checks import assert_reads, numbers

import umbed_keras as uk

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs", reason="needs the extra `images`")


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


@pytest.mark.parametrize(
    ("resolution", "unit", "size"),
    [
        (40000, "CENTIMETER", {"y": 0.5, "x": 0.25}),
        (101600, "INCH", {"y": 0.5, "x": 0.25}),
        (600, "INCH", {}),  # of a print
        (40000, "NONE", {}),
    ],
)
def test_resolutions_finer_than_prints_are_sizes(tmp_path, resolution, unit, size):
    options = {"resolution": (resolution, resolution / 2), "resolutionunit": unit}
    tifffile.imwrite(tmp_path / "a.tif", numbers((4, 5), "uint16"), **options)
    image = uk.read_image(tmp_path / "a.tif")
    assert image.pixel_size == pytest.approx(size)
    assert image.unit == ("micrometer" if size else None)


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


def test_opacity_is_not_inverted_with_the_grey(tmp_path):
    data = numbers((20, 30, 2), "uint8")
    options = {"photometric": "miniswhite", "planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "a.tif", data, extrasamples=["unassalpha"], **options)
    image = uk.read_image(tmp_path / "a.tif")
    assert_reads(image, np.dstack([255 - data[..., 0], data[..., 1]]), "yxc")
    assert image.details.alpha == 1


def test_inks_with_opacity(tmp_path):
    data = numbers((20, 30, 5), "uint8")
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="separated", extrasamples=["unassalpha"])
    image = uk.read_image(tmp_path / "a.tif")
    light = 255.0 - data[..., :4]
    expected = np.dstack([np.rint(light[..., :3] * light[..., 3:] / 255), data[..., 4]])
    assert_reads(image, expected.astype("uint8"), "yxc")
    assert (image.is_rgb, image.details.alpha, image.num_channels) == (True, 3, 3)


@pytest.mark.parametrize(
    ("shape", "dtype", "options"),
    [
        ((4, 20, 30), "uint8", {"photometric": "separated", "planarconfig": "separate"}),
        ((20, 30, 3), "uint16", {"photometric": "cielab"}),
        ((20, 30, 3), "uint8", {"photometric": "icclab"}),
        ((20, 30, 3), "uint8", {"photometric": "itulab"}),
        ((20, 30, 3), "float32", {"photometric": "logluv"}),
    ],
    ids=lambda value: value["photometric"] if isinstance(value, dict) else "",
)
def test_colours_that_are_not_converted_are_refused(tmp_path, shape, dtype, options):
    tifffile.imwrite(tmp_path / "a.tif", numbers(shape, dtype), **options)
    with pytest.raises(ValueError, match=r"a\.tif holds colours .*: save it as RGB"):
        uk.read_image(tmp_path / "a.tif")


def test_a_palette_with_opacity_is_refused(tmp_path):
    picture = PIL.Image.fromarray(numbers((20, 30), "uint8")).convert("LA").convert("PA")
    picture.save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"a\.tif holds colours .*: save it as RGB"):
        uk.read_image(tmp_path / "a.tif")


def test_cielab_becomes_the_colours_that_were_saved(tmp_path):
    from PIL import ImageCms

    rows, cols = np.mgrid[:20, :30]
    photo = np.dstack([100 + 2 * rows, 90 + cols, 140 - rows]).astype("uint8")
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    picture = PIL.Image.fromarray(photo)
    ImageCms.profileToProfile(picture, *profiles, outputMode="LAB").save(tmp_path / "a.tif")
    image = uk.read_image(tmp_path / "a.tif")
    assert image.is_rgb
    # Rounding of CIELAB to 8 bits.
    assert np.abs(np.asarray(image).astype(int) - photo).max() <= 4


def test_a_stack_with_a_palette_takes_the_axes_of_its_indices(tmp_path):
    indices, table = numbers((3, 20, 30), "uint8"), numbers((3, 256), "uint8")
    table16 = table.astype("uint16") * 257
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=table16)
    assert_reads(uk.read_image(tmp_path / "a.tif", axes="zyx"), table.T[indices], "zyxc")


@pytest.mark.parametrize(
    ("shape", "photometric", "axes", "advice"),
    [
        ((5, 20, 30, 3), "rgb", None, "zyxc"),
        ((2, 20, 30, 3), "rgb", "CYXS", "zyxc"),
        ((5, 2, 20, 30), "minisblack", None, "zcyx"),
        ((5, 20, 30), "minisblack", "QYX", "zyx"),
    ],
)
def test_the_advice_on_axes_can_be_followed(tmp_path, shape, photometric, axes, advice):
    data = numbers(shape, "uint8")
    options = {"metadata": {"axes": axes}} if axes else {}
    tifffile.imwrite(tmp_path / "a.tif", data, photometric=photometric, **options)
    with pytest.raises(ValueError, match=f'axes="{advice}"'):
        uk.read_image(tmp_path / "a.tif")
    assert_reads(uk.read_image(tmp_path / "a.tif", axes=advice), data, advice)


@pytest.mark.parametrize("dtype", ["float16", ">f4", "uint64", "int64", ">u4"])
def test_types_and_byte_orders(tmp_path, dtype):
    data = numbers((20, 30), dtype) if dtype.endswith(("16", "f4")) else None
    if data is None:
        data = numbers((20, 30), np.dtype(dtype).newbyteorder("=")).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", data, byteorder=">" if dtype[0] == ">" else "<")
    assert_reads(uk.read_image(tmp_path / "a.tif"), data.astype(data.dtype.newbyteorder("=")), "yx")


@pytest.mark.parametrize("compression", ["packbits", "lzma", "lerc", "jpegxl", "png"])
def test_further_codecs(tmp_path, compression):
    data = numbers((32, 48), "uint8")
    options = {"compressionargs": {"lossless": True}} if compression == "jpegxl" else {}
    tifffile.imwrite(tmp_path / "a.tif", data, compression=compression, tile=(16, 16), **options)
    assert_reads(uk.read_image(tmp_path / "a.tif"), data, "yx")


def test_a_damaged_tile_is_an_error_that_names_the_file(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", numbers((200, 300), "uint16"), compression="zlib", rowsperstrip=10
    )
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[: len(content) // 2])
    image = uk.read_image(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"a\.tif"):
        np.asarray(image)
    tifffile.imwrite(tmp_path / "b.tif", numbers((200, 300), "uint16"))
    (tmp_path / "b.tif").write_bytes((tmp_path / "b.tif").read_bytes()[:9000])
    with pytest.raises(ValueError, match=r"b\.tif"):
        uk.read_image(tmp_path / "b.tif")
