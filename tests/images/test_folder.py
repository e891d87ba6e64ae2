import numpy as np
import pytest
from PIL import Image

import umbed_keras as uk
from umbed_keras.images.batches import ImageBatches


@pytest.fixture
def folder(tmp_path):
    """Seven images whose pixels are (number of the image, row, column)."""
    for number in range(7):
        height, width = 40 + number, 60 - number
        pixels = np.empty((height, width, 3), "uint8")
        pixels[..., 0] = number
        pixels[..., 1], pixels[..., 2] = np.indices((height, width))
        path = tmp_path / f"{number % 2}" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def one_pass(batches, number=0):
    steps = range(number * batches.num_batches, (number + 1) * batches.num_batches)
    return [batches.at_step(step) for step in steps]


@pytest.mark.parametrize(("batch_size", "crops"), [(4, 1), (4, 3), (5, 2), (30, 2)])
def test_a_pass_takes_squares_of_every_image(folder, batch_size, crops):
    batches = uk.ImageFolder(folder, 8, batch_size, crops)
    parts = one_pass(batches)
    assert all(len(part) == batch_size for part in parts[:-1])
    squares = np.concatenate(parts)
    assert squares.shape == (7 * crops, 8, 8, 3)
    assert squares.dtype == np.uint8
    np.testing.assert_array_equal(np.bincount(squares[:, 0, 0, 0]), 7 * [crops])
    # Whole squares of one image, at its resolution.
    steps = squares.astype(int) - squares[:, :1, :1]
    expected = np.stack([np.zeros((8, 8), int), *np.indices((8, 8))], axis=-1)
    np.testing.assert_array_equal(steps, np.broadcast_to(expected, steps.shape))


def test_squares_lie_anywhere(folder):
    file = folder / "0" / "0.png"  # 40 x 60
    squares = uk.ImageFolder([file], 30, 16, 400)
    corners = np.concatenate(one_pass(squares))[:, 0, 0, 1:]
    assert set(corners[:, 0]) == set(range(11))
    assert set(corners[:, 1]) == set(range(31))


def test_order_and_squares_are_functions_of_seed_and_step(folder):
    first, again, other = (uk.ImageFolder(folder, 8, 4, 2, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(np.concatenate(one_pass(first)), np.concatenate(one_pass(again)))
    np.testing.assert_array_equal(again.at_step(9), first.at_step(9))  # whatever came before
    assert (first.at_step(0) != first.at_step(first.num_batches)).any()
    assert (first.at_step(0) != other.at_step(0)).any()


def test_training_goes_on_through_the_passes_and_evaluation_stays(folder):
    source = uk.ImageFolder(folder, 8, 4, 2)
    batches = ImageBatches(source, 3, shuffle=True)
    for epoch in range(2):
        batches.epoch = epoch
        for index in range(source.num_batches):
            actual = batches[index][0]["images"]
            expected = source.at_step(epoch * source.num_batches + index)
            np.testing.assert_array_equal(actual, expected)
    model = uk.PixelEmbedder(4, 4, 1, widths=(4,), hidden_units=(4,))
    model.compile("adam")
    source = uk.ImageFolder(folder, 8, 4, 2, workers=2)
    model.fit(source, epochs=2, verbose=0, validation_data=source)
    losses = [model.evaluate(source, verbose=0) for _ in range(2)]
    assert losses[0] == losses[1]


def test_small_and_gray_images(folder):
    (batch,) = one_pass(uk.ImageFolder(folder, 80, 7, 1, channels=1))
    assert batch.shape == (7, 80, 80, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folder": "nowhere"}, "`folder`.*'nowhere'"),
        ({"folder": []}, "`folder`"),
        ({"channels": 0}, "`channels`.*0"),
        ({"size": 0}, "`size`"),
        ({"crops_per_image": 0}, "`crops_per_image`"),
    ],
)
def test_bad_arguments_are_refused(folder, options, message):
    with pytest.raises(ValueError, match=message):
        uk.ImageFolder(**{"folder": folder, **options})


def test_broken_files_are_named_and_others_take_their_place(folder):
    (folder / "0" / "2.png").write_bytes(b"no image")
    batches = uk.ImageFolder(folder, 8, 4, 2)
    with pytest.warns(UserWarning, match="2.png is left out"):
        parts = one_pass(batches)
    counts = np.bincount(np.concatenate(parts)[:, 0, 0, 0], minlength=7)
    assert counts[2] == 0
    assert counts.sum() == 14
    assert list(batches.unreadable) == [str(folder / "0" / "2.png")]
    with pytest.warns(UserWarning, match="2.png is left out"):
        again = one_pass(uk.ImageFolder(folder, 8, 4, 2))
    np.testing.assert_array_equal(np.concatenate(again), np.concatenate(parts))


def test_an_error_names_the_files_if_none_can_be_read(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(ValueError, match=r"None of the 1 images can be read.*broken.jpg"),
    ):
        uk.ImageFolder([tmp_path / "broken.jpg"])[0]


def test_what_is_left_out_is_named_once(folder):
    (folder / "sky.fits").write_bytes(b"SIMPLE")
    with pytest.warns(UserWarning, match="left out: sky.fits") as caught:
        uk.ImageFolder(folder)
    assert len(caught) == 1


@pytest.mark.parametrize("size", [9, 20], ids=["cropped", "enlarged"])
def test_sixteen_bits_are_stretched_and_not_rounded(tmp_path, size):
    random = np.random.default_rng(0)
    counts = random.integers(100, 400, (9, 9)).astype("uint16")
    np.save(tmp_path / "deep.npy", counts)
    low, high = np.percentile(counts, (1, 99.8))
    expected = np.clip((counts - low) / (high - low), 0, 1)
    batch = uk.ImageFolder(tmp_path, size, 1, 1)[0]
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(batch[..., 0], batch[..., 2])
    if size == 9:
        np.testing.assert_allclose(batch[0, ..., 1], expected, atol=1e-6)
    else:
        assert batch.shape == (1, 20, 20, 3)
        assert abs(batch.mean() - expected.mean()) < 0.05


def test_a_given_scaling_and_a_common_one(tmp_path):
    for number in (1, 2):
        np.save(tmp_path / f"{number}.npy", np.arange(81, dtype="int16").reshape(9, 9) * number)
    fixed = uk.ImageFolder(tmp_path, 9, 2, 1, scaling=uk.Scaling((0, 160)))[0]
    maxima = sorted(fixed.max(axis=(1, 2, 3)).tolist())
    np.testing.assert_allclose(maxima, [0.5, 1])
    scaling = uk.Scaling(percentiles=(0, 100), scope="collection")
    common = uk.ImageFolder(tmp_path, 9, 2, 1, scaling=scaling)[0]
    np.testing.assert_allclose(sorted(common.max(axis=(1, 2, 3)).tolist()), [0.5, 1])
    each = uk.ImageFolder(tmp_path, 9, 2, 1, scaling=uk.Scaling(percentiles=(0, 100)))[0]
    np.testing.assert_allclose(each.max(axis=(1, 2, 3)), [1, 1])


def test_planes_and_channels(tmp_path):
    planes = np.arange(6, dtype="uint8").reshape(3, 2, 1, 1) * np.ones((3, 2, 9, 9), "uint8")
    np.save(tmp_path / "stack.npy", planes)
    options = {"size": 4, "batch_size": 50, "crops_per_image": 50, "axes": "zcyx"}
    batch = uk.ImageFolder(tmp_path, **options)[0]
    assert set(np.unique(batch)) == set(range(6))  # every plane and channel, one a crop
    assert (batch == batch[..., :1]).all()
    both = uk.ImageFolder(tmp_path, channels=2, **options)[0]
    assert (both[..., 1] == both[..., 0] + 1).all()
    second = uk.ImageFolder(tmp_path, channel_choice=[1], **options)[0]
    assert set(np.unique(second)) == {1, 3, 5}


def test_images_without_contrast_are_warned_of(tmp_path):
    np.save(tmp_path / "flat.npy", np.full((9, 9), 40000, "uint16"))
    batches = uk.ImageFolder(tmp_path, 4, 2, 2)
    with pytest.warns(UserWarning, match="The first batch is nearly constant") as caught:
        parts = [one_pass(batches, number) for number in range(2)]
    assert len(parts) == 2
    assert len(caught) == 1


def test_eight_bits_and_more_in_one_batch(folder):
    np.save(folder / "deep.npy", np.arange(3600, dtype="uint16").reshape(60, 60))
    squares = one_pass(uk.ImageFolder(folder, 8, 8, 1))[0]
    assert squares.dtype == np.float32
    assert squares.max() <= 1
