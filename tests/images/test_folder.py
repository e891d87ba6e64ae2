import numpy as np
import pytest
from PIL import Image

import umbed_keras as uk
from umbed_keras.images.batches import ImageBatches

pytestmark = pytest.mark.torch_alone


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
        ({"channels": 4}, "`channels`.*4"),
        ({"size": 0}, "`size`"),
        ({"crops_per_image": 0}, "`crops_per_image`"),
    ],
)
def test_bad_arguments_are_refused(folder, options, message):
    with pytest.raises(ValueError, match=message):
        uk.ImageFolder(**{"folder": folder, **options})


def test_an_error_names_the_file_that_cannot_be_read(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    Image.fromarray(np.ones((9, 9), "float32")).save(tmp_path / "floats.tif")
    for name in ("broken.jpg", "floats.tif"):
        with pytest.raises(ValueError, match=name):
            uk.ImageFolder([tmp_path / name])[0]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [9, 20], ids=["cropped", "enlarged"])
def test_sixteen_bits_become_eight(tmp_path, channels, size):
    Image.fromarray(np.full((9, 12), 257 * 77, "uint16")).save(tmp_path / "deep.png")
    batch = uk.ImageFolder(tmp_path, size, 2, channels=channels)[0]
    np.testing.assert_array_equal(batch, np.full((2, size, size, channels), 77, "uint8"))
