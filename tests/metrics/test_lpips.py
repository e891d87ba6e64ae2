"""The perceptual distance, against its authors' values and against PyTorch's layers."""

import keras
import numpy as np
import pytest
from keras import ops

from umbed_keras.metrics import LPIPS, LPIPSNetwork
from umbed_keras.metrics._lpips_weights import KERNELS

numpy = ops.convert_to_numpy


def read(folder, name):
    image = keras.utils.load_img(folder / "lpips_reference" / f"{name}.png")
    return np.asarray(image)[None]


def torch_lpips(net, path, references, images):
    """Computes the distances of images in 0..1 with PyTorch's layers in float64."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    arrays = {name: torch.from_numpy(array).double() for name, array in np.load(path).items()}

    def conv(features, layer, stride=1, padding=0):
        kernel = arrays[f"{layer}/kernel"].permute(3, 2, 0, 1)
        bias = arrays[f"{layer}/bias"]
        return torch.relu(torch.nn.functional.conv2d(features, kernel, bias, stride, padding))

    def fire(features, layer):
        features = conv(features, f"{layer}/squeeze")
        wide = conv(features, f"{layer}/expand3x3", padding=1)
        return torch.cat([conv(features, f"{layer}/expand1x1"), wide], dim=1)

    def pool(features, ceil_mode):
        return torch.nn.functional.max_pool2d(features, 3, 2, ceil_mode=ceil_mode)

    def layers(images):
        images = 2 * torch.from_numpy(images).double().permute(0, 3, 1, 2) - 1
        shift = torch.tensor([-0.030, -0.088, -0.188]).double()[:, None, None]
        images = (images - shift) / torch.tensor([0.458, 0.448, 0.450]).double()[:, None, None]
        if net == "alex":
            one = conv(images, "conv1", 4, 2)
            two = conv(pool(one, False), "conv2", padding=2)
            three = conv(pool(two, False), "conv3", padding=1)
            four = conv(three, "conv4", padding=1)
            return [one, two, three, four, conv(four, "conv5", padding=1)]
        outputs = [conv(images, "conv1", 2)]
        outputs.append(fire(fire(pool(outputs[-1], True), "fire2"), "fire3"))
        outputs.append(fire(fire(pool(outputs[-1], True), "fire4"), "fire5"))
        outputs.append(fire(pool(outputs[-1], True), "fire6"))
        for layer in ("fire7", "fire8", "fire9"):
            outputs.append(fire(outputs[-1], layer))
        return outputs

    total = 0
    for index, (a, b) in enumerate(zip(layers(references), layers(images), strict=True)):
        a, b = (features / (features.norm(dim=1, keepdim=True) + 1e-10) for features in (a, b))
        head = arrays[f"lin{index}"][:, None, None]
        total = total + (head * (a - b) ** 2).sum(dim=1).mean(dim=(1, 2))
    return total.numpy()


def test_published_values(shared_data):
    network = LPIPSNetwork(weights=shared_data / "lpips_alex.npz")
    reference = read(shared_data, "ex_ref")
    # They are published with four decimals.
    assert numpy(network(reference, read(shared_data, "ex_p0"))) == pytest.approx(0.7219, abs=1e-3)
    assert numpy(network(reference, read(shared_data, "ex_p1"))) == pytest.approx(0.1376, abs=1e-3)


@pytest.mark.torch_alone
@pytest.mark.parametrize("net", ["alex", "squeeze"])
def test_published_weights_against_pytorch(shared_data, net):
    path = shared_data / f"lpips_{net}.npz"
    reference, image = read(shared_data, "ex_ref"), read(shared_data, "ex_p0")
    outputs = numpy(LPIPSNetwork(net, path)(reference, image))
    np.testing.assert_allclose(
        outputs, torch_lpips(net, path, reference / 255, image / 255), rtol=1e-4
    )


@pytest.mark.torch_alone
@pytest.mark.parametrize(
    ("net", "height", "width"),
    # The least size, and odd and even sizes before every pooling.
    [("alex", 31, 41), ("alex", 35, 39), ("squeeze", 17, 41), ("squeeze", 34, 39)],
)
def test_sizes_against_pytorch(random_lpips, pairs, net, height, width):
    path = random_lpips(net)
    references, images = (array[:, :height] for array in pairs(count=2, size=width))
    outputs = numpy(LPIPSNetwork(net, path)(references, images))
    np.testing.assert_allclose(outputs, torch_lpips(net, path, references, images), rtol=1e-3)


@pytest.mark.parametrize(("net", "size"), [("alex", 31), ("squeeze", 17)])
def test_too_small_images_are_value_errors(net, size):
    images = np.zeros((1, size - 1, 50, 3))
    with pytest.raises(ValueError, match=f"at least {size} pixels"):
        LPIPSNetwork(net)(images, images)


def test_images_of_any_range_give_the_same_distance(random_lpips, pairs):
    path = random_lpips("alex")
    pair = [np.uint8(np.round(255 * array)) for array in pairs(size=32)]
    expected = numpy(LPIPSNetwork(weights=path)(*pair))
    for low, high in ((0, 1), (0, 255), (-1, 1)):
        network = LPIPSNetwork(weights=path, value_range=(low, high))
        scaled = [array.astype("float32") / 255 * (high - low) + low for array in pair]
        np.testing.assert_allclose(numpy(network(*scaled)), expected, rtol=1e-4)


@pytest.mark.torch_alone
@pytest.mark.parametrize("net", ["alex", "squeeze"])
def test_gradient(random_lpips, pairs, gradients, net):
    path = random_lpips(net)
    network = LPIPSNetwork(net, path)  # the weights are read while the function is traced
    references, images = (array.astype("float32") for array in pairs(count=1, size=32))

    def loss(images):
        return ops.sum(network(references, images))

    (gradient,) = gradients(loss, images)
    direction = np.random.default_rng(1).standard_normal(images.shape)
    step = 1e-6 * direction
    ahead, behind = (torch_lpips(net, path, references, images + s) for s in (step, -step))
    slope = (ahead - behind).item() / 2e-6
    assert np.vdot(gradient, direction) == pytest.approx(slope, rel=1e-3)


@pytest.mark.torch_alone
@pytest.mark.parametrize("dead", [False, True])
def test_gradient_of_equal_images_is_zero(random_lpips, pairs, gradients, rounding, dead):
    path = random_lpips("alex")
    if dead:  # all features are zero
        with np.load(path) as file:
            arrays = dict(file)
        for name in ("conv1/kernel", *(f"conv{n}/bias" for n in range(1, 6))):
            arrays[name] = np.zeros_like(arrays[name])
        np.savez(path, **arrays)
    images = pairs(count=1, size=32)[0].astype("float32")
    network = LPIPSNetwork(weights=path)
    (gradient,) = gradients(lambda changed: ops.sum(network(images, changed)), images)
    # Of a square, at differences that are nothing but rounding, in the longest of the sums.
    terms = max(np.prod(shape[:-1]) for shape in KERNELS["alex"].values())
    np.testing.assert_allclose(gradient, 0, atol=rounding(terms))


def test_metric_is_the_weighted_mean(random_lpips, pairs):
    path = random_lpips("squeeze")
    network, metric = LPIPSNetwork("squeeze", path), LPIPS("squeeze", path)
    assert np.isnan(float(metric.result()))  # of no images
    references, images = pairs(count=4, size=32)
    weights = np.array([1.0, 0.0, 3.0, 0.5])
    distances = []
    for part in (slice(0, 2), slice(2, 4)):
        distances.extend(numpy(network(references[part], images[part])))
        metric.update_state(references[part], images[part], sample_weight=weights[part])
    assert float(metric.result()) == pytest.approx(np.average(distances, weights=weights), rel=1e-4)
    assert len(metric.variables) == 2
    metric.reset_state()
    metric.update_state(references[:2], images[:2])
    assert float(metric.result()) == pytest.approx(np.mean(distances[:2]), rel=1e-4)


def test_grey_images_and_unknown_nets_are_value_errors(random_lpips):
    with pytest.raises(ValueError, match="3 channels"):
        LPIPS().update_state(np.zeros((1, 32, 32, 1)), np.zeros((1, 32, 32, 1)))
    with pytest.raises(ValueError, match="`net` must be one of"):
        LPIPS(net="vgg")


def test_config_round_trips(tmp_path):
    metric = LPIPS("squeeze", tmp_path / "a.npz", (-1, 1), name="distance")
    for copy in (
        LPIPS.from_config(metric.get_config()),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric)),
    ):
        assert copy.get_config() == metric.get_config()
    network = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(metric.network)
    )
    assert network.get_config() == metric.network.get_config()


def test_weights_are_constants_of_a_model_that_holds_the_network(random_lpips, pairs, rounding):
    class Holder(keras.Model):
        def __init__(self):
            super().__init__()
            self.network = LPIPSNetwork(weights=random_lpips("alex"))

        def call(self, images):
            return self.network(images, images)

    model = Holder()
    assert numpy(model(pairs(size=32)[0])) == pytest.approx(0, abs=rounding(11 * 11 * 3))
    assert not model.weights
