"""Images on disk, tile by tile, within a memory budget."""

import os
import subprocess
import sys

import numpy as np
import pytest
import zarr
from numpy.lib.format import open_memmap

import umbed_keras as uk

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def model():
    bottleneck = uk.layers.VectorQuantizer(8, 4)
    return uk.PixelEmbedder(
        latent_dim=4, patch_size=4, pyramid_levels=2, bottleneck=bottleneck, widths=(8, 12)
    )


@pytest.mark.parametrize("quantized", [True, False])
def test_equals_embed(model, image, small_tiles, quantized):
    expected = model.embed(image[None], quantized=quantized)[0]
    actual = model.embed_large(image, quantized=quantized, verbose=0)
    assert actual.dtype == np.float32
    same = np.abs(actual - expected).max(axis=-1) <= 1e-5 * np.ptp(expected)
    assert same.mean() >= (0.9999 if quantized else 1)


def test_from_a_memory_map_to_a_memory_map(model, image, small_tiles, tmp_path):
    source = open_memmap(tmp_path / "image.npy", "w+", "uint8", image.shape)
    source[:] = image
    out = open_memmap(tmp_path / "vectors.npy", "w+", "float32", (150, 210, 4))
    assert model.embed_large(source, out, verbose=0) is out
    out.flush()
    expected = model.embed_large(image, verbose=0)
    np.testing.assert_array_equal(np.load(tmp_path / "vectors.npy"), expected)


def test_from_zarr_to_zarr(model, image, small_tiles, tmp_path):
    source = zarr.create_array(
        tmp_path / "image.zarr", shape=image.shape, chunks=(50, 70, 3), dtype="uint8"
    )
    source[:] = image
    out = zarr.create_array(
        tmp_path / "vectors.zarr", shape=(150, 210, 4), chunks=(64, 64, 4), dtype="float32"
    )
    model.embed_large(source, out, verbose=0)
    np.testing.assert_array_equal(out[:], model.embed_large(image, verbose=0))


@pytest.mark.parametrize(
    "window", [(slice(0, 150), slice(0, 210)), (slice(64, 101), slice(40, 210))]
)
def test_a_window_equals_that_part_of_the_whole(model, image, window):
    expected = model.embed(image[None])[0][window]
    actual = model.embed_window(image, *window)
    same = np.abs(actual - expected).max(axis=-1) <= 1e-5 * np.ptp(expected)
    assert same.mean() >= 0.9999
    codes = model.embed_window(image, *window, codes=True)["indices"]
    assert np.mean(codes == model.encode(image[None])["indices"][0][window]) >= 0.9999


@pytest.mark.parametrize(
    "rows", [slice(3, 64), slice(0, 151), slice(64, 64), slice(None), slice(0, 64, 2)]
)
def test_a_window_lies_in_the_image_and_on_the_grid(model, image, rows):
    with pytest.raises(ValueError, match=r"`rows` must be a slice within 0\.\.150"):
        model.embed_window(image, rows, slice(0, 64))


class Watched:
    """An array that records the largest part that was read at once."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.largest = 0

    def __getitem__(self, window):
        part = self.array[window]
        self.largest = max(self.largest, part.size)
        return part


def test_no_more_is_read_than_a_tile_and_its_surroundings(model, small_tiles):
    watched = Watched(np.zeros((600, 700, 3), "uint8"))
    model.embed_large(watched, verbose=0)
    assert 64**2 * 3 <= watched.largest <= (64 + 2 * model.unet.radius) ** 2 * 3


def test_a_larger_budget_means_larger_tiles(model):
    tiles = [model.largest_tile(budget * MEBIBYTE) for budget in (256, 512, 1024, 4096)]
    assert tiles == sorted(set(tiles))
    assert all(tile % model.unet.stride == 0 for tile in tiles)


PEAK = """
import sys
from pathlib import Path
import numpy as np
import umbed_keras as uk
model = uk.PixelEmbedder()
image = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), dtype="uint8")
out = np.ones((1500, 1500, 16), "float32")
model.embed_large(image[:64, :64], verbose=0)  # loads and compiles what is loaded once
Path("/proc/self/clear_refs").write_text("5")
status = lambda name: int(Path("/proc/self/status").read_text().split(name)[1].split()[0])
before = status("VmRSS:")
model.embed_large(image, out, memory_budget=int(sys.argv[1]), verbose=0)
print(1024 * (status("VmHWM:") - before))
"""


@pytest.mark.torch_alone
@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="memory as Linux tells it")
def test_the_budget_is_kept():
    budget = 384 * MEBIBYTE
    command = [sys.executable, "-c", PEAK, str(budget)]
    peak = int(
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]
    )
    assert budget / 10 <= peak <= budget


def test_progress_bar(model, image, small_tiles, capsys):
    model.embed_large(image, verbose=0)
    assert capsys.readouterr().out == ""
    model.embed_large(image)
    assert "12/12" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"image": np.zeros((1, 8, 8, 3), "uint8")}, ValueError, "height, width, 3"),
        ({"image": np.zeros((8, 8, 4), "uint8")}, ValueError, "height, width, 3"),
        ({"image": np.zeros((0, 8, 3), "uint8")}, ValueError, "pixels"),
        ({"image": np.full((8, 8, 3), 7.0)}, ValueError, "0..1"),
        ({"image": np.zeros((8, 8, 3), "int32")}, TypeError, "uint8"),
        ({"out": np.zeros((8, 9, 4), "float32")}, ValueError, "`out` must be a float32"),
        ({"out": np.zeros((8, 8, 4), "uint8")}, ValueError, "`out` must be a float32"),
        ({"out": [1]}, ValueError, "`out` must be a float32"),
        ({"image": "slide.tif"}, TypeError, "`image` must be an array"),
        ({"memory_budget": "1 GB"}, TypeError, "`memory_budget` must be an integer"),
        ({"memory_budget": 1000}, ValueError, "`memory_budget` must be at least"),
    ],
)
def test_errors_say_what_is_allowed(model, arguments, error, message):
    arguments = {"image": np.zeros((8, 8, 3), "uint8"), "verbose": 0, **arguments}
    with pytest.raises(error, match=message):
        model.embed_large(**arguments)
