import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

if keras.backend.backend() != "torch":
    pytest.skip("no backend has to do with it: runs on torch", allow_module_level=True)
sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
from scribbles.colours import strokes_of
from scribbles.files import read_plane

sys.path.pop(0)

from umbed_keras.images.labels import read_labels
from umbed_keras.segmentation import PixelClassifier
from umbed_keras.segmentation.files.picture import picture


@pytest.fixture
def labels():
    return np.random.default_rng(0).integers(0, 7, (6, 5)).astype("int32")


def test_strokes_are_read_back(labels, tmp_path):
    strokes_of(labels).save(tmp_path / "strokes.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "strokes.png"), labels)


def shown(path, most_pixels=10_000):
    return picture(PixelClassifier("celeba_vq_k16"), read_plane(path, most_pixels))


def test_images_of_any_kind_become_rgb(tmp_path):
    path = tmp_path / "image.png"
    random = np.random.default_rng(0)
    rgb = random.integers(0, 256, (4, 6, 3), "uint8")
    Image.fromarray(rgb).save(path)
    np.testing.assert_array_equal(shown(path), rgb)
    # What shines through lies on white.
    alpha = random.integers(0, 256, (4, 6, 1), "uint8")
    Image.fromarray(np.concatenate([rgb, alpha], axis=-1)).save(path)
    expected = 255 + (rgb - 255.0) * (alpha / 255)
    # Pillow's rounding and ours.
    np.testing.assert_allclose(shown(path), expected, rtol=0, atol=1)
    Image.fromarray(rgb[..., 0].astype("uint16") * 257).save(path)
    low, high = np.percentile(rgb[..., 0], (1, 99.8))
    stretched = np.rint(255 * np.clip((rgb[..., :1] - low) / (high - low), 0, 1))
    np.testing.assert_allclose(shown(path), np.repeat(stretched, 3, axis=-1), rtol=0, atol=1)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(rgb).save(path, exif=exif)
    np.testing.assert_array_equal(shown(path), np.rot90(rgb, -1))


def test_bad_images_are_refused(tmp_path):
    path = tmp_path / "image.png"
    path.write_text("no image")
    with pytest.raises(ValueError, match=r"image.png is no image that can be read"):
        shown(path)
    Image.new("RGB", (30, 20)).save(path)
    assert shown(path, 600).shape == (20, 30, 3)
    with pytest.raises(ValueError, match="30 x 20 pixels"):
        shown(path, 599)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match="no image that can be read"):
        shown(path)


def test_stacks_and_damaged_files_are_named_without_their_folder(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("imagecodecs", reason="needs the extra `images`")
    path = tmp_path / "image.tif"
    stack = np.zeros((5, 20, 30), "uint16")
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(ValueError, match=r"^image.tif is a stack of 5 planes"):
        shown(path)
    noise = np.random.default_rng(0).integers(0, 9, (90, 100), "uint16")
    tifffile.imwrite(path, noise, compression="zlib", rowsperstrip=10)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(ValueError, match=r"image\.tif") as error:
        shown(path)
    assert str(tmp_path) not in str(error.value)
