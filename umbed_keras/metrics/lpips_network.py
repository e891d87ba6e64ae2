"""Learned perceptual distance of images, as a differentiable function."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from umbed_keras.backend.constants import Constants
from umbed_keras.metrics._lpips_weights import KERNELS, load_weights
from umbed_keras.metrics._unit_images import check_value_range, unit_images
from umbed_keras.typing import ArrayLike, PathLike, Tensor

# Mean and standard deviation of ImageNet's channels, for images in -1..1.
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
# Smaller images leave the last layer without a pixel.
MIN_SIZE = {"alex": 31, "squeeze": 17}
# Fire modules between one output and the next.
SQUEEZE_FIRES = (("fire2", "fire3"), ("fire4", "fire5"), *((f"fire{n}",) for n in range(6, 10)))


@keras.saving.register_keras_serializable(package="umbed_keras")
class LPIPSNetwork:
    """Learned perceptual image patch similarity of images (LPIPS, version 0.1), usable as a loss.

    The distance is differentiable in both arguments, with a finite gradient also for equal images.
    `model.compile(loss=...)` converts targets to floats before it calls a loss, so the targets
    must be floats in `value_range` there.

    The weights are constants, not variables of a model that holds the network. They are read at
    the first call.

    Reference: Zhang, Isola, Efros, Shechtman & Wang, "The unreasonable effectiveness of deep
    features as a perceptual metric", 2018, arXiv:1801.03924.

    Args:
        net: str, `"alex"` (AlexNet) or `"squeeze"` (SqueezeNet 1.1).
        weights: path of an .npz file with the weights, or None. None reads the environment variable
            `UMBED_LPIPS`, the path of such a file or of a folder with `lpips_<net>.npz`. If it is
            not set, the weights are downloaded once to Keras's home, which needs PyTorch.
        value_range: two floats, the range `(low, high)` of floating-point images. uint8 images are
            always in 0..255.

    Raises:
        ValueError: if `net` is unknown.
        ValueError: if `value_range` is not two numbers with low < high.

    Examples:
        The weights are downloaded at the first call, which is not run here:

        >>> images = np.random.default_rng(0).random((2, 32, 32, 3))
        >>> network = uk.metrics.LPIPSNetwork(net="squeeze")
        >>> distances = network(images, 1 - images)  # doctest: +SKIP
        >>> distances.shape  # doctest: +SKIP
        (2,)
    """

    def __init__(
        self,
        net: str = "alex",
        weights: PathLike | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        if net not in KERNELS:
            raise ValueError(f"`net` must be one of {tuple(KERNELS)}. Received: {net!r}")
        self.net = net
        self.weights = None if weights is None else str(weights)
        self.value_range = check_value_range(value_range)
        self._constants = None

    def __call__(self, references: ArrayLike, images: ArrayLike) -> Tensor:
        """Computes the distances of pairs of images.

        Args:
            references: `(batch, height, width, 3)`, uint8, or floats in `value_range`; at least 31
                pixels high and wide (17 for `"squeeze"`).
            images: like `references`, of the same shape.

        Returns:
            float32 tensor `(batch,)`, at least 0, and 0 for equal images.

        Raises:
            TypeError: if a dtype is neither uint8 nor floating-point.
            ValueError: if the shapes differ, or do not fit.
            ValueError: if the file does not hold the weights of `net`.
            FileNotFoundError: if `weights` or `UMBED_LPIPS` names no file.
            OSError: if the weights cannot be downloaded.
            ImportError: if the download needs PyTorch, which is not installed.
        """
        references, images = unit_images(
            references, images, self.value_range, channels=3, min_size=MIN_SIZE[self.net]
        )
        if self._constants is None:
            self._constants = Constants(load_weights(self.net, self.weights))
        constants = self._constants.beside(images)
        features = _alex if self.net == "alex" else _squeeze
        # Not as one batch, so that no gradient is computed for references that need none.
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

    def get_config(self) -> dict[str, Any]:
        return {"net": self.net, "weights": self.weights, "value_range": self.value_range}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LPIPSNetwork":
        return cls(**config)


def _normalized(images: Tensor) -> Tensor:
    """Returns images of 0..1 with the mean and the deviation that the networks expect."""
    return (2 * images - 1 - ops.convert_to_tensor(SHIFT)) / ops.convert_to_tensor(SCALE)


def _unit_length(features: Tensor) -> Tensor:
    """Returns feature vectors scaled to length 1; zero vectors stay zero."""
    squares = ops.sum(ops.square(features), axis=-1, keepdims=True)
    # Zeros are replaced before the root, whose derivative at 0 is infinite.
    norms = ops.sqrt(ops.where(squares > 0, squares, 1.0))
    return features / (norms + 1e-10)


def _convolved(
    features: Tensor,
    constants: Mapping[str, Tensor],
    layer: str,
    strides: int = 1,
    padding: str = "same",
) -> Tensor:
    """Returns the ReLU of a convolution."""
    features = ops.conv(
        features,
        constants[f"{layer}/kernel"],
        strides=strides,
        padding=padding,
        data_format="channels_last",
    )
    return ops.relu(features + constants[f"{layer}/bias"])


def _pooled(features: Tensor) -> Tensor:
    return ops.max_pool(features, 3, 2, padding="valid", data_format="channels_last")


def _alex(images: Tensor, constants: Mapping[str, Tensor]) -> list[Tensor]:
    """Returns the outputs of AlexNet's five convolutions."""
    padded = ops.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    layers = [_convolved(padded, constants, "conv1", strides=4, padding="valid")]
    for layer in ("conv2", "conv3", "conv4", "conv5"):
        features = _pooled(layers[-1]) if layer in ("conv2", "conv3") else layers[-1]
        layers.append(_convolved(features, constants, layer))
    return layers


def _fire(features: Tensor, constants: Mapping[str, Tensor], layer: str) -> Tensor:
    squeezed = _convolved(features, constants, f"{layer}/squeeze")
    expanded = [_convolved(squeezed, constants, f"{layer}/expand{n}x{n}") for n in (1, 3)]
    return ops.concatenate(expanded, axis=-1)


def _squeeze(images: Tensor, constants: Mapping[str, Tensor]) -> list[Tensor]:
    """Returns SqueezeNet 1.1's outputs before each pooling and after each of the last modules."""
    features = _convolved(images, constants, "conv1", strides=2, padding="valid")
    layers = [features]
    for group in SQUEEZE_FIRES:
        if len(layers) <= 3:
            # Like PyTorch's `ceil_mode`: one more row and column complete the last windows. The
            # padding of 0 changes no maximum, as outputs of a ReLU are not negative.
            features = _pooled(ops.pad(features, ((0, 0), (0, 1), (0, 1), (0, 0))))
        for layer in group:
            features = _fire(features, constants, layer)
        layers.append(features)
    return layers
