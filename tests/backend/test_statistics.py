"""A batch that is bad on one of two replicas neither enters statistics nor parts the replicas.

Run by pytest, the file starts itself as a script, because devices are split before a backend's
first use, and on PyTorch two processes train.
"""

import sys

import numpy as np
import pytest

NAMES = ("vq", "vq_gradient", "rvq", "online", "quantized")
CASES = ("one", "both")


def latents_of(case):
    """Two halves of a batch: a good one, and one with a NaN, or two with a NaN."""
    latents = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    latents[40, 1] = np.nan
    if case == "both":
        latents[3, 2] = np.inf
    return latents


def bottleneck(name):
    from umbed_keras.layers import DictionaryBottleneck, ResidualVectorQuantizer, VectorQuantizer

    return {
        "vq": lambda: VectorQuantizer(8, 4, decay=0.9),
        "vq_gradient": lambda: VectorQuantizer(8, 4, update="gradient", decay=0.9),
        "rvq": lambda: ResidualVectorQuantizer(8, 4, 2, decay=0.9),
        "online": lambda: DictionaryBottleneck(8, 4, 2, update="online", decay=0.9),
        "quantized": lambda: DictionaryBottleneck(8, 4, 2, coefficient_bits=6, decay=0.9),
    }[name]()


def settled(name):
    """A bottleneck with statistics of its own."""
    layer = bottleneck(name)
    layer.build()
    layer.built = True
    random = np.random.default_rng(1)
    for weight in layer.weights:
        if weight.name in ("usage", "start", "sums"):
            weight.assign(np.abs(random.normal(size=weight.shape)) + 0.1)
    return layer


def statistics(layer):
    """The weights that the layer itself moves; the others are its optimizer's affair."""
    return [weight for weight in layer.weights if not weight.trainable]


def train(name, case):
    """Statistics of each replica after a step."""
    import keras

    layer = settled(name)
    latents = latents_of(case)
    if keras.backend.backend() == "torch":
        import torch

        rank = torch.distributed.get_rank()
        layer(latents[32 * rank : 32 * (rank + 1)], training=True)
        values = {}
        for weight in statistics(layer):
            parts = [torch.empty_like(weight.value) for _ in range(2)]
            torch.distributed.all_gather(parts, weight.value.detach().contiguous())
            values[weight.path] = np.stack([part.numpy() for part in parts])
        return values
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layer(inputs)["latents"])
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.0))
    model.compile(optimizer, loss=None)
    model.fit(latents, batch_size=64, shuffle=False, verbose=0)
    return {weight.path: np.stack(replicas(weight)) for weight in statistics(layer)}


def replicas(weight):
    value = weight.value
    if hasattr(value, "addressable_shards"):
        return [np.asarray(shard.data) for shard in value.addressable_shards]
    return [part.numpy() for part in getattr(weight._value, "values", [weight._value])]


def main(path):
    from train_data_parallel import all_devices

    results = {}
    with all_devices() as (_, writes):
        for name in NAMES:
            for case in CASES:
                values = train(name, case).values()
                results.update({f"{name}/{case}/{at}": part for at, part in enumerate(values)})
    if writes:
        np.savez(path, **results)


if __name__ == "__main__":
    main(sys.argv[1])
else:
    import keras

    @pytest.fixture(scope="module")
    def results(on_two_devices):
        return on_two_devices(__file__)

    @pytest.mark.torch_alone
    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize("name", NAMES)
    def test_a_bad_part_of_a_batch_is_left_out(results, rounding, name, case):
        layer = settled(name)
        before = [keras.ops.convert_to_numpy(weight).copy() for weight in statistics(layer)]
        # JAX has one batch over both devices, which is bad as a whole.
        if case == "one" and keras.backend.backend() != "jax":
            layer(latents_of(case)[:32], training=True)
        for at, (weight, old) in enumerate(zip(statistics(layer), before, strict=True)):
            weight = keras.ops.convert_to_numpy(weight)
            first, second = results[f"{name}/{case}/{at}"]
            np.testing.assert_array_equal(first, second)
            tolerance = rounding(2 * 32, np.maximum(np.abs(weight), 1))
            np.testing.assert_allclose(first, weight, atol=tolerance)
            if case == "both":
                np.testing.assert_array_equal(first, old)
