import keras
import numpy as np
import pytest
from keras import ops
from scipy.spatial.distance import cdist
from scipy.stats import entropy
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

from umbed_keras.bottlenecks.vector_quantizer import VectorQuantizer

ENTRIES, DIM = 16, 6
COMPILED = keras.backend.backend() != "torch"
numpy = ops.convert_to_numpy
each_distance = pytest.mark.parametrize("distance", ["euclidean", "cosine"])
each_update = pytest.mark.parametrize("update", ["ema", "gradient"])


class Quantizing(keras.Model):
    """Trains nothing but the codebook, on the loss that the layer returns."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, inputs, training=False):
        outputs = self.layer(inputs, training=training)
        return outputs["latents"]


def vectors(n=2000, seed=0):
    return np.random.default_rng(seed).normal(size=(n, DIM)).astype("float32")


def blobs(n=2000, centers=ENTRIES, seed=0):
    return make_blobs(n, DIM, centers=centers, random_state=seed)[0].astype("float32")


def distances(latents, codebook):
    return cdist(latents.astype("float64"), codebook.astype("float64"), "sqeuclidean")


def inertia(latents, codebook):
    return distances(latents, numpy(codebook)).min(axis=1).sum()


def fit(layer, latents, epochs, learning_rate=0.3):
    keras.utils.set_random_seed(0)
    model = Quantizing(layer)
    model.compile(keras.optimizers.Adam(learning_rate), jit_compile=COMPILED)
    model.fit(latents, batch_size=250, epochs=epochs, verbose=0)


def gradient(function, values):
    """Of a scalar function of an array; what `function` assigns is dropped."""

    def scalar(tensor):
        with keras.StatelessScope():
            return function(tensor)

    if keras.backend.backend() == "jax":
        import jax

        return numpy(jax.grad(scalar)(values))
    if keras.backend.backend() == "torch":
        tensor = ops.convert_to_tensor(values).requires_grad_()
        scalar(tensor).backward()
        return numpy(tensor.grad)
    import tensorflow as tf

    tensor = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        result = scalar(tensor)
    return numpy(tape.gradient(result, tensor))


@each_update
def test_code_is_the_nearest_entry(update, rounding):
    layer, latents = VectorQuantizer(ENTRIES, DIM, update=update), vectors()
    layer(vectors(seed=1), training=True)
    indices = numpy(layer.encode(latents)["indices"])
    reference = distances(latents, numpy(layer.codebook))
    assert np.mean(indices == reference.argmin(axis=1)) >= 0.999
    chosen = reference[np.arange(len(latents)), indices]
    np.testing.assert_allclose(chosen, reference.min(axis=1), atol=rounding(DIM, reference))


def test_latents_are_the_entries(rounding):
    layer, latents = VectorQuantizer(ENTRIES, DIM), vectors(250)
    outputs = layer(latents)
    entries = numpy(layer.codebook)[numpy(outputs["codes"]["indices"])]
    np.testing.assert_allclose(numpy(outputs["latents"]), entries, atol=rounding(2, entries))


@pytest.mark.parametrize(("update", "weight"), [("ema", 0.25), ("gradient", 1.25)])
def test_loss_is_the_mean_squared_distance(update, weight, rounding):
    layer, latents = VectorQuantizer(ENTRIES, DIM, 0.25, update), vectors()
    loss = numpy(layer(latents)["loss"])
    expected = weight * inertia(latents, layer.codebook) / latents.size
    np.testing.assert_allclose(loss, expected, rtol=rounding(latents.size))


def test_averages_are_those_of_numpy(rounding):
    decay = 0.8
    layer = VectorQuantizer(ENTRIES, DIM, decay=decay, revival_threshold=0)
    layer.build()
    start = numpy(layer.start).astype("float64")
    usage, sums, codebook = np.zeros(ENTRIES), np.zeros((ENTRIES, DIM)), start
    for seed in range(5):
        latents = vectors(250, seed)
        layer(latents, training=True)
        chosen = np.eye(ENTRIES)[distances(latents, codebook).argmin(axis=1)]
        usage = decay * usage + (1 - decay) * chosen.mean(axis=0)
        sums = decay * sums + (1 - decay) * chosen.T @ latents / len(latents)
        codebook = np.where(usage[:, None] > 0, sums / np.maximum(usage, 1e-300)[:, None], start)
        tolerance = rounding(len(latents), codebook)
        np.testing.assert_allclose(numpy(layer.codebook), codebook, atol=tolerance)
        np.testing.assert_allclose(numpy(layer.usage), usage, atol=rounding(len(latents), usage))
    assert not np.array_equal(codebook, start)


def test_first_batch_counts_in_full(rounding):
    """Averages that begin at zero would pull entries to the origin if they were not a ratio."""
    layer, latents = VectorQuantizer(ENTRIES, DIM, revival_threshold=0), vectors(250) + 100
    indices = numpy(layer(latents, training=True)["codes"]["indices"])
    used = np.unique(indices)
    means = [latents[indices == entry].mean(axis=0) for entry in used]
    tolerance = rounding(len(latents))
    np.testing.assert_allclose(numpy(layer.codebook)[used], means, rtol=tolerance)


@each_update
def test_codebook_learns(update):
    layer, latents = VectorQuantizer(ENTRIES, DIM, update=update, decay=0.9), blobs()
    layer.build()
    before = inertia(latents, layer.codebook)
    fit(layer, latents, epochs=15)
    best = KMeans(ENTRIES, n_init=4, random_state=0).fit(latents).inertia_
    assert inertia(latents, layer.codebook) < best + 0.2 * (before - best)


def test_gradient_of_the_codebook(rounding):
    layer, latents = VectorQuantizer(ENTRIES, DIM, update="gradient"), vectors(250)
    layer.build()
    codebook = numpy(layer.codebook).astype("float64")
    nearest = distances(latents, codebook).argmin(axis=1)
    expected = np.zeros_like(codebook)
    np.add.at(expected, nearest, 2 * (codebook[nearest] - latents) / latents.size)

    def loss(kernel):
        with keras.StatelessScope(state_mapping=[(layer.kernel, kernel)]):
            return layer.pass_through(ops.convert_to_tensor(latents), training=False)[2]

    kernel = np.zeros((ENTRIES, DIM), "float32")
    tolerance = rounding(len(latents), expected)
    np.testing.assert_allclose(gradient(loss, kernel), expected, atol=tolerance)


@each_update
def test_gradient_passes_straight_through(update, rounding):
    layer, latents = VectorQuantizer(ENTRIES, DIM, update=update), vectors(250)
    layer.build()
    upstream = ops.convert_to_tensor(vectors(250, seed=1))
    through = gradient(lambda x: ops.sum(upstream * layer(x, training=True)["latents"]), latents)
    np.testing.assert_allclose(through, numpy(upstream), rtol=rounding(2))


@each_update
def test_loss_pulls_latents_to_their_entries(update, rounding):
    layer, latents = VectorQuantizer(ENTRIES, DIM, 0.5, update=update), vectors(250)
    layer.build()
    codebook = numpy(layer.codebook).astype("float64")
    nearest = codebook[distances(latents, codebook).argmin(axis=1)]
    pull = gradient(lambda x: layer(x, training=True)["loss"], latents)
    expected = 0.5 * 2 * (latents - nearest) / latents.size
    np.testing.assert_allclose(pull, expected, atol=rounding(2, expected))


# As many blobs as entries, so that each must be found, and more, so that none can have its own.
@pytest.mark.parametrize("centers", [ENTRIES, 3 * ENTRIES])
@pytest.mark.parametrize("seed", range(3))
def test_adapt_is_as_good_as_scikit_learn(centers, seed):
    latents = blobs(3000, centers, seed)
    layer = VectorQuantizer(ENTRIES, DIM, seed=seed)
    layer.adapt(latents)
    best = KMeans(ENTRIES, n_init=4, random_state=seed).fit(latents).inertia_
    assert inertia(latents, layer.codebook) <= 1.03 * best


@each_update
def test_adapt_sets_the_shares_of_use(update):
    layer, latents = VectorQuantizer(ENTRIES, DIM, update=update), blobs()
    layer.adapt(latents)
    counts = np.bincount(numpy(layer.encode(latents)["indices"]), minlength=ENTRIES)
    # Four latents between entries may go either way.
    np.testing.assert_allclose(numpy(layer.usage), counts / len(latents), atol=4.5 / len(latents))


def test_adapt_takes_fewer_vectors_than_entries(rounding):
    layer, latents = VectorQuantizer(ENTRIES, DIM), vectors(5)
    layer.adapt(latents)
    tolerance = rounding(2, latents)
    np.testing.assert_allclose(numpy(layer(latents)["latents"]), latents, atol=tolerance)


@each_update
def test_cosine_distance(update, rounding):
    layer = VectorQuantizer(ENTRIES, DIM, update=update, distance="cosine")
    layer(vectors(seed=1), training=True)
    latents = vectors() * np.random.default_rng(2).uniform(0.01, 100, size=(2000, 1))
    latents = latents.astype("float32")
    codebook = numpy(layer.codebook)
    np.testing.assert_allclose(np.linalg.norm(codebook, axis=1), 1, rtol=rounding(DIM))
    outputs = layer(latents)
    indices = numpy(outputs["codes"]["indices"])
    cosine = cdist(latents.astype("float64"), codebook.astype("float64"), "cosine")
    assert np.mean(indices == cosine.argmin(axis=1)) >= 0.999
    chosen = cosine[np.arange(len(latents)), indices]
    np.testing.assert_allclose(chosen, cosine.min(axis=1), atol=rounding(DIM, cosine))
    actual = numpy(outputs["latents"])
    np.testing.assert_allclose(actual, codebook[indices], atol=rounding(DIM, codebook))


@each_update
@each_distance
def test_collapsed_codebook_comes_back_to_life(update, distance):
    latents = vectors() + 3
    options = {"update": update, "distance": distance, "decay": 0.9}
    layer = VectorQuantizer(ENTRIES, DIM, **options)
    still = VectorQuantizer(ENTRIES, DIM, **options, revival_threshold=0)
    for each in (layer, still):
        each.build()
        each.start.assign(np.full((ENTRIES, DIM), -5))
        for batch in np.split(latents, 8):
            each(batch, training=True)
    # The control: without revival one entry takes everything.
    assert len(np.unique(numpy(still.encode(latents)["indices"]))) == 1
    fit(layer, latents, epochs=16)
    # An entry whose share just passes the threshold may win no latent of a given batch.
    assert len(np.unique(numpy(layer.encode(latents)["indices"]))) >= ENTRIES - 1


@each_update
@each_distance
def test_revived_entry_is_a_slightly_moved_copy_of_a_living_one(update, distance, rounding):
    layer = VectorQuantizer(ENTRIES, DIM, update=update, distance=distance, decay=0.9)
    latents = vectors(250) + 3
    layer.adapt(latents)
    start = np.array(numpy(layer.codebook))
    start[3] = -1e3  # far from everything, and nearest to nothing
    layer.start.assign(start)
    layer.usage.assign(np.where(np.arange(ENTRIES) == 3, 0, numpy(layer.usage)))
    layer(latents, training=True)
    codebook = numpy(layer.codebook)
    living = np.delete(codebook, 3, axis=0)
    gap = np.linalg.norm(codebook[3] - living, axis=1).min()
    assert 0 < gap < 0.1 * np.linalg.norm(living, axis=1).mean()
    if update == "gradient":
        expected = np.delete(start, 3, axis=0)
        np.testing.assert_allclose(living, expected, atol=rounding(DIM, expected))


def test_bits():
    layer, latents = VectorQuantizer(12, DIM), vectors()
    codes = layer.encode(latents)
    fixed, coded = layer.bits(codes)
    assert fixed == 4
    counts = np.bincount(numpy(codes["indices"]))
    np.testing.assert_allclose(coded, entropy(counts, base=2), rtol=1e-6)
