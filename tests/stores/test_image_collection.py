import numpy as np
import PIL.Image
import pytest
import zarr

import umbed_keras as uk
from umbed_keras.stores.fingerprint import fingerprint
from umbed_keras.stores.image_collection import ImageCollection


@pytest.fixture(scope="module")
def embedder():
    return uk.PixelEmbedder(latent_dim=4, widths=(4, 4))


def test_a_folder_of_images(tmp_path, image, embedder):
    (tmp_path / "sub").mkdir()
    np.save(tmp_path / "b.npy", image[:30])
    PIL.Image.fromarray(image[:20]).save(tmp_path / "sub" / "a.png")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    np.save(tmp_path / "z_two.npy", image[..., :2])
    images = ImageCollection(tmp_path, embedder)
    assert images.sizes == [("b.npy", 30, 210), ("sub/a.png", 20, 210)]
    np.testing.assert_array_equal(images[1].values(), image[:20] / np.float32(255))
    assert set(images.unreadable) == {"broken.jpg", "z_two.npy"}
    assert "is no image that can be read" in images.unreadable["broken.jpg"]
    assert "2 groups of channels, and others in 1" in images.unreadable["z_two.npy"]
    # Reading an image file takes memory in proportion to its size.
    assert images.reading_bytes >= 20 * 210 * 3


def test_images_that_are_not_read_are_listed(tmp_path, image, embedder):
    np.save(tmp_path / "a.npy", image)
    for name in ("notes.txt", "._b.png", ".trash.gif", "out.pdf"):
        (tmp_path / name).write_text("no image")
    assert not ImageCollection(tmp_path, embedder).left_out
    zarr.create_array(tmp_path / "b.zarr", data=image)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "sky.FITS").write_bytes(b"SIMPLE")
    images = ImageCollection(tmp_path, embedder)
    assert images.left_out == ["sub/sky.FITS"]
    assert [name for name, *_ in images.sizes] == ["a.npy", "b.zarr"]


def test_scalings_of_each_image_and_of_all(tmp_path, embedder):
    for number in (1, 2):
        np.save(tmp_path / f"{number}.npy", np.arange(80, dtype="uint16").reshape(8, 10) * number)
    each = ImageCollection(tmp_path, embedder, uk.Scaling(percentiles=(0, 100)))
    limits = [config["limits"] for config in each.scalings.values()]
    assert limits == [[[0.0, 79.0]], [[0.0, 158.0]]]
    scaling = uk.Scaling(percentiles=(0, 100), scope="collection")
    common = ImageCollection(tmp_path, embedder, scaling)
    assert [config["limits"] for config in common.scalings.values()] == [[[0.0, 158.0]]] * 2


def test_stacks_have_planes(tmp_path, embedder):
    np.save(tmp_path / "stack.npy", np.zeros((3, 8, 10), "uint8"))
    images = ImageCollection(tmp_path / "stack.npy", embedder, axes="zyx")
    assert images.sizes == [("", 3, 8, 10)]
    assert images.plane_axes == {"": "z"}


def test_the_identity_of_a_folder_is_that_of_its_images(tmp_path, image, embedder):
    np.save(tmp_path / "a.npy", image)
    np.save(tmp_path / "b.npy", image[:20])
    both = ImageCollection(tmp_path, embedder).identity()
    assert set(both) == {"path", "sha256"}
    (tmp_path / "notes.txt").write_text("no image")
    assert ImageCollection(tmp_path, embedder).identity() == both
    (tmp_path / "c.npy").touch()  # an unreadable image
    assert ImageCollection(tmp_path, embedder).identity() == {**both, "late": {"c.npy": None}}
    np.save(tmp_path / "c.npy", image[:10])
    assert ImageCollection(tmp_path, embedder).identity()["sha256"] != both["sha256"]
    late = {"c.npy": fingerprint(tmp_path / "c.npy")}
    # An unreadable image that was removed does not count.
    identity = ImageCollection(tmp_path, embedder).identity(["c.npy", "d.npy"])
    assert identity == {**both, "late": late}


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
    ("name", "write", "message"),
    [
        ("a.npy", lambda path: np.save(path, np.zeros((2, 8, 8, 3))), "has no one meaning"),
        ("a.zarr", group_of_two, "say which of its arrays"),
        ("a.txt", lambda path: path.write_text("no image"), "none of the suffixes"),
        ("a.npy", lambda path: path.touch(), r"a\.npy is no image"),
        ("a.npy", zipped, r"a\.npy is no image"),
        ("a.npy", lambda path: np.save(path, np.array([{}])), r"a\.npy is no image"),
        ("a.tif", lambda path: path.write_bytes(b"no image"), r"a\.tif is no image"),
        ("a.zarr", broken_zarr, r"a\.zarr is no Zarr array"),
        (
            "a.png",
            lambda path: PIL.Image.new("1", (14000, 14000)).save(path),
            r"a\.png has far too",
        ),
        ("a.png", lambda path: None, "There is no file"),
        ("folder", lambda path: path.mkdir(), "DICOM|holds no images|holds none"),
    ],
)
def test_unsuitable_images_are_named(tmp_path, name, write, message, embedder):
    write(tmp_path / name)
    with pytest.raises((ValueError, TypeError, OSError), match=message):
        ImageCollection(tmp_path / name, embedder)
