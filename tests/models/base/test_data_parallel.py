"""Training a model on two devices equals training it on one.

Run by pytest, the file starts itself as a script, because devices are split before a backend's
first use, and on PyTorch two processes train; the script writes what each way ends with.
"""

import sys

import numpy as np
import pytest

import umbed_keras as uk

# isort: split
import keras

NAMES = ["vq_ema", "dictionary_gradient"]
if keras.backend.backend() == "torch":
    import torch
    from torch.utils.data import DataLoader, DistributedSampler

    NAMES += ["dictionary_online", "gaussian", "backbone"]  # elsewhere Keras alone splits batches


def bottleneck(name):
    if name in ("gaussian", "backbone"):
        return uk.layers.GaussianBottleneck(4, seed=0, name="bottleneck")
    kind, update = name.split("_")
    options = {"update": update, "decay": 0.9, "name": "bottleneck"}
    if kind == "vq":
        return uk.layers.VectorQuantizer(8, 4, **options)
    bits = 6 if update == "gradient" else None
    return uk.layers.DictionaryBottleneck(8, 4, 2, coefficient_bits=bits, **options)


def backbone():
    """A network that is trainable elsewhere."""
    layer = keras.layers.Conv2D(4, 3, strides=2, padding="same", name="network")
    return uk.layers.ModelBackbone(keras.Sequential([keras.Input((None, None, 3)), layer]))


def photographs(count):
    """Smooth random images."""
    random = np.random.default_rng(0)
    waves = random.normal(size=(count, 4, 4, 3)).repeat(4, axis=1).repeat(4, axis=2)
    return np.uint8(np.clip(128 + 50 * waves, 0, 255))


def train(name):
    """Returns weights before and after some steps, the history, and an embedding, by name."""
    keras.utils.set_random_seed(0)
    model = uk.PixelEmbedder(
        4,
        patch_size=4,
        pyramid_levels=2,
        bottleneck=bottleneck(name),
        widths=(4, 8),
        hidden_units=(8,),
        pixels_per_image=32,
        backbone=backbone() if name == "backbone" else None,
    )
    images = photographs(48)
    model.compile(keras.optimizers.SGD(1.0), metrics=["mean_squared_error"])
    model.adapt(images)
    start = model.get_weights()
    # Compiling takes long: validation and embedding are tested once.
    more = name == NAMES[0]
    validation_data = images[40:] if more else None
    options = {"batch_size": 8, "epochs": 4, "validation_data": validation_data}
    history = model.fit(images[:40], verbose=0, **options).history
    arrays = {f"history/{key}": np.array(values) for key, values in history.items()}
    for index, (weight, before) in enumerate(zip(model.weights, start, strict=True)):
        key = f"{index:03d} {weight.path.partition('/')[2]}"
        arrays[f"start/{key}"] = before
        arrays[f"end/{key}"] = keras.ops.convert_to_numpy(weight)
    if more:
        arrays["embedding"] = model.embed(images[:1], quantized=False)
    return arrays


class EvaluatesAlone(keras.callbacks.Callback):
    """Evaluates in process 0 alone, as a callback that writes files does."""

    def on_epoch_end(self, epoch, logs=None):
        if torch.distributed.get_rank() == 0:
            self.results = self.model.evaluate(photographs(3), verbose=0, return_dict=True)


def check_processes():
    """Checks what concerns processes on PyTorch alone."""
    keras.utils.set_random_seed(0)
    model = uk.VQVAE(8, 4, filters=4, residual_units=2)
    model.compile("adam")
    images = photographs(40)
    callback = EvaluatesAlone()
    history = model.fit(images, batch_size=8, epochs=2, verbose=0, callbacks=[callback]).history
    assert history["loss"][1] < history["loss"][0]
    alone = model.evaluate(photographs(3), verbose=0, return_dict=True)
    if torch.distributed.get_rank() == 0:
        assert callback.results == alone
    # The same in all processes, statistics of batch normalisation too.
    for weight in model.weights:
        mine = weight.value.detach().to(torch.float64)
        others = mine.clone()
        torch.distributed.all_reduce(others)
        torch.testing.assert_close(others / 2, mine)
    sampler = DistributedSampler(images, shuffle=True)
    with pytest.raises(ValueError, match="DistributedSampler"):
        model.fit(DataLoader(images, batch_size=8, sampler=sampler))


def main(path):
    from train_data_parallel import all_devices

    results = {}

    def train_all(way):
        for name in NAMES:
            arrays = train(name)
            results.update({f"{name}/{way}/{key}": value for key, value in arrays.items()})

    split = keras.backend.backend() != "torch"
    if not split:  # else devices must be split before they are used
        train_all("one")
    with all_devices() as (_, writes):
        train_all("two")
        if not split:
            check_processes()
        if writes:
            with pytest.raises(ValueError, match="share a batch of 3"):
                uk.PixelEmbedder(4).fit(photographs(11), batch_size=8)
    if split:
        train_all("one")
    if writes:
        np.savez(path, **results)


if __name__ == "__main__":
    main(sys.argv[1])
else:

    @pytest.fixture(scope="module")
    def results(on_two_devices):
        return on_two_devices(__file__)

    def part(results, prefix):
        arrays = {key: value for key, value in results.items() if key.startswith(prefix)}
        assert arrays
        return {key.removeprefix(prefix): value for key, value in arrays.items()}

    @pytest.mark.parametrize("name", NAMES)
    def test_two_devices_equal_one(results, rounding, name):
        alone, together = (part(results, f"{name}/{way}/end/") for way in ("one", "two"))
        start = part(results, f"{name}/one/start/")
        moved = {key for key in alone if np.abs(alone[key] - start[key]).max() > 1e-5}
        learning = ["decoder", "unet", "projection", *["bottleneck"] * ("_" in name)]
        for layer in learning:
            assert any(layer in key for key in moved), layer
        for key, value in alone.items():
            # Every step sums over 32 pixels of 8 images and adds to what was before.
            tolerance = rounding(8 * 32, np.maximum(np.abs(value), 1))
            np.testing.assert_allclose(together[key], value, atol=tolerance, err_msg=key)

    @pytest.mark.parametrize("name", NAMES)
    def test_metrics_are_of_all_devices(results, name):
        alone, together = (part(results, f"{name}/{way}/history/") for way in ("one", "two"))
        assert {"loss", "mean_squared_error"} <= set(alone)
        assert ("val_loss" in alone) == (name == NAMES[0])
        for key, values in alone.items():
            np.testing.assert_allclose(together[key], values, rtol=1e-4, err_msg=key)

    def test_a_model_of_two_devices_embeds(results):
        alone, together = (results[f"{NAMES[0]}/{way}/embedding"] for way in ("one", "two"))
        np.testing.assert_allclose(together, alone, atol=1e-4 * np.ptp(alone))
