"""Class numbers from files and arrays of every type, and back to files."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import umbed_keras as uk
from umbed_keras.images.labels import CLASS_COLORS, as_labels, read_labels, write_labels

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs", reason="needs the extra `images`")
pytestmark = pytest.mark.torch_alone
LABELS = np.array([[0, 1, 1], [2, 2, 0]])


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", ">u2", "int32", "uint32", "int64", "float32", "float64"]
)
def test_every_integral_type_of_tiff(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", LABELS.astype(dtype))
    labels = read_labels(tmp_path / "a.tif")
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, LABELS)


def test_masks_are_one_class(tmp_path):
    mask = LABELS > 0
    tifffile.imwrite(tmp_path / "a.tif", mask)
    PIL.Image.fromarray(mask).save(tmp_path / "a.png")
    for name in ("a.tif", "a.png"):
        np.testing.assert_array_equal(read_labels(tmp_path / name), mask)


def test_palettes_hold_the_numbers(tmp_path):
    picture = PIL.Image.frombytes("P", (3, 2), LABELS.astype("uint8").tobytes())
    picture.putpalette([0, 0, 0, 200, 10, 10, 10, 10, 200])
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "a.tif")
    for name in ("a.png", "a.tif"):
        np.testing.assert_array_equal(read_labels(tmp_path / name), LABELS)


def test_grey_with_opacity_and_grey_in_three_channels(tmp_path):
    grey = LABELS.astype("uint8")
    opacity = np.where(LABELS == 2, 0, 255).astype("uint8")
    PIL.Image.fromarray(np.dstack([grey, opacity]), "LA").save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), np.where(LABELS == 2, 0, LABELS))
    PIL.Image.fromarray(np.dstack([grey] * 3)).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "b.png"), LABELS)


def test_strokes_in_the_colours_of_classes(tmp_path):
    colors = np.array([(255, 255, 255), *CLASS_COLORS], "uint8")[LABELS]
    PIL.Image.fromarray(colors).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), LABELS)


def test_stacks_keep_their_axes(tmp_path):
    stack = np.stack([LABELS, 0 * LABELS, 3 * LABELS])
    tifffile.imwrite(tmp_path / "a.tif", stack.astype("uint16"))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif", axes="zyx"), stack)


def test_what_is_no_label_is_an_error():
    with pytest.raises(ValueError, match="whole numbers"):
        as_labels(np.array([0.5]))
    with pytest.raises(ValueError, match="int64"):
        as_labels(np.array([2**63], "uint64"))
    with pytest.raises(TypeError, match="integers"):
        as_labels(np.array(["cell"]))
    masked = np.ma.masked_equal(np.array([1, 2]), 2)
    assert as_labels(masked).tolist() == [1, 0]


@pytest.mark.parametrize("largest", [2, 255, 256, 65535, 70000, 2**40, -1])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
def test_every_class_comes_back(tmp_path, largest, suffix):
    labels = LABELS.copy()
    labels[0, 0] = largest
    path = write_labels(tmp_path / f"a{suffix}", labels)
    assert path.suffix == (".tif" if suffix == ".png" and not 0 <= largest < 65536 else suffix)
    np.testing.assert_array_equal(read_labels(path), labels)


def test_a_written_tiff_keeps_the_size_of_pixels_and_the_position(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    transform = rasterio.transform.from_origin(500000, 4000000, 10, 10)
    options = {"driver": "GTiff", "height": 2, "width": 3, "count": 1, "dtype": "uint16"}
    with rasterio.open(
        tmp_path / "a.tif", "w", crs="EPSG:32633", transform=transform, **options
    ) as file:
        file.write(LABELS.astype("uint16"), 1)
    path = write_labels(tmp_path / "b.png", LABELS, like=uk.read_image(tmp_path / "a.tif"))
    assert path == Path(tmp_path / "b.tif")
    written = uk.read_image(path)
    assert written.georeference.transform == tuple(transform)[:6]
    np.testing.assert_array_equal(read_labels(path), LABELS)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_of_an_ome_zarr_image(tmp_path, version):
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "cells.ome.zarr"
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    scale = {"type": "scale", "scale": [2.0, 0.5, 0.25]}
    multiscale = {
        "axes": axes,
        "datasets": [{"path": "0", "coordinateTransformations": [scale]}],
    }
    if version == "0.5":
        attributes = {"ome": {"version": "0.5", "multiscales": [multiscale]}}
    else:
        attributes = {"multiscales": [{**multiscale, "version": "0.4"}]}
    options = {"zarr_format": 3 if version == "0.5" else 2}
    group = zarr.create_group(path, attributes=attributes, **options)
    group.create_array("0", data=np.zeros((2, 5, 6), "uint16"))
    numbers = np.zeros((2, 5, 6), int)
    numbers[1, 2, 3], numbers[0, 1, 1] = 70000, 2
    for labels in (numbers[::-1], numbers):  # the second replaces the first
        write_labels(path / "labels" / "nuclei", labels, uk.read_image(path))
    np.testing.assert_array_equal(read_labels(path / "labels" / "nuclei"), numbers)
    again = uk.read_image(path / "labels" / "nuclei")
    assert again.dtype == np.uint32
    assert again.pixel_size == {"z": 2.0, "y": 0.5, "x": 0.25}
    names = zarr.open_group(path / "labels", mode="r").attrs
    names = names["ome"] if version == "0.5" else names
    assert names["labels"] == ["nuclei"]
    if version == "0.5":
        models = pytest.importorskip("ome_zarr_models.v05")
        stored = models.ImageLabel.from_zarr(zarr.open_group(path / "labels" / "nuclei", mode="r"))
        colors = stored.attributes.ome.image_label.colors
        assert [color.label_value for color in colors] == [2, 70000]
