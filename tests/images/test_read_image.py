"""Every row of the table of formats, against what was written or what its library reads."""

import warnings
from pathlib import Path

import h5py
import numpy as np
import PIL.Image
import pytest
from image_checks import assert_reads, numbers

import umbed_keras as uk
from umbed_keras.images.read_image import FORMATS, suffixes

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs", reason="needs the extra `images`")
zarr = pytest.importorskip("zarr")
REAL = Path(__file__).parents[3] / "shared" / "data" / "real_files"


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
