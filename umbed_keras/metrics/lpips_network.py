"""The perceptual distance of images, as a differentiable function."""

import keras
from keras import ops

from umbed_keras.metrics._lpips_weights import KERNELS, load_weights
from umbed_keras.metrics._unit_images import check_value_range, unit_images

# ImageNet's mean and standard deviation of each channel, for images in -1..1.
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
# Smaller images leave the last layer without a pixel.
MIN_SIZE = {"alex": 31, "squeeze": 17}
# The fires between one output and the next.
SQUEEZE_FIRES = (("fire2", "fire3"), ("fire4", "fire5"), *((f"fire{n}",) for n in range(6, 10)))


@keras.saving.register_keras_serializable(package="umbed_keras")
class LPIPSNetwork:
    """Learned perceptual distance between images (Zhang et al. 2018, version 0.1).

    Usable as a loss: the distance is differentiable in both arguments, with a finite gradient for
    equal images too. `model.compile(loss=...)` turns targets into floats before a loss sees them,
    so there they must be floats in `value_range` from the start.

    The network's weights are constants, not variables of a model that holds it. They are read at
    the first call.

    Args:
        net: `"alex"` or `"squeeze"` (SqueezeNet 1.1).
        weights: path of an .npz file with the network's weights. None takes the file, or the file
            `lpips_<net>.npz` in the folder, that the environment variable `UMBED_LPIPS` names;
            where it is not set, they are downloaded once into Keras's home, which needs PyTorch.
        value_range: two floats, `(low, high)` of floating images. uint8 images are always in
            0..255.

    Raises:
        ValueError: an unknown `net`, or a `value_range` without low < high.
    """

    def __init__(self, net="alex", weights=None, value_range=(0.0, 1.0)):
        if net not in KERNELS:
            raise ValueError(f"`net` must be one of {tuple(KERNELS)}. Received: {net!r}")
        self.net = net
        self.weights = None if weights is None else str(weights)
        self.value_range = check_value_range(value_range)
        self._arrays = None
        self._held = {}

    def __call__(self, references, images):
        """The distances of pairs of images.

        Args:
            references, images: `(batch, height, width, 3)`, uint8 or floats; at least 31 pixels
                high and wide (17 for `"squeeze"`).

        Returns:
            float32 `(batch,)`, at least 0 and 0 for equal images.

        Raises:
            TypeError: a dtype that is neither uint8 nor floating.
            ValueError: unequal shapes, another rank or number of channels, too small images, or a
                file that doesn't hold the weights of `net`.
            FileNotFoundError: `weights` or `UMBED_LPIPS` names no file.
            OSError, ImportError: the weights can't be downloaded.
        """
        references, images = unit_images(
            references, images, self.value_range, channels=3, min_size=MIN_SIZE[self.net]
        )
        constants = self._constants(images)
        features = _alex if self.net == "alex" else _squeeze
        # One by one, so that no gradient is worked out for references that need none.
        layers = zip(
            features(_normalized(references), constants),
            features(_normalized(images), constants),
            strict=True,
        )
        total = 0.0
        for index, (reference, image) in enumerate(layers):
            squares = ops.square(_unit_length(reference) - _unit_length(image))
            channels = ops.mean(squares, axis=(1, 2))
            total += ops.sum(channels * constants[f"lin{index}"], axis=-1)
        return total

    def get_config(self):
        return {"net": self.net, "weights": self.weights, "value_range": self.value_range}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def _constants(self, images):
        """The weights as tensors where the images are."""
        if self._arrays is None:
            self._arrays = load_weights(self.net, self.weights)
        if keras.backend.backend() != "torch":  # constants of the graph being traced
            return {name: ops.convert_to_tensor(array) for name, array in self._arrays.items()}
        import torch

        # Without a graph they would be copied to the device in every call. What inference mode
        # makes is of no use to gradients.
        key = (images.device, torch.is_inference_mode_enabled())
        if key not in self._held:
            self._held[key] = {
                name: ops.convert_to_tensor(array) for name, array in self._arrays.items()
            }
        return self._held[key]


def _normalized(images):
    """Images of 0..1 as the nets want them."""
    return (2 * images - 1 - ops.convert_to_tensor(SHIFT)) / ops.convert_to_tensor(SCALE)


def _unit_length(features):
    """Feature vectors scaled to length 1; those that are zero stay zero."""
    squares = ops.sum(ops.square(features), axis=-1, keepdims=True)
    # Before the root, whose derivative at 0 is infinite.
    norms = ops.sqrt(ops.where(squares > 0, squares, 1.0))
    return features / (norms + 1e-10)


def _convolved(features, constants, layer, strides=1, padding="same"):
    """A convolution and its ReLU."""
    features = ops.conv(
        features,
        constants[f"{layer}/kernel"],
        strides=strides,
        padding=padding,
        data_format="channels_last",
    )
    return ops.relu(features + constants[f"{layer}/bias"])


def _pooled(features):
    return ops.max_pool(features, 3, 2, padding="valid", data_format="channels_last")


def _alex(images, constants):
    """The outputs of AlexNet's five convolutions."""
    padded = ops.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    layers = [_convolved(padded, constants, "conv1", strides=4, padding="valid")]
    for layer in ("conv2", "conv3", "conv4", "conv5"):
        features = _pooled(layers[-1]) if layer in ("conv2", "conv3") else layers[-1]
        layers.append(_convolved(features, constants, layer))
    return layers


def _fire(features, constants, layer):
    squeezed = _convolved(features, constants, f"{layer}/squeeze")
    expanded = [_convolved(squeezed, constants, f"{layer}/expand{n}x{n}") for n in (1, 3)]
    return ops.concatenate(expanded, axis=-1)


def _squeeze(images, constants):
    """The outputs of SqueezeNet 1.1 before each pooling, and after each of its last layers."""
    features = _convolved(images, constants, "conv1", strides=2, padding="valid")
    layers = [features]
    for group in SQUEEZE_FIRES:
        if len(layers) <= 3:
            # One more row and column, which alters only windows that would not fit (PyTorch's
            # `ceil_mode`). What it adds, 0, is the least that a ReLU gives.
            features = _pooled(ops.pad(features, ((0, 0), (0, 1), (0, 1), (0, 0))))
        for layer in group:
            features = _fire(features, constants, layer)
        layers.append(features)
    return layers
