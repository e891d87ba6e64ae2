"""Vectors of images on a grid of positions, as dictionaries learn them."""

import numpy as np
from keras import ops

from umbed_keras.ops.bilinear import enlarge

# Images that are computed at once.
BATCH = 8


class FeatureVectors:
    """The feature maps of a preset's backbone, or the vectors of a preset, on a grid of positions.

    The maps are enlarged to the resolution of the finest one and stand side by side. Their total
    variances on the images of `fit` are proportional to the backbone's `shares`. Vectors have mean
    0 and mean square 1 on the images of `fit`, over all of their entries.

    Args:
        model: `umbed_keras.PixelEmbedder`.
        kind: `"maps"` or `"preset"`.
    """

    def __init__(self, model, kind):
        if kind == "maps" and model.backbone is None:
            raise ValueError("This preset has no backbone: choose `--vectors preset`.")
        self.model, self.kind = model, kind
        # Side of the square of pixels that a position stands for.
        self.side = model.backbone.strides[0] if kind == "maps" else 4

    def fit(self, images, count, seed=0):
        """Sets mean and scale by a sample of positions, and returns its vectors `(n, dim)`."""
        self.mean, self.scale = np.float32(0), np.float32(1)
        sample = self.sample(images, count, seed)
        self.mean = sample.mean(axis=0)
        variances = sample.var(axis=0)
        if self.kind == "maps":
            backbone = self.model.backbone
            parts = np.split(variances, np.cumsum(backbone.channels)[:-1])
            squares = np.concatenate(
                [
                    np.full(len(part), share * len(variances) / part.sum())
                    for part, share in zip(parts, backbone.shares, strict=True)
                ]
            )
        else:
            squares = 1 / variances.mean()
        self.scale = np.sqrt(squares).astype("float32")
        return (sample - self.mean) * self.scale

    def sample(self, images, count, seed=0):
        """Returns the vectors of about `count` random positions, `(n, dim)`."""
        random = np.random.default_rng(seed)
        parts = []
        for start in range(0, len(images), BATCH):
            vectors = self.grid(images[start : start + BATCH])
            vectors = vectors.reshape(-1, vectors.shape[-1])
            share = round(count * min(BATCH, len(images) - start) / len(images))
            parts.append(vectors[random.permutation(len(vectors))[:share]])
        return np.concatenate(parts)

    def grid(self, images):
        """Returns the vectors of images, `(n, height / side, width / side, dim)`."""
        if self.kind == "maps":
            strides = self.model.backbone.strides
            scaled = images / np.float32(255) if images.dtype == np.uint8 else images
            maps = self.model.backbone(scaled)
            enlarged = [
                ops.convert_to_numpy(enlarge(features, stride // strides[0]))
                for features, stride in zip(maps, strides, strict=True)
            ]
            vectors = np.concatenate(enlarged, axis=-1)
        else:
            middle = self.side // 2
            vectors = self.model.embed(images)[:, middle :: self.side, middle :: self.side]
        return (vectors - self.mean) * self.scale
