"""Class numbers from files and arrays of every type, and back to files."""

import itertools
import warnings
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

import umbed_keras as uk
from umbed_keras.images.image import Details, Georeference
from umbed_keras.images.labels import (
    CLASS_COLORS,
    as_labels,
    as_training_labels,
    labels_of_colors,
    read_labels,
    warn_of_soft_edges,
    warn_of_void_class,
    write_labels,
)

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs", reason="needs the extra `images`")
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


UNITS = {"nanometer": 1e-9, "micrometer": 1e-6, "millimeter": 1e-3}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("axes", ["yx", "zyx", "tyx", "tzyx"])
@pytest.mark.parametrize("largest", [9, 300, 70000])
def test_a_written_tiff_has_the_axes_and_pixel_sizes_of_the_image(tmp_path, unit, axes, largest):
    shape = dict(zip("tzyx", (2, 4, 5, 6), strict=True))
    shape = tuple(shape[axis] for axis in axes)
    sizes = {"z": 2.5, "y": 0.25, "x": 0.75}
    sizes = {axis: size for axis, size in sizes.items() if axis in axes}
    image = uk.Image(np.zeros(shape), axes, Details(pixel_size=sizes, unit=unit))
    labels = np.arange(np.prod(shape)).reshape(shape) % 3
    labels.flat[7] = largest
    again = uk.read_image(write_labels(tmp_path / "a.tif", labels, image))
    assert again.axes == (axes + "c" if largest == 9 else axes)  # in the palette's colours
    assert (again.pixel_size, again.unit) == (pytest.approx(sizes), unit)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), labels)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), labels)


@pytest.mark.parametrize("unit", UNITS)
def test_a_written_png_has_pixel_sizes(tmp_path, unit):
    details = Details(pixel_size={"y": 20.0, "x": 50.0}, unit=unit)
    write_labels(tmp_path / "a.png", LABELS, uk.Image(LABELS, "yx", details))
    with PIL.Image.open(tmp_path / "a.png") as picture:
        dots = picture.info["dpi"]
    expected = [0.0254 / (size * UNITS[unit]) for size in (50.0, 20.0)]
    np.testing.assert_allclose(dots, expected, rtol=0.03)


def test_colours_change_no_number(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    transform = tuple(rasterio.transform.from_origin(500000, 4000000, 10, 10))[:6]
    located = Details(georeference=Georeference("EPSG:32633", transform))
    colors = np.array([(0, 0, 0), *CLASS_COLORS], "uint8")[LABELS]
    for name, details in (("a.png", None), ("a.tif", None), ("b.tif", located)):
        path = write_labels(tmp_path / name, LABELS, uk.Image(LABELS, "yx", details))
        with PIL.Image.open(path) as picture:
            np.testing.assert_array_equal(np.asarray(picture), LABELS)
            np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), colors)
    with rasterio.open(tmp_path / "b.tif") as file:
        np.testing.assert_array_equal(file.read(1), LABELS)


def test_nodata_is_no_label(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    labels = np.array([[1, 2, 255], [255, 0, 3]], "uint8")
    options = {"driver": "GTiff", "height": 2, "width": 3, "count": 1, "dtype": "uint8"}
    transform = rasterio.transform.from_origin(0, 0, 1, 1)
    with rasterio.open(tmp_path / "a.tif", "w", transform=transform, nodata=255, **options) as file:
        file.write(labels, 1)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), labels * (labels != 255))
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(tmp_path / "b.tif", "w", transform=transform, **options) as file,
    ):
        file.write(labels, 1)
        file.write_mask(np.array([[0, 1, 1], [1, 1, 1]], "uint8") * 255)
    np.testing.assert_array_equal(read_labels(tmp_path / "b.tif"), [[0, 2, 255], [255, 0, 3]])


def test_labels_of_other_programs(tmp_path):
    # ImageJ writes labels as floats, napari as int64 or uint32.
    tifffile.imwrite(tmp_path / "a.tif", LABELS.astype("float32"), imagej=True)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), LABELS)
    tifffile.imwrite(tmp_path / "b.tif", LABELS.astype("uint32"), compression="zlib")
    np.testing.assert_array_equal(read_labels(tmp_path / "b.tif"), LABELS)
    with_opacity = np.dstack([LABELS, 255 * (LABELS != 1)]).astype("uint16")
    options = {"photometric": "minisblack", "extrasamples": ["unassalpha"]}
    tifffile.imwrite(tmp_path / "c.tif", with_opacity, planarconfig="contig", **options)
    np.testing.assert_array_equal(read_labels(tmp_path / "c.tif"), LABELS * (LABELS != 1))


def test_soft_edges_of_a_drawn_stroke_are_warned_of(tmp_path):
    mask = PIL.Image.new("L", (64, 64))
    PIL.ImageDraw.Draw(mask).rectangle((8, 8, 30, 50), 1)
    sharp = np.asarray(mask) * 200
    PIL.Image.fromarray(sharp).resize((67, 67), PIL.Image.Resampling.BICUBIC).save(
        tmp_path / "a.png"
    )
    with pytest.warns(UserWarning, match="soft edges"):
        warn_of_soft_edges(read_labels(tmp_path / "a.png"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_soft_edges(sharp)


def test_negative_labels_are_not_learned():
    for labels in (LABELS - 1, np.float32(LABELS - 1)):
        with pytest.raises(
            ValueError, match=r"`mask` must be at least 0.*: -1\. Pass `labels \+ 1`"
        ):
            as_training_labels(labels, "mask")
    assert as_training_labels(LABELS).tolist() == LABELS.tolist()


def test_a_class_255_beside_small_ones_is_warned_of():
    with pytest.warns(UserWarning, match=r"255 beside \[1, 2\]: it counts as a class"):
        warn_of_void_class(np.array([0, 1, 2, 255]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for classes in ([0, 255], [0, 128, 255], [1, 2, 254], [0, 0]):
            warn_of_void_class(np.array(classes))


def test_soft_edges_of_strokes_in_colours_count_from_a_quarter_of_opacity():
    colors = np.broadcast_to(np.uint8(CLASS_COLORS[2]), (4, 3))
    opacity = np.uint8([0, 30, 70, 255])
    np.testing.assert_array_equal(labels_of_colors(colors, opacity), [0, 0, 3, 3])


def test_a_blend_of_two_classes_is_no_third():
    share = np.linspace(0, 1, 256)[:, None]
    for one, other in itertools.combinations(range(len(CLASS_COLORS)), 2):
        ends = np.array([CLASS_COLORS[one], CLASS_COLORS[other]])
        blend = np.uint8(np.rint(share * ends[0] + (1 - share) * ends[1]))
        assert set(np.unique(labels_of_colors(blend))) == {0, one + 1, other + 1}


def test_other_colours_are_no_class():
    red, green, blue = CLASS_COLORS[0]
    others = [(red, green + 13, blue), (0, 0, 0), (255, 255, 255)]
    pixels = np.uint8([(red - 12, green, blue), *others])
    np.testing.assert_array_equal(labels_of_colors(pixels), [1, 0, 0, 0])
