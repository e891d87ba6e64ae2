"""EfficientNet-Lite0, a pretrained convolutional network, as a backbone."""

import math
from typing import Any

import keras
from keras import ops

from umbed_keras.backbones.backbone import Backbone
from umbed_keras.backend.affine import convolution, depthwise_convolution, relu6_in_place
from umbed_keras.typing import ArrayLike, Shape, Tensor

STEM = {"kernel_size": 3, "stride": 2, "channels": 32}
# Blocks, kernel size, stride of the first block, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
)


def _blocks():
    before = STEM["channels"]
    for repeats, kernel_size, stride, expansion, channels in STAGES:
        for repeat in range(repeats):
            yield kernel_size, 1 if repeat else stride, before, expansion * before, channels
            before = channels


# Kernel size, stride, channels before, inside and after each block.
BLOCKS = tuple(_blocks())
# Blocks whose outputs are returned: the last of each stride.
TAPS = (2, 4, 10)


@keras.saving.register_keras_serializable(package="umbed_keras")
class EfficientNetLite0(Backbone):
    """EfficientNet-Lite0 (Tan & Le 2019) up to its block 10: frozen features at three strides.

    The lite variant has ReLU6, no squeeze-and-excite and a stem of 32 channels. The layers after
    block 10 are left out. Batch normalization is folded into the convolutions, which leaves
    692,688 parameters (700,768 with separate scales and shifts).

    The weights of a new layer are random. ImageNet's come with a preset, or from
    `examples/tools/convert_efficientnet_lite0.py`. They are never trained.

    Borders are padded by zeros as in the original (TensorFlow's `same`). Part of an image that
    starts and ends at multiples of 16 has the features of the whole image, except within `reach`
    pixels of its borders, if the sizes of the image are multiples of 16.

    Args:
        **kwargs: arguments of `keras.layers.Layer`: `name`, `dtype`.

    Examples:
        >>> backbone = uk.layers.EfficientNetLite0()
        >>> maps = backbone(np.zeros((1, 32, 48, 3), "float32"))
        >>> [tuple(features.shape) for features in maps]
        [(1, 8, 12, 24), (1, 4, 6, 40), (1, 2, 3, 112)]
    """

    strides = (4, 8, 16)
    channels = tuple(BLOCKS[block][-1] for block in TAPS)
    # Coarse features describe objects, fine ones are closer to pixels.
    shares = (1 / 6, 1 / 6, 2 / 3)
    # Measured; most on JAX.
    floats_per_pixel = 64

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.input_spec = keras.layers.InputSpec(ndim=4, axes={-1: 3})
        # On a CPU, TensorFlow's own depthwise convolutions are 50 times as fast as XLA's.
        self.supports_jit = keras.backend.backend() != "tensorflow"

    @property
    def reach(self) -> int:
        """Largest distance in pixels that a feature looks beyond its own `stride` pixels."""
        reach, pixels = 0, 1
        for kernel_size, stride in [
            (STEM["kernel_size"], STEM["stride"]),
            *(b[:2] for b in BLOCKS),
        ]:
            # Half a kernel at the resolution of its inputs.
            reach += kernel_size // 2 * pixels
            pixels *= stride
        return reach

    def build(self, input_shape: Shape | None = None) -> None:
        """Creates the weights, whose shapes do not depend on the input's."""
        size, channels = STEM["kernel_size"], STEM["channels"]
        self.stem = self._add("stem", (size, size, 3, channels), channels)
        self.blocks = []
        for number, (size, _, before, hidden, after) in enumerate(BLOCKS):
            name = f"block_{number}"
            block = {}
            if hidden != before:
                block["expand"] = self._add(f"{name}_expand", (1, 1, before, hidden), hidden)
            block["depthwise"] = self._add(f"{name}_depthwise", (size, size, hidden, 1), hidden)
            block["project"] = self._add(f"{name}_project", (1, 1, hidden, after), after)
            self.blocks.append(block)

    def _add(self, name, shape, units):
        """A kernel with the initial values of He et al. (2015), and a bias."""
        frozen = {"trainable": False, "autocast": False}
        start = keras.initializers.RandomNormal(stddev=math.sqrt(2 * units / math.prod(shape)))
        return [
            self.add_weight(name=f"{name}_kernel", shape=shape, initializer=start, **frozen),
            self.add_weight(name=f"{name}_bias", shape=(units,), initializer="zeros", **frozen),
        ]

    def call(self, images: ArrayLike) -> list[Tensor]:
        """Maps images to features, finest first.

        Args:
            images: floats in 0..1, `(batch, height, width, 3)`, of at least one pixel.

        Returns:
            List of tensors `(batch, ceil(height / stride), ceil(width / stride), channels)` in
            the compute dtype, one for each of `strides`.

        Raises:
            ValueError: if `images` has another rank or number of channels.
        """
        images = ops.cast((ops.cast(images, "float32") * 255 - 127) / 128, self.compute_dtype)
        # On flipped images, TensorFlow's `same` pads equally on both sides, whatever their size.
        features = relu6_in_place(
            self._convolve(ops.flip(images, (1, 2)), self.stem, STEM["stride"])
        )
        taps = []
        for number, (_, stride, before, _, after) in enumerate(BLOCKS):
            weights = self.blocks[number]
            hidden = features
            if "expand" in weights:
                hidden = relu6_in_place(self._convolve(hidden, weights["expand"]))
            kernel, bias = self._cast(weights["depthwise"])
            hidden = relu6_in_place(depthwise_convolution(hidden, kernel, bias, stride))
            outputs = self._convolve(hidden, weights["project"])
            features = features + outputs if (stride, before) == (1, after) else outputs
            if number in TAPS:
                taps.append(ops.flip(features, (1, 2)))
        return taps

    def _convolve(self, inputs, weights, stride=1):
        kernel, bias = self._cast(weights)
        return convolution(inputs, kernel, bias, stride, padding=kernel.shape[0] // 2)

    def _cast(self, weights):
        """A kernel, flipped, and a bias, in the compute dtype."""
        kernel, bias = (
            ops.cast(ops.convert_to_tensor(weight), self.compute_dtype) for weight in weights
        )
        return ops.flip(kernel, (0, 1)), bias
