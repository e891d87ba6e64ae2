"""Batches of images from every source, and the pixels of them to learn from."""

import itertools

import keras
import numpy as np

from umbed_keras.images.arrays import check_images
from umbed_keras.images.folder import ImageFolder
from umbed_keras.ops.checks import check_integers


def batch_images(batch):
    """The images of a loader's batch: the batch itself or its first part."""
    if isinstance(batch, (tuple, list)):
        if not batch:
            raise ValueError("The data yielded an empty batch; it must yield images.")
        batch = batch[0]
    if isinstance(batch, dict):
        raise ValueError(
            "The data must yield images, or tuples that begin with images. "
            f"Received a dictionary with keys {sorted(batch)}."
        )
    return batch


def first_images(data, channels, count):
    """The first `count` images of what `ImageBatches` takes, a list of checked arrays.

    Nothing is asked of the data's length, so that endless data do.
    """
    if hasattr(data, "shape"):
        return list(check_images(data[:count], channels))
    if isinstance(data, keras.utils.PyDataset):
        dataset, length = data, data.num_batches
        places = itertools.count() if length is None else range(length)
        data = (dataset[index] for index in places)
    images = []
    for batch in data:
        images.extend(check_images(batch_images(batch), channels))
        if len(images) >= count:
            break
    if not images:
        raise ValueError("The data must hold at least one image. Received none.")
    return images[:count]


def _check_undivided(loader):
    """Raises ValueError for a torch `DataLoader` that gives each process other images."""
    from torch.utils.data.distributed import DistributedSampler

    if isinstance(getattr(loader, "sampler", None), DistributedSampler):
        raise ValueError(
            "A DataLoader for several processes must give each of them the same batches, which "
            "`fit` divides itself. Received: one with a DistributedSampler."
        )


class ImageBatches(keras.utils.PyDataset):
    """One shape of data for every source of images, and the pixels to learn from.

    Order and pixels are functions of the seed and the number of the step, so a run that is broken
    off and resumed at an epoch sees what it would have seen.

    Args:
        source: array `(n, height, width, channels)`, `ImageFolder`, another
            `keras.utils.PyDataset`, or an iterable of batches that can be iterated again
            (`tf.data.Dataset`, torch `DataLoader`, grain). Batches are images or tuples that begin
            with images.
        channels: int.
        batch_size: int, for arrays.
        pixels_per_image: int, or None to sample no pixels.
        shuffle: bool, for arrays and PyDatasets; an `ImageFolder` has an order of its own.
        seed: int.
        steps_per_epoch: int or None for one pass.
        restart: bool; True begins an iterable anew every epoch, whatever `steps_per_epoch`.
        replicas: int, devices or processes that share every batch equally.
        share: int, gives only this replica's images of each batch; None all of them.
        bare: bool; True yields images alone, and not in a dictionary.

    Yields:
        `({"images", "rows", "cols"},)`, `({"images"},)` or `(images,)`.
    """

    def __init__(
        self,
        source,
        channels,
        batch_size=None,
        pixels_per_image=None,
        shuffle=False,
        seed=0,
        steps_per_epoch=None,
        restart=False,
        replicas=1,
        share=None,
        bare=False,
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
        self._order_of = (None, None)
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
        self._steps = steps_per_epoch or self._pass_length
        if not self._steps:
            raise ValueError("The data has no length; pass `steps_per_epoch`.")

    @property
    def num_batches(self):
        return self._steps

    def __getitem__(self, index):
        step = self.epoch * self._steps + index
        images = check_images(batch_images(self._read(step, index)), self.channels)
        self._check_shares(len(images))
        inputs = {"images": images}
        if self.pixels_per_image is not None:
            batch, height, width = images.shape[:3]
            random = np.random.default_rng((self.seed, step))
            shape = (batch, self.pixels_per_image)
            inputs["rows"] = random.integers(height, size=shape, dtype="int32")
            inputs["cols"] = random.integers(width, size=shape, dtype="int32")
        if self.share is not None:
            inputs = {name: part[self.share :: self.replicas] for name, part in inputs.items()}
        return (inputs["images"],) if self.bare else (inputs,)

    def on_epoch_begin(self):
        if isinstance(self.source, keras.utils.PyDataset):
            self.source.on_epoch_begin()

    def on_epoch_end(self):
        if isinstance(self.source, keras.utils.PyDataset):
            self.source.on_epoch_end()

    def _check_shares(self, count):
        """A batch that replicas can't share equally would weigh its images differently."""
        if count % self.replicas:
            raise ValueError(
                f"{self.replicas} devices train together, and can't share a batch of {count} "
                "images equally. Pass another `batch_size`, or leave out images that are over."
            )

    def _order(self, count, number):
        """The order of `count` things in pass `number`."""
        if not self.shuffle:
            return np.arange(count)
        cached, order = self._order_of  # one read: workers share it
        if cached != number:
            order = np.random.default_rng((self.seed, number, count)).permutation(count)
            self._order_of = (number, order)
        return order

    def _from_array(self, step, index):
        number, place = divmod(step, self._pass_length)
        order = self._order(len(self.source), number)
        return self.source[order[place * self.batch_size : (place + 1) * self.batch_size]]

    def _from_dataset(self, step, index):
        if isinstance(self.source, ImageFolder):
            return self.source.at_step(step)
        if self._pass_length is None:  # an endless dataset
            return self.source[step]
        number, place = divmod(step, self._pass_length)
        return self.source[int(self._order(self._pass_length, number)[place])]

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

    def _count(self):
        """Batches of a pass; a source that can't say is read once."""
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
    """Tells `ImageBatches` which epoch it serves."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.epoch = epoch
