import keras
import numpy as np
import pytest

import umbed_keras as uk
from umbed_keras.images.batches import ImageBatches

pytestmark = pytest.mark.every_backend

BACKEND = keras.backend.backend()


def images(count=7, height=8, width=10):
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype="uint8")


class Dataset(keras.utils.PyDataset):
    def __init__(self, arrays, batch_size=2, **kwargs):
        super().__init__(**kwargs)
        self.arrays, self.batch_size = arrays, batch_size

    def __len__(self):
        return -(-len(self.arrays) // self.batch_size)

    def __getitem__(self, index):
        return self.arrays[index * self.batch_size : (index + 1) * self.batch_size]


def torch_loader(arrays, batch_size):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    return torch.utils.data.DataLoader(torch.from_numpy(arrays), batch_size=batch_size)


def grain_loader(arrays, batch_size):
    grain = pytest.importorskip("grain", reason="grain is not installed")
    return grain.MapDataset.source(arrays).batch(batch_size).to_iter_dataset()


def tensorflow_dataset(arrays, batch_size):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    return tf.data.Dataset.from_tensor_slices(arrays).batch(batch_size)


def labelled_loader(arrays, batch_size):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    data = torch.utils.data.TensorDataset(torch.from_numpy(arrays), torch.arange(len(arrays)))
    return torch.utils.data.DataLoader(data, batch_size=batch_size)


def generator_of_known_batches(arrays, batch_size):
    return [arrays[start : start + batch_size] for start in range(0, len(arrays), batch_size)]


SOURCES = [
    Dataset,
    torch_loader,
    grain_loader,
    tensorflow_dataset,
    labelled_loader,
    generator_of_known_batches,
]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4])
@pytest.mark.parametrize("source", SOURCES)
def test_every_source_yields_the_images(source, batch_size):
    arrays = images()
    batches = ImageBatches(source(arrays, batch_size), channels=3, pixels_per_image=5)
    for _ in range(2):  # as often as one likes
        parts = [batches[index][0] for index in range(batches.num_batches)]
        np.testing.assert_array_equal(np.concatenate([part["images"] for part in parts]), arrays)
        assert all(part["rows"].shape == (len(part["images"]), 5) for part in parts)


@pytest.mark.parametrize(
    ("source", "batch_size"),
    [
        # Keras reads a bare batch of 2 as (x, y) on JAX and TensorFlow.
        *((torch_loader, size) for size in (1, 2, 3, 4)),
        (grain_loader, 2),
        (tensorflow_dataset, 2),
        (Dataset, 2),
    ],
)
def test_fit_predict_and_evaluate_take_loaders_of_bare_images(rounding, source, batch_size):
    arrays = images(2 * batch_size)
    model = uk.PixelEmbedder(
        latent_dim=4, patch_size=4, pyramid_levels=1, widths=(4, 4), hidden_units=(4,)
    )
    model.compile(optimizer="adam")
    history = model.fit(
        source(arrays, batch_size), epochs=2, verbose=0, validation_data=source(arrays, batch_size)
    )
    assert len(history.history["val_loss"]) == 2
    vectors = model.predict(source(arrays, batch_size), verbose=0)
    expected = model.embed(arrays)
    np.testing.assert_allclose(vectors, expected, atol=rounding(model, expected))
    loss = model.evaluate(source(arrays, batch_size), verbose=0, return_dict=True)["loss"]
    assert np.isfinite(loss)


def test_order_and_pixels_are_functions_of_seed_and_step():
    def epoch(number, seed=3):
        batches = ImageBatches(images(), 3, 2, pixels_per_image=4, shuffle=True, seed=seed)
        batches.epoch = number
        return [batches[index][0] for index in range(batches.num_batches)]

    def flat(parts):
        return np.concatenate([part[name].ravel() for part in parts for name in sorted(part)])

    np.testing.assert_array_equal(flat(epoch(5)), flat(epoch(5)))
    assert (flat(epoch(5)) != flat(epoch(6))).any()
    assert (flat(epoch(5)) != flat(epoch(5, seed=4))).any()
    shuffled = np.concatenate([part["images"] for part in epoch(5)])
    assert sorted(shuffled.sum(axis=(1, 2, 3))) == sorted(images().sum(axis=(1, 2, 3)))


def test_steps_per_epoch_go_on_through_the_data():
    batches = ImageBatches(images(6), 3, 2, shuffle=False, steps_per_epoch=2)
    parts = []
    for epoch in range(3):
        batches.epoch = epoch
        parts += [batches[index][0]["images"] for index in range(batches.num_batches)]
    np.testing.assert_array_equal(np.concatenate(parts), np.tile(images(6), (2, 1, 1, 1)))


def test_bare_batches_are_images_alone():
    (batch,) = ImageBatches(images(6), 3, 2, bare=True)[1]
    np.testing.assert_array_equal(batch, images(6)[2:4])


def test_pixels_cover_the_whole_image():
    batches = ImageBatches(images(1, 5, 7), 3, 1, pixels_per_image=1000)
    part = batches[0][0]
    assert set(np.unique(part["rows"])) == set(range(5))
    assert set(np.unique(part["cols"])) == set(range(7))


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (3, TypeError, "int"),
        ((image for image in images()), ValueError, "steps_per_epoch"),
        (images(0), ValueError, "at least one"),
        ([{"image": images()}], ValueError, "dictionary"),
        ([images()[0]], ValueError, "batch axis"),
    ],
)
def test_data_that_cannot_be_read_is_refused(data, error, message):
    with pytest.raises(error, match=message):
        ImageBatches(data, 3)[0]


def test_an_exhausted_generator_is_an_error():
    batches = ImageBatches(
        (images()[index : index + 1] for index in range(2)), 3, steps_per_epoch=4
    )
    with pytest.raises(ValueError, match="ran out"):
        [batches[index] for index in range(4)]


def endless():
    while True:
        yield images(2)


def test_fit_takes_endless_data_with_steps():
    model = uk.PixelEmbedder(
        latent_dim=4, patch_size=4, pyramid_levels=1, widths=(4, 4), hidden_units=(4,)
    )
    model.compile(optimizer="adam")
    history = model.fit(endless(), steps_per_epoch=3, epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2


def test_validation_of_a_few_steps_sees_the_same_batches_every_epoch():
    batches = ImageBatches(
        generator_of_known_batches(images(6), 1), 3, steps_per_epoch=2, restart=True
    )
    for _ in range(2):
        parts = [batches[index][0]["images"] for index in range(2)]
        np.testing.assert_array_equal(np.concatenate(parts), images(6)[:2])
