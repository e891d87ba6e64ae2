"""A pretrained convolutional network that says what an image shows."""

import keras
from keras import ops

from umbed_keras.layers._affine import convolution, depthwise_convolution

# Blocks, kernel size, stride of the first block, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
)
STEM_CHANNELS, STEM_KERNEL, STEM_STRIDE = 32, 3, 2
# Blocks whose outputs are handed on: the last at each stride.
TAPS = (2, 4, 10)


def _blocks():
    """(kernel size, stride, input channels, hidden channels, output channels) of each block."""
    before = STEM_CHANNELS
    for repeats, kernel_size, stride, expansion, channels in STAGES:
        for place in range(repeats):
            yield kernel_size, 1 if place else stride, before, expansion * before, channels
            before = channels


BLOCKS = tuple(_blocks())


@keras.saving.register_keras_serializable(package="umbed_keras")
class EfficientNetLite0(keras.layers.Layer):
    """EfficientNet-Lite0 (Tan & Le 2019) up to block 10: frozen features at three strides.

    The lite variant has ReLU6, no squeeze-and-excite and a stem of 32 channels. What follows
    block 10, which looks at most of an image, is left out, and batch normalisation is folded into
    the convolutions: 692,688 parameters, in place of 700,768 with its scales and shifts.

    Weights are float32 and no optimizer's, whatever `trainable` says. A new layer has random
    ones: ImageNet's come with a preset, or from `examples/convert_efficientnet_lite0.py`.

    Convolutions pad by zeros as the original does, TensorFlow's `same`: from a size that is a
    multiple of 16, always as many before and after, so that parts of an image that start at
    multiples of 16 have the whole's features wherever they see all that it sees.
    """

    # The entry of a preset's configuration in which one may stand.
    preset_role = "backbone"
    strides = (4, 8, 16)
    channels = tuple(BLOCKS[tap][-1] for tap in TAPS)

    def __init__(self, **kwargs):
        # Images are scaled before they are rounded to a narrow compute dtype.
        super().__init__(autocast=False, **kwargs)

    @property
    def reach(self):
        """int, pixels around a feature's own cell of `stride` x `stride` that it looks at.

        Of images whose sizes are multiples of 16; of others, 15 more.
        """
        before = after = 0
        pixels = 1
        reach = 0
        steps = [(STEM_KERNEL, STEM_STRIDE), *(block[:2] for block in BLOCKS)]
        for kernel_size, stride in steps:
            padding = (kernel_size - stride) // 2
            before += padding * pixels
            after += (kernel_size - 1 - padding) * pixels
            pixels *= stride
            reach = max(reach, before, after - (pixels - 1))
        return reach

    def build(self, input_shape=None):
        """Creates the weights.

        Raises:
            ValueError: the images haven't 3 channels.
        """
        if input_shape is not None and input_shape[-1] != 3:
            raise ValueError(
                "EfficientNetLite0 takes images of shape (batch, height, width, 3). "
                f"Received: shape={tuple(input_shape)}"
            )
        self.stem = self._add("stem", (STEM_KERNEL, STEM_KERNEL, 3, STEM_CHANNELS))
        self.blocks = []
        for place, (kernel_size, _, before, hidden, channels) in enumerate(BLOCKS):
            name = f"block_{place}"
            block = {}
            if hidden != before:
                block["expand"] = self._add(f"{name}_expand", (1, 1, before, hidden))
            depthwise = (kernel_size, kernel_size, hidden, 1)
            block["depthwise"] = self._add(f"{name}_depthwise", depthwise)
            block["project"] = self._add(f"{name}_project", (1, 1, hidden, channels))
            self.blocks.append(block)

    def _add(self, name, shape):
        """A frozen kernel and bias."""
        depthwise = shape[-1] == 1
        frozen = {"dtype": "float32", "trainable": False, "autocast": False}
        spread = (2 / (shape[0] * shape[1] * (1 if depthwise else shape[2]))) ** 0.5
        start = keras.initializers.RandomNormal(stddev=spread)
        units = shape[2] if depthwise else shape[3]
        return [
            self.add_weight(name=f"{name}_kernel", shape=shape, initializer=start, **frozen),
            self.add_weight(name=f"{name}_bias", shape=(units,), initializer="zeros", **frozen),
        ]

    def call(self, images):
        """Maps images to features, finest first.

        Args:
            images: floating `(batch, height, width, 3)` in 0..1, of any size from one pixel up.

        Returns:
            List of `(batch, ceil(height / stride), ceil(width / stride), channels)` in the
            compute dtype, one for each of `strides` and `channels`.
        """
        images = (ops.cast(images, "float32") * 255 - 127) / 128
        features = ops.cast(images, self.compute_dtype)
        features = ops.relu6(self._convolve(features, self.stem, STEM_STRIDE))
        taps = []
        for place, (weights, shape) in enumerate(zip(self.blocks, BLOCKS, strict=True)):
            _, stride, before, _, channels = shape
            hidden = features
            if "expand" in weights:
                hidden = ops.relu6(self._convolve(hidden, weights["expand"]))
            kernel, bias = self._cast(weights["depthwise"])
            hidden = ops.relu6(depthwise_convolution(hidden, kernel, bias, stride))
            outputs = self._convolve(hidden, weights["project"])
            features = features + outputs if stride == 1 and before == channels else outputs
            if place in TAPS:
                taps.append(features)
        return taps

    def _cast(self, weights):
        return [ops.cast(ops.convert_to_tensor(weight), self.compute_dtype) for weight in weights]

    def _convolve(self, inputs, weights, stride=1):
        return convolution(inputs, *self._cast(weights), stride, padding="same")

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return [
            (batch, *(None if size is None else -(-size // stride) for size in (height, width)), n)
            for stride, n in zip(self.strides, self.channels, strict=True)
        ]
