import numpy as np
import pytest
import scipy.ndimage

import umbed_keras as uk

measure = pytest.importorskip("skimage.measure")
instances = uk.segmentation.instances


@pytest.fixture(scope="module")
def classes():
    """A mask of three classes, of ragged regions."""
    noise = np.random.default_rng(0).normal(size=(60, 70))
    return np.digitize(scipy.ndimage.gaussian_filter(noise, 2), [-0.05, 0.05]) * 4


def discs(*discs, size=(60, 100), width=None):
    """Discs (row, col, radius), each with a number of its own."""
    rows, cols = np.ogrid[: size[0], : size[1]]
    labels = np.zeros(size, int)
    for number, (row, col, radius) in enumerate(discs, start=1):
        labels[(rows - row) ** 2 + (cols - col) ** 2 <= radius**2] = number
    return labels


def same_partition(one, other):
    pairs = set(zip(one.ravel().tolist(), other.ravel().tolist(), strict=True))
    return len(pairs) == len(np.unique(one)) == len(np.unique(other))


def test_regions_of_each_class_are_those_of_scipy(classes):
    result = instances(classes)
    expected = np.zeros(classes.shape, int)
    for value in (4, 8):
        regions, _ = scipy.ndimage.label(classes == value, np.ones((3, 3)))
        expected[classes == value] = regions[classes == value] + expected.max()
    assert result.dtype == np.int32
    assert same_partition(result, expected)
    first = [np.flatnonzero(result == number)[0] for number in range(1, result.max() + 1)]
    assert first == sorted(first)


def test_background_is_an_argument(classes):
    assert np.array_equal(instances(classes, background=[0, 4]) > 0, classes == 8)
    assert np.array_equal(instances(classes, background=[4]) > 0, classes == 8)
    assert instances(classes, background=[0, 4, 8]).max() == 0


def test_small_objects_are_left_out(classes):
    every, large = instances(classes), instances(classes, min_size=30)
    counts = np.bincount(every.ravel())
    assert np.array_equal(large > 0, (counts[every] >= 30) & (every > 0))
    assert np.unique(large).tolist() == list(range(large.max() + 1))


@pytest.mark.parametrize("scale", [0.5, 1, 2])
def test_touching_discs_are_divided_whatever_their_size(scale):
    parts = [(30, 20, 14), (30, 46, 13), (24, 69, 11)]
    scaled = [tuple(round(scale * value) for value in part) for part in parts]
    truth = discs(*scaled, size=(int(60 * scale), int(100 * scale)))
    assert instances(truth > 0).max() == 1
    result = instances(truth > 0, split=True)
    assert result.max() == 3
    for number in (1, 2, 3):
        own = result[truth == number]
        assert np.bincount(own).max() > 0.9 * len(own)
    assert np.array_equal(result > 0, truth > 0)


def test_split_is_the_width_of_the_neck():
    # Discs of radius 20 whose neck is 0.6 as wide: half of it is sqrt(20^2 - 16^2) = 12.
    pair = discs((30, 24, 20), (30, 56, 20)) > 0
    assert instances(pair, split=0.5).max() == 1
    assert instances(pair, split=0.7).max() == 2


@pytest.mark.parametrize("split", [0.6, True])
def test_convex_and_thin_objects_stay_whole(split):
    mask = discs((20, 20, 15), size=(60, 100)) > 0
    mask[50, 5:90] = mask[5:40, 60:90] = mask[2, 2] = True
    assert np.array_equal(instances(mask, split=split), instances(mask))


def test_classes_that_touch_are_never_one():
    mask = discs((30, 20, 14), (30, 46, 13))
    for split in (False, True):
        result = instances(mask, split=split)
        assert same_partition(result, mask)


def test_planes_along_z_are_a_volume_and_times_are_not():
    stack = np.zeros((3, 6, 8), int)
    stack[0, 1:3, 1:3] = stack[1, 1:3, 1:3] = stack[2, 4:, 5:] = 1
    volume = instances(stack, axes="zyx")
    assert volume.max() == 2
    assert same_partition(volume, scipy.ndimage.label(stack, np.ones((3, 3, 3)))[0])
    series = instances(stack, axes="tyx")
    assert series.max() == 3
    assert np.array_equal(series[0] == 1, series[1] == 2)
    # Axes of an image with channels serve, and in any order.
    assert np.array_equal(
        instances(stack.transpose(1, 2, 0), axes="yxcz"), volume.transpose(1, 2, 0)
    )


def test_depth_of_pixels_counts_in_volumes():
    rows = np.arange(-10, 11)
    z, y, x = np.meshgrid(rows[::5] * 1.0, rows, np.arange(-10, 31), indexing="ij")
    balls = np.minimum(z**2 + y**2 + x**2, z**2 + y**2 + (x - 19) ** 2) <= 100
    sizes = {"z": 5.0, "y": 1.0, "x": 1.0}
    assert instances(balls, axes="zyx").max() == 1
    assert instances(balls, axes="zyx", split=True, pixel_size=sizes).max() == 2


@pytest.mark.parametrize("split", [False, True])
def test_empty_and_full_masks(split):
    assert instances(np.zeros((4, 5), int), split=split).max() == 0
    assert instances(np.ones((4, 5), bool), split=split).tolist() == [[1] * 5] * 4
    assert instances(np.full((4, 5), 2**40), split=split, background=()).max() == 1


def test_files_and_masks_of_a_classifier(tmp_path, classes):
    np.save(tmp_path / "mask.npy", classes)
    assert np.array_equal(instances(tmp_path / "mask.npy"), instances(classes.astype("float32")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": 1.5}, "`split` must be"),
        ({"min_size": -1}, "`min_size` must be"),
        ({"axes": "zyx"}, "`axes` must name the 2 axes"),
        ({"axes": "yy"}, "`axes` must name"),
        ({"pixel_size": 0}, "`pixel_size` must be positive"),
        ({"pixel_size": {"y": 1.0}}, "`pixel_size` must be positive"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        instances(np.zeros((4, 5), int), **options)


def test_stacks_need_axes():
    with pytest.raises(ValueError, match='axes="zyx"'):
        instances(np.zeros((3, 4, 5), int))
    with pytest.raises(ValueError, match="whole numbers"):
        instances(np.full((4, 5), 0.5))


def test_fractions(classes):
    fractions = uk.segmentation.class_fractions(classes)
    counts = np.bincount(classes.ravel())
    assert fractions == {
        value: pytest.approx(counts[value] / (counts[4] + counts[8])) for value in (4, 8)
    }
    assert uk.segmentation.class_fractions(np.zeros((3, 3))) == {}
