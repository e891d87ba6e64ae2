"""Batches of images for training, from every kind of data."""

import itertools
from typing import Any

import keras
import numpy as np

from umbed_keras.images.arrays import check_images
from umbed_keras.images.folder import ImageFolder
from umbed_keras.ops.checks import check_integers


def batch_images(batch: Any) -> Any:
    """Returns the images of a batch that a loader yields.

    Args:
        batch: images, or a tuple or list that begins with images, such as `(images, labels)`.

    Returns:
        The images, unchanged.

    Raises:
        ValueError: if `batch` is empty, or a dictionary.
        ValueError: if the tuple has a third part, the `sample_weight` of Keras.

    Examples:
        >>> batch_images(("images", "labels"))
        'images'
    """
    if isinstance(batch, (tuple, list)):
        if len(batch) == 0:
            raise ValueError("The data yielded an empty batch; it must yield images.")
        if len(batch) > 2 and batch[2] is not None:
            raise ValueError(
                "The data yielded a third part, `sample_weight`, which models of images do not "
                "use. It must yield images, or tuples (images, labels)."
            )
        batch = batch[0]
    if isinstance(batch, dict):
        raise ValueError(
            "The data must yield images, or tuples that begin with images. "
            f"Received a dictionary with keys {sorted(batch)}."
        )
    return batch


def first_images(data: Any, channels: int, count: int) -> list[np.ndarray]:
    """Returns the first images of any data that `ImageBatches` takes.

    Reading stops after enough batches, and the length of the data is not needed. Thus the data may
    be endless.

    Args:
        data: array of images, `keras.utils.PyDataset` or iterable of batches.
        channels: int, channels that the images must have.
        count: int, number of images.

    Returns:
        List of at most `count` NumPy arrays `(height, width, channels)`, uint8 or float32.

    Raises:
        TypeError: if images are neither uint8 nor floats.
        ValueError: if there are no images, or images have another shape or values outside 0..1.

    Examples:
        >>> batches = [np.zeros((2, 8, 8, 3), "uint8")] * 5
        >>> images = first_images(batches, channels=3, count=3)
        >>> len(images), images[0].shape
        (3, (8, 8, 3))
    """
    if hasattr(data, "shape"):
        return list(check_images(data[:count], channels))
    if isinstance(data, keras.utils.PyDataset):
        dataset, length = data, data.num_batches
        indices = itertools.count() if length is None else range(length)
        data = (dataset[index] for index in indices)
    images = []
    for batch in data:
        images.extend(check_images(batch_images(batch), channels))
        if len(images) >= count:
            break
    if not images:
        raise ValueError("The data must hold at least one image. Received none.")
    return images[:count]


class ImageBatches(keras.utils.PyDataset):
    """Batches of images from every kind of data, with random pixels to learn from.

    Order and pixels are determined by the seed and the number of the step. A training that is
    interrupted and resumed at an epoch sees the same data as one without a break.

    Args:
        source: array `(n, height, width, channels)`, `ImageFolder`, another
            `keras.utils.PyDataset`, or an iterable of batches that can be iterated repeatedly
            (`tf.data.Dataset`, PyTorch `DataLoader`, grain). Batches are images, or tuples that
            begin with images.
        channels: int, channels that the images must have.
        batch_size: int, images in a batch from an array; None is 16.
        pixels_per_image: int, number of random pixels for each image; None for no pixels.
        shuffle: bool, True draws a new order for every pass over an array or a PyDataset. An
            `ImageFolder` has its own order.
        seed: int.
        steps_per_epoch: int, batches in an epoch; None for one pass.
        restart: bool, True starts an iterable anew at every epoch, whatever `steps_per_epoch`.
        replicas: int, number of devices or processes that share every batch equally.
        share: int, index of the replica whose images are returned; None returns all of them.
        bare: bool, True returns images without the dictionary.

    Indexing it returns a tuple of one element: a dictionary with `images`
    `(batch, height, width, channels)`, uint8 or float32, and, if there are pixels, int32 `rows`
    and `cols` `(batch, pixels_per_image)`. With `bare` the element is the images.

    Raises:
        TypeError: if `source` is none of these kinds, or images are neither uint8 nor floats.
        ValueError: if images have another shape or values outside 0..1, or there are none.
        ValueError: if the length of `source` is not known and there is no `steps_per_epoch`.
        ValueError: if `replicas` do not divide a batch.
        ValueError: if a PyTorch loader for several processes has a `DistributedSampler`.

    Examples:
        >>> images = np.zeros((5, 8, 10, 3), "uint8")
        >>> batches = ImageBatches(images, channels=3, batch_size=2, pixels_per_image=7)
        >>> batches.num_batches
        3
        >>> inputs, = batches[0]
        >>> {name: part.shape for name, part in inputs.items()}
        {'images': (2, 8, 10, 3), 'rows': (2, 7), 'cols': (2, 7)}
    """

    def __init__(
        self,
        source: Any,
        channels: int,
        batch_size: int | None = None,
        pixels_per_image: int | None = None,
        shuffle: bool = False,
        seed: int = 0,
        steps_per_epoch: int | None = None,
        restart: bool = False,
        replicas: int = 1,
        share: int | None = None,
        bare: bool = False,
    ):
        is_dataset = isinstance(source, keras.utils.PyDataset)
        parallel = ("workers", "use_multiprocessing", "max_queue_size") if is_dataset else ()
        super().__init__(**{name: getattr(source, name) for name in parallel})
        self.source = source
        self.channels = channels
        self.pixels_per_image = pixels_per_image
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = 0
        self.batch_size = 16 if batch_size is None else batch_size
        self.restart = restart
        self.replicas = replicas
        self.share = share
        self.bare = bare
        check_integers(batch_size=(1, self.batch_size))
        if pixels_per_image is not None:
            check_integers(pixels_per_image=(1, pixels_per_image))
        # Arrays with a row for each image of an array, whose rows batches contain as `features`.
        self.features: tuple[np.ndarray, ...] = ()
        self._order_of = None
        self._iterator = None
        if is_dataset:
            self._read, self._pass_length = self._from_dataset, source.num_batches
        elif hasattr(source, "shape") and hasattr(source, "dtype"):
            self.source = check_images(source, channels)
            if not len(self.source):
                raise ValueError("`images` must hold at least one image. Received none.")
            self._read = self._from_array
            self._pass_length = -(-len(self.source) // self.batch_size)
            self._check_shares(min(self.batch_size, len(self.source)))
            self._check_shares(len(self.source) % self.batch_size)
        elif hasattr(source, "__iter__"):
            if share is not None:
                _check_undivided(source)
            self._read = self._from_iterable
            self._pass_length = None if steps_per_epoch else self._count()
        else:
            raise TypeError(
                "The data must be an array of images, a keras.utils.PyDataset, a "
                "tf.data.Dataset, a torch DataLoader, a grain loader or another iterable of "
                f"batches. Received: {type(source).__name__}"
            )
        steps = steps_per_epoch or self._pass_length
        if not steps:
            raise ValueError("The data has no length; pass `steps_per_epoch`.")
        self._steps = steps

    @property
    def num_batches(self) -> int:
        """Number of batches in an epoch."""
        return self._steps

    @property
    def is_shared(self) -> bool:
        """Whether several devices or processes share every batch."""
        return self.replicas > 1 or self.share is not None

    def __getitem__(self, index: int) -> tuple[Any]:
        step = self.epoch * self._steps + index
        images = check_images(batch_images(self._read(step, index)), self.channels)
        self._check_shares(len(images))
        inputs = {"images": images}
        if self.features:
            rows = self._rows(step)
            inputs["features"] = tuple(part[rows] for part in self.features)
        if self.pixels_per_image is not None:
            batch, height, width = images.shape[:3]
            random = np.random.default_rng((self.seed, step))
            shape = (batch, self.pixels_per_image)
            inputs["rows"] = random.integers(height, size=shape, dtype="int32")
            inputs["cols"] = random.integers(width, size=shape, dtype="int32")
        if self.share is not None:
            inputs = {name: part[self.share :: self.replicas] for name, part in inputs.items()}
        return (inputs["images"],) if self.bare else (inputs,)

    def on_epoch_begin(self) -> None:
        if isinstance(self.source, keras.utils.PyDataset):
            self.source.on_epoch_begin()

    def on_epoch_end(self) -> None:
        if isinstance(self.source, keras.utils.PyDataset):
            self.source.on_epoch_end()

    def _check_shares(self, count: int) -> None:
        """Raises ValueError if `replicas` do not divide the number of images in a batch.

        Replicas with unequal shares would weigh images differently.
        """
        if count % self.replicas:
            raise ValueError(
                f"{self.replicas} devices train together, and can't share a batch of {count} "
                "images equally. Pass another `batch_size`, or leave out images that are over."
            )

    def _order(self, count: int, pass_number: int) -> np.ndarray:
        """Returns the order of `count` elements in a pass."""
        if not self.shuffle:
            return np.arange(count)
        cached = self._order_of  # read once, because workers share it
        if cached is None or cached[0] != pass_number:
            order = np.random.default_rng((self.seed, pass_number, count)).permutation(count)
            cached = self._order_of = (pass_number, order)
        return cached[1]

    def _from_array(self, step, index):
        return self.source[self._rows(step)]

    def _rows(self, step: int) -> np.ndarray:
        """Returns which images of an array are those of a step."""
        pass_number, position = divmod(step, self._pass_length)
        order = self._order(len(self.source), pass_number)
        return order[position * self.batch_size : (position + 1) * self.batch_size]

    def _from_dataset(self, step, index):
        if isinstance(self.source, ImageFolder):
            return self.source.at_step(step)
        if self._pass_length is None:  # an endless dataset
            return self.source[step]
        pass_number, position = divmod(step, self._pass_length)
        return self.source[int(self._order(self._pass_length, pass_number)[position])]

    def _from_iterable(self, step, index):
        if self._iterator is None or (index == 0 and (self.restart or self._pass_length)):
            self._iterator = iter(self.source)
        try:
            return next(self._iterator)
        except StopIteration:
            self._iterator = iter(self.source)
        try:
            return next(self._iterator)
        except StopIteration:
            raise ValueError(
                "The data ran out: it can't be iterated a second time. Pass something that can, "
                "or fewer `steps_per_epoch`."
            ) from None

    def _count(self) -> int:
        """Returns the number of batches in a pass; a source without a length is read once."""
        try:
            return len(self.source)
        except TypeError:
            pass
        if iter(self.source) is self.source:
            raise ValueError(
                "The data can be iterated only once and has no length; pass `steps_per_epoch`."
            )
        return sum(1 for _ in self.source)


class EpochNumber(keras.callbacks.Callback):
    """Callback that sets the `epoch` of an `ImageBatches`.

    Args:
        batches: `ImageBatches` that the model is fitted to.

    Examples:
        >>> batches = ImageBatches(np.zeros((4, 8, 8, 3), "uint8"), channels=3)
        >>> EpochNumber(batches).on_epoch_begin(2)
        >>> batches.epoch
        2
    """

    def __init__(self, batches: ImageBatches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.batches.epoch = epoch


def _check_undivided(loader):
    """Raises ValueError for a PyTorch loader that gives each process other images."""
    from torch.utils.data.distributed import DistributedSampler

    if isinstance(getattr(loader, "sampler", None), DistributedSampler):
        raise ValueError(
            "A DataLoader for several processes must give each of them the same batches, which "
            "`fit` divides itself. Received: one with a DistributedSampler."
        )
