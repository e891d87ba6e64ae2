import os

import numpy as np
import PIL.Image
import pytest
import tifffile
import zarr

from umbed_keras.stores import image_collection
from umbed_keras.stores.image_collection import ImageCollection, fingerprint
from umbed_keras.stores.image_source import open_source

pytestmark = pytest.mark.torch_alone
WINDOW = (slice(40, 131), slice(7, 201))


def ome_zarr(path, image, version):
    """An image as `tczyx` of half a micrometre a pixel, with a level of half the size."""
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
def test_a_window_of_each_format(tmp_path, image, name):
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
    found = {
        path.name: (source.scale, source.unit)
        for path in tmp_path.iterdir()
        for source in [open_source(path, 3)]
    }
    assert found == {
        "image.zarr": ((0.5, 0.25), "micrometer"),
        "image.tif": ((0.5, 0.25), "micrometer"),
        "unknown.tif": ((1.0, 1.0), None),
    }


def test_no_more_is_read_than_the_window(tmp_path, image):
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


def test_a_photograph_lies_upright_on_white(tmp_path, image):
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


def test_a_folder_of_images(tmp_path, image):
    (tmp_path / "sub").mkdir()
    np.save(tmp_path / "b.npy", image[:30])
    PIL.Image.fromarray(image[:20]).save(tmp_path / "sub" / "a.png")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    np.save(tmp_path / "grey.npy", image[..., 0])
    images = ImageCollection(tmp_path, 3)
    assert images.sizes == [("b.npy", 30, 210), ("sub/a.png", 20, 210)]
    np.testing.assert_array_equal(images[1][:20, :210], image[:20])
    assert set(images.unreadable) == {"broken.jpg", "grey.npy"}
    assert "UnidentifiedImageError" in images.unreadable["broken.jpg"]
    assert "(height, width, 3)" in images.unreadable["grey.npy"]
    # What reading a photograph takes follows from its size.
    assert images.reading_bytes >= 2 * 20 * 210 * 3


def test_what_looks_like_an_image_is_left_out_by_name(tmp_path, image):
    np.save(tmp_path / "a.npy", image)
    for name in ("notes.txt", "._b.png", ".trash.gif", "out.pdf"):
        (tmp_path / name).write_text("no image")
    assert not ImageCollection(tmp_path, 3).left_out
    FORMATS["image.zarr"](tmp_path / "b.zarr", image)
    (tmp_path / "sub").mkdir()
    PIL.Image.fromarray(image).save(tmp_path / "sub" / "c.GIF")
    images = ImageCollection(tmp_path, 3)
    assert images.left_out == ["b.zarr", "sub/c.GIF"]
    assert [name for name, *_ in images.sizes] == ["a.npy"]


def test_a_folder_is_known_by_its_images(tmp_path, image):
    np.save(tmp_path / "a.npy", image)
    np.save(tmp_path / "b.npy", image[:20])
    both = ImageCollection(tmp_path, 3).identity()
    assert set(both) == {"path", "sha256"}
    (tmp_path / "notes.txt").write_text("no image")
    assert ImageCollection(tmp_path, 3).identity() == both
    (tmp_path / "c.npy").touch()  # it can't be read
    assert ImageCollection(tmp_path, 3).identity() == {**both, "late": {"c.npy": None}}
    np.save(tmp_path / "c.npy", image[:10])
    assert ImageCollection(tmp_path, 3).identity()["sha256"] != both["sha256"]
    late = {"c.npy": fingerprint(tmp_path / "c.npy")}
    # One that couldn't be read, and is gone, doesn't count.
    assert ImageCollection(tmp_path, 3).identity(["c.npy", "d.npy"]) == {**both, "late": late}


def test_a_source_is_known_by_its_content(tmp_path, monkeypatch):
    monkeypatch.setattr(image_collection, "PIECE", 100)
    monkeypatch.setattr(image_collection, "PIECES", 4)
    content = bytearray(os.urandom(10_000))

    def write(name, content):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
        return fingerprint(tmp_path / name)

    first = write("a", content)
    assert write("moved", content) == first
    assert write("longer", content + b"x") != first
    for place in (0, -1, 3333):  # its pieces are all over it
        changed = content.copy()
        changed[place] ^= 1
        assert write("a", changed) != first
    small = write("small", content[:400])
    for place in range(0, 400, 7):  # of what is small, everything counts
        changed = content[:400]
        changed[place] ^= 1
        assert write("small", changed) != small
    write("folder/0", content[:150])
    write("folder/1", content[150:400])
    folder = fingerprint(tmp_path / "folder")
    write("folder/1", content[150:399] + bytes([content[399] ^ 1]))
    assert fingerprint(tmp_path / "folder") != folder
    write("folder/1", content[150:400])
    assert fingerprint(tmp_path / "folder") == folder
    (tmp_path / "folder" / "1").rename(tmp_path / "folder" / "2")
    assert fingerprint(tmp_path / "folder") != folder


def group_of_two(path):
    group = zarr.create_group(path)
    for name in ("left", "right"):
        group.create_array(name, shape=(8, 8, 3), dtype="uint8")


def zipped(path):
    with path.open("wb") as file:
        np.savez(file, image=np.zeros((8, 8, 3), "uint8"))


def broken_zarr(path):
    path.mkdir()
    (path / "zarr.json").write_text("{")


@pytest.mark.parametrize(
    ("name", "write", "says"),
    [
        ("a.npy", lambda path: np.save(path, np.zeros((2, 8, 8, 3), "uint8")), "height, width"),
        ("a.npy", lambda path: np.save(path, np.zeros((8, 8, 4), "uint8")), "height, width, 3"),
        ("a.npy", lambda path: np.save(path, np.zeros((8, 8, 3), "uint16")), "dtype=uint16"),
        (
            "a.tif",
            lambda path: tifffile.imwrite(
                path, np.zeros((5, 8, 8), "uint8"), metadata={"axes": "ZYX"}
            ),
            "z of 5",
        ),
        ("a.zarr", group_of_two, "left, right"),
        ("a.txt", lambda path: path.write_text("no image"), r"a\.txt is no image"),
        ("a.npy", lambda path: path.touch(), r"a\.npy is no image"),
        ("a.npy", zipped, r"a\.npy is no image"),
        ("a.npy", lambda path: np.save(path, np.array([{}])), r"a\.npy is no image"),
        ("a.tif", lambda path: path.write_bytes(b"no image"), r"a\.tif is no image"),
        ("a.zarr", broken_zarr, r"a\.zarr is no image"),
        (
            "a.png",
            lambda path: PIL.Image.new("1", (14000, 14000)).save(path),
            r"a\.png has far too",
        ),
        ("a.png", lambda path: None, "No such file"),
        ("folder", lambda path: path.mkdir(), "holds no images"),
    ],
)
def test_errors_say_what_is_allowed(tmp_path, name, write, says):
    write(tmp_path / name)
    with pytest.raises((ValueError, TypeError, OSError), match=says):
        ImageCollection(tmp_path / name, 3)
