"""Random crops of the images in a folder."""

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from PIL import Image

from umbed_keras.images.image_files import image_files
from umbed_keras.images.pillow_files import check_channels, open_image
from umbed_keras.ops.checks import check_integers
from umbed_keras.typing import PathLike


class ImageFolder(keras.utils.PyDataset):
    """Batches of random crops of the images in a folder, for `fit`.

    Files are opened when their batch is needed, so that memory does not grow with the number or
    the size of the images: it holds the batches in preparation and one open image for each worker.
    A pass takes the images in a new random order and opens each once. (Keras's
    `image_dataset_from_directory` rescales images, or crops their centres.)

    Order and crops are determined by the seed and the number of the training step. A training that
    is interrupted and resumed sees the same data as one without a break.

    Args:
        folder: path of a folder, which is searched with its subfolders, or a list of paths of
            files. Files are all that Pillow reads: they are turned upright as their EXIF
            orientation says, laid on white where they are transparent, and reduced from 16-bit
            grey to 8-bit.
        size: int, side of the square crops in pixels, at the image's own resolution. An image
            whose shorter side is smaller is enlarged until this side is `size`.
        batch_size: int, number of crops in a batch.
        crops_per_image: int, number of crops from each image in a pass. Several crops save time:
            opening an image of 12 megapixels takes as long as a small model takes to learn from
            several crops.
        channels: int, 3 for RGB or 1 for grey (luma).
        seed: int, for order and crops.
        **kwargs: `workers` and further arguments of `keras.utils.PyDataset`.

    Indexing it returns a NumPy uint8 array `(batch_size, size, size, channels)`. The last batch of
    a pass may be smaller.

    Raises:
        ValueError: if `folder` holds no images, or is an empty list.
        ValueError: if a size is not a positive integer, or `channels` is neither 1 nor 3.
        ValueError: on indexing, if a file is no image, is broken, or has floats or 32-bit values.
        OSError: on indexing, if a file does not exist or must not be read.

    Examples:
        >>> from PIL import Image
        >>> Image.new("RGB", (60, 40)).save("a.png")
        >>> Image.new("RGB", (50, 30)).save("b.jpg")
        >>> batches = uk.ImageFolder(".", size=32, batch_size=4, crops_per_image=2)
        >>> batches.num_batches, batches[0].shape, batches[0].dtype.name
        (1, (4, 32, 32, 3), 'uint8')

        With a model: `model.fit(uk.ImageFolder("photographs"), epochs=10)`.
    """

    def __init__(
        self,
        folder: PathLike | Sequence[PathLike],
        size: int = 128,
        batch_size: int = 16,
        crops_per_image: int = 4,
        channels: int = 3,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_integers(
            size=(1, size),
            batch_size=(1, batch_size),
            crops_per_image=(1, crops_per_image),
            seed=(0, seed),
        )
        check_channels(channels)
        path = isinstance(folder, (str, os.PathLike))
        self.files = image_files(folder) if path else list(folder)
        if not self.files:
            raise ValueError("`folder` must name at least one file. Received: []")
        self.size = int(size)
        self.batch_size = int(batch_size)
        self.crops_per_image = int(crops_per_image)
        self.channels = int(channels)
        self.seed = int(seed)

    @property
    def num_batches(self) -> int:
        """Number of batches in a pass over all images."""
        return -(-len(self.files) * self.crops_per_image // self.batch_size)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.at_step(index)

    def at_step(self, step: int) -> np.ndarray:
        """Returns the batch of a training step; passes follow one another.

        Args:
            step: int, number of the step from the start of the training.

        Returns:
            NumPy uint8 array `(batch_size, size, size, channels)`, or fewer crops at the end of a
            pass.
        """
        pass_number, position = divmod(step, self.num_batches)
        order = np.random.default_rng((self.seed, pass_number)).permutation(len(self.files))
        start = position * self.batch_size
        stop = min(start + self.batch_size, len(order) * self.crops_per_image)
        random = np.random.default_rng((self.seed, pass_number, position))
        crops = []
        for index in range(start // self.crops_per_image, -(-stop // self.crops_per_image)):
            first = index * self.crops_per_image
            count = min(first + self.crops_per_image, stop) - max(first, start)
            crops += self._crops(self.files[order[index]], count, random)
        return np.stack(crops)

    def _crops(self, file: PathLike, count: int, random: np.random.Generator) -> list[np.ndarray]:
        """Returns random square crops of one file, a list of uint8 arrays."""
        size = self.size
        pixels = open_image(file, self.channels)
        shortest = min(pixels.shape[:2])
        if shortest < size:
            height, width = (max(size, round(side * size / shortest)) for side in pixels.shape[:2])
            image = Image.fromarray(pixels[..., 0] if self.channels == 1 else pixels)
            resized = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
            pixels = resized.reshape(height, width, self.channels)
        crops = []
        for _ in range(count):
            left, top = (int(random.integers(side - size + 1)) for side in pixels.shape[1::-1])
            # A view would keep the whole image in memory.
            crops.append(pixels[top : top + size, left : left + size].copy())
        return crops
