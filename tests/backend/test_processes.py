"""Training on two replicas equals training on one device.

Run by pytest, the file starts itself as a script, because devices are split before a backend's
first use; the script writes the weights that each way of training ends with.
"""

import sys

import numpy as np
import pytest

NAMES = ("vq_ema", "dictionary_online", "quantized_gradient")


def train(name):
    """Weights after a few steps: of the whole, and of each replica."""
    import keras

    from umbed_keras.layers import DictionaryBottleneck, VectorQuantizer

    kind, update = name.split("_")
    if kind == "vq":
        layer = VectorQuantizer(8, 4, update=update, decay=0.9)
    else:
        bits = 6 if kind == "quantized" else None
        layer = DictionaryBottleneck(8, 4, 2, update=update, decay=0.9, coefficient_bits=bits)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layer(inputs)["latents"])
    # Collapsed but for a little, so that revival has to act.
    rng = np.random.default_rng(0)
    layer.start.assign(np.eye(8, 4)[:1] + 1e-3 * rng.normal(size=(8, 4)))

    class Trained(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = model

        def call(self, inputs, training=False):
            return self.inner(inputs, training=training)

    trained = Trained()
    trained.compile(keras.optimizers.SGD(0.1))
    latents = rng.normal(size=(320, 4)).astype("float32")
    trained.fit(latents, batch_size=64, epochs=2, shuffle=False, verbose=0)
    weights = {weight.path.rpartition("/")[2]: weight for weight in layer.weights}
    return {
        **{key: keras.ops.convert_to_numpy(weight) for key, weight in weights.items()},
        **{f"{key}/replicas": np.stack(replicas(weight)) for key, weight in weights.items()},
    }


def replicas(weight):
    value = weight.value
    if hasattr(value, "addressable_shards"):
        return [np.asarray(shard.data) for shard in value.addressable_shards]
    return [part.numpy() for part in getattr(weight._value, "values", [weight._value])]


def main(path):
    from train_data_parallel import all_devices

    results = {}

    def train_all(way):
        for name in NAMES:
            results.update({f"{name}/{way}/{key}": value for key, value in train(name).items()})

    with all_devices():
        train_all("two")
    train_all("one")
    np.savez(path, **results)


if __name__ == "__main__":
    main(sys.argv[1])
else:
    import keras

    @pytest.fixture(scope="module")
    def results(on_two_devices):
        return on_two_devices(__file__)

    @pytest.mark.skipif(
        keras.backend.backend() == "torch",
        reason="Keras trains on several replicas in one process on TensorFlow and JAX only",
    )
    @pytest.mark.parametrize("name", NAMES)
    def test_two_replicas_equal_one_device(results, rounding, name):
        weights = {
            key.rpartition("/")[2]: value
            for key, value in results.items()
            if key.startswith(f"{name}/one/") and not key.endswith("/replicas")
        }
        assert {"usage", "start"} < set(weights)
        for key, alone in weights.items():
            together = results[f"{name}/two/{key}"]
            # Every step sums over the 320 latents and adds to what was before.
            tolerance = rounding(2 * 320, np.maximum(np.abs(alone), 1))
            np.testing.assert_allclose(together, alone, atol=tolerance, err_msg=key)
            first, second = results[f"{name}/two/{key}/replicas"]
            np.testing.assert_array_equal(first, second, err_msg=key)
        # Everything lives, so revival has acted, on the same donors.
        assert np.all(weights["usage"] > 0)
        assert np.any(weights.get("kernel", 1))
