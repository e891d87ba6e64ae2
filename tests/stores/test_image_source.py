import numpy as np
import PIL.Image
import pytest
import tifffile
import zarr

from umbed_keras.stores.image_source import open_source

pytestmark = pytest.mark.torch_alone
WINDOW = (slice(40, 131), slice(7, 201))


def ome_zarr(path, image, version):
    """Writes an image as `tczyx`, with half a micrometre per pixel and a level of half the size."""
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    multiscale = {"version": version, "axes": axes, "datasets": []}
    group = zarr.create_group(path, zarr_format=3 if version == "0.5" else 2)
    for level in range(2):
        part = image[:: 2**level, :: 2**level].transpose(2, 0, 1)[None, :, None]
        group.create_array(f"s{level}", data=part, chunks=(1, 1, 1, 64, 64))
        scale = {"type": "scale", "scale": [1, 1, 1, 0.5 * 2**level, 0.25 * 2**level]}
        multiscale["datasets"].append({"path": f"s{level}", "coordinateTransformations": [scale]})
    if version == "0.5":
        group.attrs["ome"] = {"version": version, "multiscales": [multiscale]}
    else:
        group.attrs["multiscales"] = [multiscale]


def named_axes(path, image):
    zarr.create_array(
        path, data=image.transpose(2, 0, 1).copy(), chunks=(3, 50, 70), dimension_names="cyx"
    )


FORMATS = {
    "image.npy": np.save,
    "image.zarr": lambda path, image: zarr.create_array(path, data=image, chunks=(50, 70, 3)),
    "version_2.zarr": lambda path, image: zarr.create_array(
        path, data=image, chunks=(50, 70, 3), zarr_format=2
    ),
    "named.zarr": named_axes,
    "ome_0.4.zarr": lambda path, image: ome_zarr(path, image, "0.4"),
    "ome_0.5.zarr": lambda path, image: ome_zarr(path, image, "0.5"),
    "plain.tif": tifffile.imwrite,
    "strips.tif": lambda path, image: tifffile.imwrite(
        path, image, compression="zlib", rowsperstrip=16
    ),
    "tiles.tif": lambda path, image: tifffile.imwrite(
        path, image, tile=(64, 64), compression="zlib"
    ),
    "planes.tif": lambda path, image: tifffile.imwrite(
        path, image.transpose(2, 0, 1), photometric="rgb", planarconfig="separate", tile=(64, 64)
    ),
    "image.ome.tif": lambda path, image: tifffile.imwrite(
        path, image.transpose(2, 0, 1), metadata={"axes": "CYX"}
    ),
    "image.png": lambda path, image: PIL.Image.fromarray(image).save(path),
}


@pytest.mark.parametrize("name", FORMATS)
def test_windows_of_each_format(tmp_path, image, name):
    FORMATS[name](tmp_path / name, image)
    source = open_source(tmp_path / name, 3)
    assert (source.shape, source.dtype) == (image.shape, image.dtype)
    np.testing.assert_array_equal(source[WINDOW], image[WINDOW])


@pytest.mark.parametrize("name", ["image.npy", "image.zarr", "tiles.tif", "plain.tif", "image.png"])
def test_grey_images_have_a_channel(tmp_path, image, name):
    grey = image[..., 0]
    if name == "image.zarr":
        zarr.create_array(tmp_path / name, data=grey, chunks=(50, 70))
    else:
        FORMATS[name](tmp_path / name, grey)
    np.testing.assert_array_equal(open_source(tmp_path / name, 1)[WINDOW], image[WINDOW][..., :1])


def test_the_size_of_a_pixel(tmp_path, image):
    ome_zarr(tmp_path / "image.zarr", image, "0.5")
    resolution = {"resolution": (40000, 20000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(tmp_path / "image.tif", image, **resolution)
    tifffile.imwrite(tmp_path / "unknown.tif", image)
    scales = {
        path.name: (source.scale, source.unit)
        for path in tmp_path.iterdir()
        for source in [open_source(path, 3)]
    }
    assert scales == {
        "image.zarr": ((0.5, 0.25), "micrometer"),
        "image.tif": ((0.5, 0.25), "micrometer"),
        "unknown.tif": ((1.0, 1.0), None),
    }


def test_only_the_window_is_read(tmp_path, image):
    FORMATS["image.zarr"](tmp_path / "image.zarr", image)
    FORMATS["tiles.tif"](tmp_path / "tiles.tif", image)
    (tmp_path / "image.zarr" / "c" / "2" / "2" / "0").write_bytes(b"broken")
    with tifffile.TiffFile(tmp_path / "tiles.tif") as file:
        offset = file.pages[0].dataoffsets[-1]
    with (tmp_path / "tiles.tif").open("r+b") as file:
        file.seek(offset)
        file.write(b"broken")
    for name in ("image.zarr", "tiles.tif"):
        source = open_source(tmp_path / name, 3)
        np.testing.assert_array_equal(source[:64, :64], image[:64, :64])
        with pytest.raises(Exception, match=r"\w"):
            source[:, :]


def test_image_files_are_upright_and_on_white(tmp_path, image):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    alpha = np.full((150, 210, 1), 255, "uint8")
    alpha[:9] = 0
    transparent = PIL.Image.fromarray(np.concatenate([image, alpha], axis=-1))
    transparent.save(tmp_path / "image.png", exif=exif)
    source = open_source(tmp_path / "image.png", 3)
    expected = np.rot90(np.where(alpha, image, 255), -1)
    assert source.shape == expected.shape
    np.testing.assert_array_equal(source[:, :], expected)
