"""Random crops of the images in a folder."""

import os
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from umbed_keras.images.channels import channel_groups
from umbed_keras.images.folder_files import folder_files
from umbed_keras.images.image import Image
from umbed_keras.images.plane_pixels import PlanePixels, enlarged
from umbed_keras.images.read_image import read_image
from umbed_keras.images.scaling import Scaling, sample, warn_if_flat
from umbed_keras.ops.checks import check_integers
from umbed_keras.typing import PathLike

# Larger planes are read by windows.
_WHOLE = 1 << 25
# Images from which limits of a collection are learned.
_SAMPLED = 256


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
            files. Files are all that `umbed_keras.read_image` reads, of any number type. They are
            laid on white where they are translucent. Crops of stacks are those of random planes.
        size: int, side of the square crops in pixels, at the image's own resolution. An image
            whose shorter side is smaller is enlarged until this side is `size`.
        batch_size: int, number of crops in a batch.
        crops_per_image: int, number of crops from each image in a pass. Several crops save time:
            opening an image of 12 megapixels takes as long as a small model takes to learn from
            several crops.
        channels: int, number of channels of the crops. Three colours become three channels, or
            one by their luma; a grey image is repeated. Of an image with any other number of
            channels each crop shows one, chosen at random. An image of `channels` channels is
            taken as it is, unless these are 1 or 3.
        seed: int, for order and crops.
        scaling: `umbed_keras.Scaling` of the images' numbers; None is `Scaling()`.
        channel_choice: indices or names of the channels of the images to use; None uses all.
        axes: axes of files that do not name theirs, such as `"zyx"`.
        **kwargs: `workers` and further arguments of `keras.utils.PyDataset`.

    Attributes:
        unreadable: dictionary from the path of a file that could not be read to the reason. Crops
            of the next image of the pass take its place.

    Indexing it returns a NumPy array `(batch_size, size, size, channels)`: uint8 if all its images
    have 8 bits, else float32 in 0..1, 0 where there are no data. The last batch of a pass may be
    smaller.

    Raises:
        ValueError: if `folder` holds no images, or is an empty list.
        ValueError: if a size or `channels` is not a positive integer.
        ValueError: on indexing, if no file can be read.

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
        scaling: Scaling | None = None,
        channel_choice: Sequence[int | str] | None = None,
        axes: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_integers(
            size=(1, size),
            batch_size=(1, batch_size),
            crops_per_image=(1, crops_per_image),
            channels=(1, channels),
            seed=(0, seed),
        )
        if isinstance(folder, (str, os.PathLike)):
            found = folder_files(folder)
            self.files = list(found.images)
            if found.left_out:
                names = ", ".join(path.name for path in found.left_out)
                warnings.warn(f"Files of `folder` that are left out: {names}", stacklevel=2)
        else:
            self.files = list(folder)
        if not self.files:
            raise ValueError("`folder` must name at least one file. Received: []")
        self.size = int(size)
        self.batch_size = int(batch_size)
        self.crops_per_image = int(crops_per_image)
        self.channels = int(channels)
        self.seed = int(seed)
        self.scaling = scaling or Scaling()
        self.channel_choice, self.axes = channel_choice, axes
        self.unreadable: dict[str, str] = {}
        self._scalings: dict[str, Scaling] = {}
        self._checked = False

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
            NumPy array `(batch_size, size, size, channels)`, or fewer crops at the end of a pass.
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
            crops += self._crops(int(order[index]), count, random)
        batch = _joined(crops)
        if not self._checked:
            self._checked = True
            warn_if_flat(batch / 255 if batch.dtype == np.uint8 else batch, "The first batch")
        return batch

    def _crops(self, place: int, count: int, random: np.random.Generator) -> list[np.ndarray]:
        """Returns random square crops of the file at a place, or of the next that can be read."""
        for step in range(len(self.files)):
            file = self.files[(place + step) % len(self.files)]
            if str(file) in self.unreadable:
                continue
            try:
                return self._crops_of(file, count, random)
            except (OSError, TypeError, ValueError) as error:
                self.unreadable[str(file)] = f"{type(error).__name__}: {error}"
                warnings.warn(
                    f"{file} is left out, and crops of another image take its place: {error}",
                    stacklevel=4,
                )
        name, error = next(iter(self.unreadable.items()))
        raise ValueError(f"None of the {len(self.files)} images can be read. {name}: {error}")

    def _crops_of(
        self, file: PathLike, count: int, random: np.random.Generator
    ) -> list[np.ndarray]:
        size, image = self.size, read_image(file, self.axes)
        scaling = self._scaling_of(str(file), image)
        height, width = image.height, image.width
        small = min(height, width) < size
        whole = None
        crops = []
        for _ in range(count):
            plane = tuple(int(random.integers(side)) for side in image.plane_shape)
            groups = self._groups(image)
            group = groups[int(random.integers(len(groups)))] if len(groups) > 1 else groups[0]
            kept = plane, group
            if whole is None or whole[0] != kept:
                view = PlanePixels(image, scaling, plane, group, self.channels)
                # Files that are decoded as a whole are decoded once.
                pixels = view if height * width > _WHOLE and not small else view[:, :]
                whole = kept, enlarged(pixels, size) if small else pixels
            pixels = whole[1]
            left, top = (int(random.integers(side - size + 1)) for side in pixels.shape[1::-1])
            # A view would keep the whole image in memory.
            crops.append(np.array(pixels[top : top + size, left : left + size]))
        return crops

    def _groups(self, image: Image) -> list[tuple[int, ...]]:
        colors = self.channels == 1 and image.is_rgb and self.channel_choice is None
        return channel_groups(image, 3 if colors else self.channels, self.channel_choice)

    def _scaling_of(self, file: str, image: Image) -> Scaling:
        if self.scaling.scope == "collection" and not self.scaling.is_fitted:
            self.scaling = self.scaling.fit(self._readable())
        if self.scaling.is_fitted:
            return self.scaling
        if file not in self._scalings:
            self._scalings[file] = self.scaling.fit(image)
        return self._scalings[file]

    def _readable(self) -> list[Image]:
        """Some of the images, evenly spread, for a scaling of all of them."""
        positions = np.unique(np.linspace(0, len(self.files) - 1, _SAMPLED).astype(int))
        images = []
        for position in positions:
            try:
                image = read_image(self.files[position], self.axes)
                sample(image, 1)
                images.append(image)
            except (OSError, TypeError, ValueError):
                continue  # named when its crops are drawn
        return images


def _joined(crops: list[np.ndarray]) -> np.ndarray:
    """A batch of crops: uint8 if all have 8 bits, else float32."""
    if any(crop.dtype != np.uint8 for crop in crops):
        crops = [crop / np.float32(255) if crop.dtype == np.uint8 else crop for crop in crops]
    return np.stack(crops)
