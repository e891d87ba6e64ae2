"""Features of a frozen backbone, computed once for all epochs of a training."""

import math

import keras
import numpy as np

from umbed_keras.images.arrays import to_float
from umbed_keras.images.batches import ImageBatches
from umbed_keras.typing import Tensor

# Bytes that the features of the images of a training may take, and those of its validation.
KEPT_BYTES = 2 << 30


class KeptFeaturesMixin:
    """Computes the backbone's features of images in an array once, if they fit into memory.

    A backbone is frozen, and takes most of the time of a training step if it is large. Training
    steps then read the features of their images instead of computing them in every epoch.

    Examples:
        >>> network = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 1)])
        >>> backbone = uk.layers.ModelBackbone(network)
        >>> model = uk.PixelEmbedder(4, widths=(4,), hidden_units=(4,), backbone=backbone)
        >>> batches = ImageBatches(np.zeros((2, 8, 8, 3), "uint8"), channels=3)
        >>> model._keep_for_epochs(batches, epochs=2)
        >>> [part.shape for part in batches[0][0]["features"]]
        [(2, 8, 8, 4)]
    """

    def _keep_for_epochs(self, batches: ImageBatches, epochs: int) -> None:
        """Adds the features of their images to batches that are read in several epochs.

        Nothing is added where images are not in an array, where devices share batches, and where
        no image is seen twice.
        """
        images, size = batches.source, batches.batch_size
        if not self.backbone or not isinstance(images, np.ndarray) or batches.is_shared:
            return
        if epochs * batches.num_batches * size < 2 * len(images):
            return
        shapes = self.backbone.compute_output_shape((len(images), *self._padded_shape(images)))
        if 4 * sum(map(math.prod, shapes)) > KEPT_BYTES:
            return
        compiled, kept = self._compiled(self._features_of), []
        for start in range(0, len(images), size):
            # The last ones once more, as another size of the batch would be compiled anew.
            chosen = slice(max(min(start, len(images) - size), 0), start + size)
            for number, features in enumerate(compiled(images[chosen])):
                features = keras.ops.convert_to_numpy(features).astype("float32", copy=False)
                if not start:
                    kept.append(np.empty((len(images), *features.shape[1:]), "float32"))
                kept[number][chosen] = features
        batches.features = tuple(kept)

    def _features_of(self, images: Tensor) -> list[Tensor]:
        return self._feature_maps(self._padded(to_float(images)))

    def _padded_shape(self, images):
        return (
            *(size + -size % self._coarsest for size in images.shape[1:3]),
            images.shape[-1],
        )
