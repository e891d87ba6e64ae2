"""Every row of the table of formats, against what was written or what its library reads."""

import json
import warnings
from pathlib import Path

import h5py
import numpy as np
import PIL.Image
import pytest

import umbed_keras as uk
from umbed_keras.images.read_image import FORMATS, suffixes

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs", reason="needs the extra `images`")
zarr = pytest.importorskip("zarr")
REAL = Path(__file__).parents[3] / "shared" / "data" / "real_files"
pytestmark = pytest.mark.torch_alone


def numbers(shape, dtype, seed=0):
    random = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return random.normal(size=shape).astype(dtype)
    if np.dtype(dtype) == bool:
        return random.integers(0, 2, shape).astype(bool)
    bounds = np.iinfo(dtype)
    return random.integers(bounds.min, bounds.max, shape, dtype=dtype, endpoint=True)


def assert_reads(image, expected, axes):
    """An image has these axes and numbers, whole and by windows."""
    expected = np.asarray(expected)
    assert (image.axes, image.shape, image.dtype) == (axes, expected.shape, expected.dtype)
    np.testing.assert_array_equal(np.asarray(image), expected)
    window = tuple(
        slice(size // 4, max(size // 2, size // 4 + 1)) if axis in "yx" else slice(None)
        for axis, size in image.sizes.items()
    )
    np.testing.assert_array_equal(image[window], expected[window])
    plane = tuple(size - 1 for size in image.plane_shape)
    index = dict(zip(image.plane_axes, plane, strict=True))
    rest = expected[tuple(index.get(axis, slice(None)) for axis in axes)]
    left = [axis for axis in axes if axis in "cyx"]
    rest = rest[..., None] if "c" not in left else np.moveaxis(rest, left.index("c"), -1)
    read = image.read(window[axes.index("y")], window[axes.index("x")], plane)
    rest = rest[window[axes.index("y")], window[axes.index("x")]][..., list(image.channels)]
    np.testing.assert_array_equal(read, rest)


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


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["tif", "png", "jpg"])
def test_images_come_upright(tmp_path, orientation, kind):
    data = np.repeat(np.repeat(numbers((4, 6), "uint8"), 8, 0), 8, 1)
    path = tmp_path / f"a.{kind}"
    if kind == "tif":
        tifffile.imwrite(path, data, extratags=[(274, "H", 1, orientation, True)])
    else:
        exif = PIL.Image.Exif()
        exif[274] = orientation
        options = {"quality": 100} if kind == "jpg" else {}
        PIL.Image.fromarray(data).save(path, exif=exif, **options)
    upright = {
        1: data,
        2: data[:, ::-1],
        3: data[::-1, ::-1],
        4: data[::-1],
        5: data.T,
        6: np.rot90(data, -1),
        7: data[::-1, ::-1].T,
        8: np.rot90(data),
    }[orientation]
    image = uk.read_image(path)
    assert image.shape == upright.shape
    error = np.abs(np.asarray(image).astype(int) - upright)
    assert error.max() <= (4 if kind == "jpg" else 0)
    np.testing.assert_array_equal(image[5:9, 3:20], np.asarray(image)[5:9, 3:20])


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


def test_axes_without_one_meaning_are_asked_for(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((31, 61, 57), "uint16"))
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((31, 61, 57), "uint16"))
    for name in ("a.npy", "a.tif"):
        with pytest.raises(ValueError, match=r"\(31, 61, 57\).*axes=\"zyx\""):
            uk.read_image(tmp_path / name)
        assert uk.read_image(tmp_path / name, axes="zyx").plane_shape == (31,)
    for axes in ("zy", "zyy", "abc", "zcx"):
        with pytest.raises(ValueError, match="`axes` must"):
            uk.read_image(tmp_path / "a.npy", axes=axes)


def test_numpy_files(tmp_path):
    data = numbers((20, 30, 3), "float64")
    np.save(tmp_path / "a.npy", data)
    np.savez(tmp_path / "a.npz", one=data)
    np.savez(tmp_path / "b.npz", one=data, two=data[..., 0])
    assert_reads(uk.read_image(tmp_path / "a.npy"), data, "yxc")
    assert_reads(uk.read_image(tmp_path / "a.npz"), data, "yxc")
    assert_reads(uk.read_image(tmp_path / "b.npz", series="two"), data[..., 0], "yx")
    with pytest.raises(ValueError, match=r"one.*two.*`series`"):
        uk.read_image(tmp_path / "b.npz")
    np.save(tmp_path / "c.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"c\.npy"):
        uk.read_image(tmp_path / "c.npy")


def test_hdf5_datasets(tmp_path):
    data = numbers((4, 20, 30), "uint16")
    tags = {"axes": [{"key": axis} for axis in "zyx"]}
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/volume"] = data
        file["group/volume"].attrs["axistags"] = json.dumps(tags)
        file["plane"] = data[0]
        file["name"] = "not an image"
    assert_reads(uk.read_image(tmp_path / "a.h5" / "group" / "volume"), data, "zyx")
    assert_reads(uk.read_image(f"{tmp_path}/a.h5/plane"), data[0], "yx")
    with pytest.raises(ValueError, match=r"which dataset.*group/volume \(4, 20, 30\), plane"):
        uk.read_image(tmp_path / "a.h5")
    with pytest.raises(ValueError, match="which dataset"):
        uk.read_image(tmp_path / "a.h5" / "none")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["only"] = data[0]
    assert_reads(uk.read_image(tmp_path / "b.h5"), data[0], "yx")


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_arrays(tmp_path, version):
    data = numbers((3, 20, 30), "uint16")
    options = {"zarr_format": version, "chunks": (1, 8, 8)}
    if version == 3:
        options["dimension_names"] = ("z", "y", "x")
    array = zarr.create_array(tmp_path / "a.zarr", shape=data.shape, dtype=data.dtype, **options)
    array[:] = data
    axes = None if version == 3 else "zyx"
    assert_reads(uk.read_image(tmp_path / "a.zarr", axes=axes), data, "zyx")
    group = zarr.open_group(tmp_path / "group.zarr", mode="w", zarr_format=version)
    group.create_array("one", shape=(4, 5), dtype="uint8")
    group.create_array("two", shape=(4, 5), dtype="uint8")
    with pytest.raises(ValueError, match=r"group.*one.*two"):
        uk.read_image(tmp_path / "group.zarr")
    assert uk.read_image(tmp_path / "group.zarr", series="two").shape == (4, 5)


def test_ome_zarr(tmp_path):
    data = numbers((2, 20, 30), "uint16")
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    for level, part in enumerate((data, data[:, ::2, ::2])):
        group.create_array(str(level), shape=part.shape, dtype=part.dtype)[:] = part
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "yx"]
    scales = [[1, 0.5, 0.5], [1, 1, 1]]
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": axes,
            "datasets": [
                {
                    "path": str(level),
                    "coordinateTransformations": [{"type": "scale", "scale": part}],
                }
                for level, part in enumerate(scales)
            ],
        }
    ]
    group.attrs["omero"] = {"channels": [{"label": "DAPI"}, {"label": "GFP"}]}
    image = uk.read_image(tmp_path / "a.zarr")
    assert_reads(image, data, "cyx")
    assert (image.pixel_size, image.unit) == ({"y": 0.5, "x": 0.5}, "micrometer")
    assert image.channel_names == ("DAPI", "GFP")
    assert_reads(uk.read_image(tmp_path / "a.zarr", level=1), data[:, ::2, ::2], "cyx")


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".tga", ".ppm"])
def test_files_that_pillow_reads(tmp_path, suffix):
    data = numbers((20, 30, 3), "uint8")
    options = {"lossless": True} if suffix == ".webp" else {}
    PIL.Image.fromarray(data).save(tmp_path / f"a{suffix}", **options)
    image = uk.read_image(tmp_path / f"a{suffix}")
    assert_reads(image, data, "yxc")
    assert image.is_rgb


def test_pngs_keep_sixteen_bits_and_opacity(tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs")
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


def test_geotiff(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    data = numbers((2, 30, 40), "int16")
    data[:, :5] = -9999
    transform = rasterio.transform.from_origin(500000, 4000000, 10, 10)
    options = {"driver": "GTiff", "height": 30, "width": 40, "count": 2, "dtype": "int16"}
    with rasterio.open(
        tmp_path / "a.tif", "w", crs="EPSG:32633", transform=transform, nodata=-9999, **options
    ) as file:
        file.write(data)
    image = uk.read_image(tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as file:
        moved = np.moveaxis(file.read(), 0, -1)
        mask = file.dataset_mask() != 0
    stored = np.asarray(image)
    last = stored if image.axes == "yxc" else np.moveaxis(stored, 0, -1)
    np.testing.assert_array_equal(last, moved)
    assert image.georeference.transform == tuple(transform)[:6]
    assert rasterio.crs.CRS.from_wkt(image.georeference.crs).to_epsg() == 32633
    assert image.nodata == -9999
    np.testing.assert_array_equal(image.valid(), mask)
    np.testing.assert_array_equal(image.valid(slice(3, 9), slice(5, 20)), mask[3:9, 5:20])


def dicom(path, pixels, position=None, **attributes):
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileMetaDataset

    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    dataset.SOPClassUID = pydicom.uid.CTImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.PixelData = pixels.astype("<u2").tobytes()
    dataset.PixelSpacing = [0.5, 0.75]
    dataset.SeriesInstanceUID = "1.2.3"
    if position is not None:
        dataset.ImagePositionPatient = [0, 0, position]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    for name, value in attributes.items():
        setattr(dataset, name, value)
    dataset.save_as(path, enforce_file_format=True)


def test_dicom_files_and_series(tmp_path):
    pytest.importorskip("pydicom")
    stack = numbers((3, 20, 30), "uint16") >> 4
    rescale = {"RescaleSlope": 2, "RescaleIntercept": -1024, "WindowCenter": 40, "WindowWidth": 400}
    dicom(tmp_path / "one.dcm", stack[0], **rescale)
    image = uk.read_image(tmp_path / "one.dcm")
    np.testing.assert_array_equal(np.asarray(image), 2.0 * stack[0] - 1024)
    assert image.pixel_size == {"y": 0.5, "x": 0.75}
    assert image.unit == "millimeter"
    assert image.details.display_range == (-160, 240)
    folder = tmp_path / "series"
    folder.mkdir()
    # Names in another order than positions.
    for name, index in (("a", 2), ("b", 0), ("c", 1)):
        dicom(folder / f"{name}.dcm", stack[index], position=5.0 * index)
    image = uk.read_image(folder)
    assert_reads(image, stack, "zyx")
    assert image.pixel_size["z"] == 5.0


def test_addresses_are_read_by_fsspec():
    fsspec = pytest.importorskip("fsspec")
    data = numbers((40, 50), "uint16")
    system = fsspec.filesystem("memory")
    system.makedirs("/images", exist_ok=True)
    with system.open("/images/a.tif", "wb") as file:
        tifffile.imwrite(file, data, tile=(16, 16), compression="zlib")
    with system.open("/images/a.npy", "wb") as file:
        np.save(file, data)
    with system.open("/images/a.png", "wb") as file:
        PIL.Image.fromarray(data.astype("uint8")).save(file, "PNG")
    with system.open("/images/a.h5", "wb") as file, h5py.File(file, "w") as inner:
        inner["raw"] = data
    assert_reads(uk.read_image("memory://images/a.tif"), data, "yx")
    assert_reads(uk.read_image("memory://images/a.npy"), data, "yx")
    assert_reads(uk.read_image("memory://images/a.png"), data.astype("uint8"), "yx")
    assert_reads(uk.read_image("memory://images/a.h5/raw"), data, "yx")
    with pytest.raises(FileNotFoundError, match=r"memory://images/none\.tif"):
        uk.read_image("memory://images/none.tif")


def test_what_is_not_read_says_what_to_do(tmp_path):
    for name, message in (
        ("a.fits", "astropy"),
        ("a.xyz", "suffixes"),
        ("a.png", "no image that can be read"),
        ("a.tif", "no image that can be read"),
        ("a.h5", "no HDF5 file"),
        ("a.dcm", "DICOM"),
        ("a.npy", "no image that can be read"),
    ):
        (tmp_path / name).write_bytes(b"this is no image at all, whatever its name says" * 8)
        with pytest.raises(ValueError, match=message) as caught:
            uk.read_image(tmp_path / name)
        assert name in str(caught.value)
    with pytest.raises(FileNotFoundError):
        uk.read_image(tmp_path / "none.png")


def test_every_suffix_has_one_reader():
    assert len(suffixes()) == len(set(suffixes()))
    assert {chosen.library for chosen in FORMATS} == {
        "tifffile",
        "NumPy",
        "h5py",
        "zarr",
        "pydicom",
        "Pillow",
        "BioIO",
    }


@pytest.mark.skipif(not REAL.exists(), reason="needs shared/data/real_files")
@pytest.mark.parametrize(
    ("name", "axes", "read_axes"),
    [
        ("nuclei16.tif", None, "yx"),
        ("img3d.tif", "zyx", "zyx"),
        ("multi-channel.ome.tif", None, "cyx"),
        ("byte.tif", None, "yx"),
        ("cog_uint8_rgba.tif", None, "yxc"),
        ("RGBA.uint16.tif", None, "yxc"),
    ],
)
def test_real_files(name, axes, read_axes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rasterio's, of files without a georeference
        assert_reads(uk.read_image(REAL / name, axes=axes), tifffile.imread(REAL / name), read_axes)
