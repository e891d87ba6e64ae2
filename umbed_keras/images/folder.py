"""Random crops of images that lie in a folder, read when they are needed."""

import keras
import numpy as np
from PIL import Image

from umbed_keras.images.image_files import check_channels, image_files, open_image
from umbed_keras.ops.checks import check_integers


class ImageFolder(keras.utils.PyDataset):
    """Batches of random crops of a folder's images, for `fit`.

    No more is held than the batches that are being made and one open image a worker, however many
    images there are and however large. (Keras's `image_dataset_from_directory` scales images, or
    crops their centres.) A pass takes the images in a new order, each opened once. Order and
    crops are functions of the seed and the number of the step, so a training that is broken off
    and resumed sees what it would have seen.

    Args:
        folder: path of a folder, searched in depth, or a list of paths of files. They are read
            upright, as their EXIF orientation says, on white where they are transparent, and with
            16 bits of grey made 8.
        size: int, pixels, side of the squares that are cut out at the image's own resolution. An
            image with a shorter side is enlarged first, so that this side is `size`.
        batch_size: int, squares in a batch.
        crops_per_image: int, squares of each image in a pass. To open an image of 12 megapixels
            takes as long as a small model takes to learn from several of its squares.
        channels: 3 for RGB, 1 for gray (luma).
        seed: int.
        **kwargs: `workers` and the other arguments of `keras.utils.PyDataset`.

    Yields:
        uint8 arrays `(batch_size, size, size, channels)`; the last one of a pass may be smaller.

    Raises:
        ValueError: no images, or other arguments not as described; while reading, a file that is
            no image, or one of floats or 32 bits.
        OSError: while reading, a file that is gone or may not be read.
    """

    def __init__(
        self, folder, size=128, batch_size=16, crops_per_image=4, channels=3, seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        check_integers(
            size=(1, size),
            batch_size=(1, batch_size),
            crops_per_image=(1, crops_per_image),
            seed=(0, seed),
        )
        check_channels(channels)
        self.files = list(folder) if isinstance(folder, (list, tuple)) else image_files(folder)
        if not self.files:
            raise ValueError("`folder` must name at least one file. Received: []")
        self.size = int(size)
        self.batch_size = int(batch_size)
        self.crops_per_image = int(crops_per_image)
        self.channels = int(channels)
        self.seed = int(seed)

    @property
    def num_batches(self):
        return -(-len(self.files) * self.crops_per_image // self.batch_size)

    def __getitem__(self, index):
        return self.at_step(index)

    def at_step(self, step):
        """The batch of a training's step; passes follow one another."""
        number, place = divmod(step, self.num_batches)
        order = np.random.default_rng((self.seed, number)).permutation(len(self.files))
        start = place * self.batch_size
        stop = min(start + self.batch_size, len(order) * self.crops_per_image)
        random = np.random.default_rng((self.seed, number, place))
        crops = []
        for turn in range(start // self.crops_per_image, -(-stop // self.crops_per_image)):
            first = turn * self.crops_per_image
            count = min(first + self.crops_per_image, stop) - max(first, start)
            crops += self._crops(self.files[order[turn]], count, random)
        return np.stack(crops)

    def _crops(self, file, count, random):
        """Random squares of one file, a list of uint8 arrays."""
        size = self.size
        pixels = open_image(file, self.channels)
        shortest = min(pixels.shape[:2])
        if shortest < size:
            height, width = (max(size, round(side * size / shortest)) for side in pixels.shape[:2])
            image = Image.fromarray(pixels[..., 0] if self.channels == 1 else pixels)
            resized = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
            pixels = resized.reshape(height, width, self.channels)
        parts = []
        for _ in range(count):
            left, top = (int(random.integers(side - size + 1)) for side in pixels.shape[1::-1])
            # A view would keep the whole image.
            parts.append(pixels[top : top + size, left : left + size].copy())
        return parts
