import itertools
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

if keras.backend.backend() != "torch":
    pytest.skip("no backend has to do with it: runs on torch", allow_module_level=True)
sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
from scribbles.colours import COLOURS, labels_of, overlay, strokes_of
from scribbles.files import picture, read_plane

sys.path.pop(0)

from umbed_keras.segmentation import PixelClassifier


@pytest.fixture
def labels():
    return np.random.default_rng(0).integers(0, 7, (6, 5)).astype("int32")


def test_strokes_are_read_back(labels):
    np.testing.assert_array_equal(labels_of(strokes_of(labels)), labels)


@pytest.mark.parametrize("mode", ["L", "P", "I", "I;16"])
def test_values_are_class_numbers(mode, labels):
    labels[0, 0] = 200
    if mode == "P":
        strokes = Image.frombytes("P", labels.shape[::-1], labels.astype("uint8").tobytes())
    else:
        dtype = {"L": "uint8", "I": "int32", "I;16": "uint16"}[mode]
        strokes = Image.fromarray(labels.astype(dtype))
    assert strokes.mode == mode
    np.testing.assert_array_equal(labels_of(strokes), labels)


def test_soft_edges_count_where_they_are_rather_of_the_stroke():
    colours = np.broadcast_to(COLOURS[2], (4, 3))
    alpha = np.array([[0], [30], [70], [255]])
    strokes = Image.fromarray(np.uint8(np.hstack([colours, alpha])[None]))
    np.testing.assert_array_equal(labels_of(strokes), [[0, 0, 3, 3]])


def test_a_blend_of_two_classes_is_no_third():
    share = np.linspace(0, 1, 256)[:, None]
    for one, other in itertools.combinations(range(len(COLOURS)), 2):
        blend = np.uint8(np.rint(share * COLOURS[one] + (1 - share) * COLOURS[other]))
        found = labels_of(Image.fromarray(blend[None]))
        assert set(np.unique(found)) == {0, one + 1, other + 1}


def test_other_colours_are_no_class():
    # Beyond a difference of 12 in a channel.
    near, far = COLOURS[0] - 12 * (COLOURS[0] > 99), COLOURS[0] + [0, 12 + 1, 0]
    pixels = np.uint8([[near, far, (0, 0, 0), (255, 255, 255)]])
    np.testing.assert_array_equal(labels_of(Image.fromarray(pixels)), [[1, 0, 0, 0]])
    with pytest.raises(ValueError, match="Received: mode=CMYK"):
        labels_of(Image.new("CMYK", (2, 2)))


def test_overlay_tints_by_half_and_draws_borders():
    image = np.full((3, 6, 3), 100, "uint8")
    labels = np.array([[1, 1, 2, 2, 0, 0]] * 3)
    drawn = overlay(image, labels)
    first, second = COLOURS[:2].astype(int)
    np.testing.assert_array_equal(drawn[0, 0], (100 + first) // 2)
    np.testing.assert_array_equal(drawn[0, 1], first)
    np.testing.assert_array_equal(drawn[0, 2], (100 + second) // 2)
    np.testing.assert_array_equal(drawn[0, 4:], image[0, 4:])


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
