"""Squares of the images of folders, tar files and .npz files."""

import tarfile

import numpy as np
import pytest
from PIL import Image

from umbed_keras.images.squares.cutting import tile
from umbed_keras.images.squares.sources import load_images, load_split
from umbed_keras.images.squares.training_images import training_images

RANDOM = np.random.default_rng(0)


@pytest.fixture
def photos(tmp_path):
    """A folder of five images of 8 bits, and one that is broken."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(5):
        pixels = RANDOM.integers(0, 256, (30, 40, 3), "uint8")
        Image.fromarray(pixels).save(folder / f"{index}.png")
    (folder / "broken.png").write_bytes(b"none")
    return folder


def test_a_folder_and_a_tar_of_it_give_the_same_squares(photos, tmp_path):
    with tarfile.open(tmp_path / "photos.tar.gz", "w:gz") as archive:
        archive.add(photos, "photos")
    with pytest.warns(UserWarning, match="broken.png is left out"):
        squares = load_images(photos, 16)
    with pytest.warns(UserWarning, match="broken.png is left out"):
        packed = load_images(tmp_path / "photos.tar.gz", 16)
    assert squares.shape == (5, 16, 16, 3)
    np.testing.assert_array_equal(squares, packed)
    first = Image.open(photos / "0.png").resize((21, 16), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(squares[0], np.asarray(first)[:, 2:18])


def test_tiles_are_cut_without_resizing(photos):
    (photos / "broken.png").unlink()
    pixels = np.asarray(Image.open(photos / "0.png"))
    tiles = load_images(photos, 16, limit=1, tiles=True)
    np.testing.assert_array_equal(tiles, [pixels[7:23, 4:20], pixels[7:23, 20:36]])
    assert tile(pixels, 31).shape == (0, 31, 31, 3)
    with pytest.raises(ValueError, match="no images of 64 x 64 pixels or more"):
        load_images(photos, 64, tiles=True)


def test_sources_of_8_and_of_16_bits_are_joined_in_0_to_1(photos, tmp_path):
    (photos / "broken.png").unlink()
    scans = tmp_path / "scans"
    scans.mkdir()
    for index in range(3):
        np.save(scans / f"{index}.npy", RANDOM.integers(0, 5000, (20, 20)).astype("uint16"))
    images = training_images([photos, scans], 16, tiles=True)
    assert images.text == "10 images to learn from, 3 held out"  # two tiles of a photograph
    for part in images:
        assert part.dtype == np.float32
        assert 0.9 < part.max() <= 1
    read = training_images([photos, scans], 16, batch_size=4)
    assert read.text == "6 images to cut squares from, squares of 2 others held out"
    assert read.train[0].shape == (4, 16, 16, 3)


def test_what_is_no_source_is_refused(photos, tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    np.savez(tmp_path / "flat.npz", np.zeros((2, 3)))
    np.savez(tmp_path / "one.npz", np.zeros((1, 8, 8, 3), "uint8"))
    for name, message in {
        "missing": "There is no folder, tar or .npz file",
        "missing.npz": "There is no folder, tar or .npz file",
        "notes.txt": "is no folder, tar or .npz file",
        "flat.npz": "holds no array of rank 4",
        "one.npz": "holds one image alone",
    }.items():
        with pytest.raises(ValueError, match=message):
            load_split(tmp_path / name, 8)
