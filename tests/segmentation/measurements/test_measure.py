import csv

import numpy as np
import pytest
import scipy.ndimage

import umbed_keras as uk
from umbed_keras.images.image import Details

skimage = pytest.importorskip("skimage.measure")
measure = uk.segmentation.measure


@pytest.fixture(scope="module")
def cells():
    """Ragged instances with numbers that have gaps."""
    noise = scipy.ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(50, 64)), 2.5)
    return uk.segmentation.instances(noise > 0.05, min_size=8).astype(int) * 3


@pytest.fixture(scope="module")
def photo():
    return np.random.default_rng(1).integers(0, 4000, (50, 64, 3), dtype="uint16")


def test_numbers_are_those_of_scikit_image_in_physical_units(cells, photo):
    image = uk.Image(photo, "yxc", Details(("dapi", "gfp", "red"), {"y": 0.5, "x": 0.5}, "um"))
    table = measure(cells, image)
    expected = skimage.regionprops_table(
        cells,
        properties=("label", "area", "perimeter", "centroid", "bbox", "solidity", "eccentricity"),
        spacing=(0.5, 0.5),
    )
    renamed = {"centroid-0": "centroid_y", "centroid-1": "centroid_x"}
    for number, name in enumerate(("min_y", "min_x", "max_y", "max_x")):
        renamed[f"bbox-{number}"] = f"bbox_{name}"
    for name, values in expected.items():
        np.testing.assert_allclose(table[renamed.get(name, name)], values, rtol=1e-12)
    assert set(table["unit"]) == {"um"}
    for channel, name in enumerate(("dapi", "gfp", "red")):
        for row, label in enumerate(table["label"]):
            own = photo[cells == label, channel].astype("float64")
            for statistic in ("mean", "std", "min", "max"):
                value = getattr(np, statistic)(own)
                assert table[f"intensity_{statistic}_{name}"][row] == pytest.approx(value)


def test_sizes_that_are_passed_come_before_those_of_the_image(cells):
    image = uk.Image(cells, "yx", Details(pixel_size={"y": 9.0, "x": 9.0}, unit="um"))
    plain = measure(cells)
    assert set(plain["unit"]) == {"pixel"}
    assert np.array_equal(plain["area"], plain["num_pixels"])
    given = measure(cells, image, pixel_size={"y": 2.0, "x": 0.25}, unit="mm")
    assert set(given["unit"]) == {"mm"}
    np.testing.assert_allclose(given["area"], plain["area"] / 2)
    np.testing.assert_allclose(given["centroid_y"], 2 * plain["centroid_y"])
    assert np.isnan(given["perimeter"]).all()
    assert given.keys() - plain.keys() == {
        f"intensity_{name}" for name in ("mean", "std", "min", "max")
    }


def test_pixels_without_data_do_not_count(cells):
    values = np.where(np.arange(64) % 2, 7.0, np.nan) * np.ones((50, 1))
    values[cells == 3] = np.nan
    table = measure(cells, values)
    assert np.isnan(table["intensity_mean"][0])
    assert np.isnan(table["intensity_max"][0])
    assert set(table["intensity_mean"][1:]) == {7.0}


def test_channels_without_names(cells, photo):
    names = [name for name in measure(cells, photo) if name.startswith("intensity_mean")]
    assert names == ["intensity_mean_red", "intensity_mean_green", "intensity_mean_blue"]
    stacked = np.moveaxis(photo, -1, 0)[:2]
    table = measure(cells, uk.Image(stacked, "cyx"))
    assert "intensity_mean_0" in table
    assert "intensity_mean_1" in table


@pytest.mark.parametrize("order", ["tzyx", "yxzt"])
def test_volumes_of_a_series(order):
    random = np.random.default_rng(2)
    volumes = np.zeros((2, 4, 12, 14), int)
    volumes[0, 1:3, 2:7, 3:9] = 5
    volumes[1, :, 2:7, 3:9] = 5
    volumes[1, 3, 10:, 10:] = 8
    values = random.integers(0, 255, volumes.shape)
    move = ["tzyx".index(axis) for axis in order]
    sizes = {"z": 2.0, "y": 0.5, "x": 0.5}
    image = uk.Image(values.transpose(move), order)
    table = measure(volumes.transpose(move), image, sizes, "um")
    assert table["t"].tolist() == [0, 1, 1]
    assert table["label"].tolist() == [5, 5, 8]
    assert table["volume"].tolist() == [30.0, 60.0, 4.0]
    assert table["centroid_z"].tolist() == [3.0, 3.0, 6.0]
    assert table["bbox_max_z"].tolist() == [3, 4, 4]
    assert "area" not in table
    for row, (time, label) in enumerate([(0, 5), (1, 5), (1, 8)]):
        own = values[time][volumes[time] == label]
        assert table["intensity_mean"][row] == pytest.approx(own.mean())


def test_each_instance_has_the_class_that_most_of_its_pixels_have():
    cells = np.array([[1, 1, 1, 0, 9, 9]])
    table = measure(cells, mask=np.array([[4, 4, 2, 7, -3, -3]]))
    assert table["class"].tolist() == [4, -3]


def test_further_properties(cells):
    table = measure(cells, properties=("euler_number",))
    expected = skimage.regionprops_table(cells, properties=("euler_number",))
    assert np.array_equal(table["euler_number"], expected["euler_number"])


def test_no_instances_give_an_empty_table(photo, tmp_path):
    full, empty = (
        measure(cells, photo, mask=cells) for cells in (np.ones((50, 64), int), np.zeros((50, 64)))
    )
    assert list(full) == list(empty)
    assert empty.num_rows == 0
    empty.to_csv(tmp_path / "empty.csv")
    assert (tmp_path / "empty.csv").read_text().count("\n") == 1


@pytest.mark.parametrize("size", [1, 2, 3])
def test_tiny_instances_are_measured(size):
    cells = np.zeros((5, 5), int)
    cells[1, 1 : 1 + size] = 1
    table = measure(cells)
    assert table["area"].tolist() == [size]


def test_wrong_arguments(cells, photo):
    with pytest.raises(ValueError, match="same sizes"):
        measure(cells, photo[:-1])
    with pytest.raises(ValueError, match="same sizes"):
        measure(cells, mask=cells[1:])
    with pytest.raises(ValueError, match="at least 0"):
        measure(-cells)


def test_files_hold_what_the_table_holds(tmp_path, cells):
    table = measure(cells, np.where(cells == 3, np.nan, 1.0))
    table.to_csv(tmp_path / "table.csv")
    with open(tmp_path / "table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(table)
    assert rows[0]["intensity_mean"] == ""
    assert [float(row["area"]) for row in rows] == table["area"].tolist()
    assert [float(row["solidity"]) for row in rows] == table["solidity"].tolist()


def test_pandas_reads_the_table(cells):
    pandas = pytest.importorskip("pandas")
    table = measure(cells)
    assert table.to_pandas().equals(pandas.DataFrame(table))
    assert list(table.to_pandas().columns) == list(table)


def test_tables_of_images_are_joined(cells, photo):
    tables = {"a.tif": measure(cells), "none": measure(0 * cells), "b.tif": measure(cells, photo)}
    joined = uk.segmentation.Measurements.joined(tables)
    count = tables["a.tif"].num_rows
    assert joined["image"].tolist() == ["a.tif"] * count + ["b.tif"] * count
    assert np.isnan(joined["intensity_mean_red"][:count]).all()
    with pytest.raises(ValueError, match="equally long"):
        uk.segmentation.Measurements({"a": np.zeros(2), "b": np.zeros(3)})
