"""The images of a project, their strokes, and where they lie."""

import os
from pathlib import Path

import numpy as np

from umbed_keras.images.folder_files import folder_files
from umbed_keras.images.image import Image
from umbed_keras.images.labels import as_training_labels, read_labels, write_labels
from umbed_keras.images.readers.hdf5 import split_dataset
from umbed_keras.segmentation.image_lists import join_planes, label_planes
from umbed_keras.segmentation.project.label_class import LabelClass, with_numbers
from umbed_keras.segmentation.project.project_image import ProjectImage
from umbed_keras.segmentation.project.runs import NO_RUNS, labels_of, runs_of
from umbed_keras.typing import ArrayLike, PathLike


class LabelledImages:
    """Images with strokes, known by their content: the half of `Project` that people draw on.

    Args:
        classes: number of each class to its `LabelClass`.

    Attributes:
        classes: the same, with the numbers that strokes brought along.
        images: dictionary from the key of each image to its `ProjectImage`.

    Examples:
        >>> np.save("picture.npy", np.zeros((4, 6), "uint8"))
        >>> project = uk.segmentation.Project()
        >>> key = project.add_image("picture.npy")
        >>> project.set_strokes(key, np.eye(4, 6, dtype=int))
        >>> project.strokes(key)[1].tolist(), project.classes[1].name
        ([0, 1, 0, 0, 0, 0], 'class 1')
    """

    def __init__(self, classes: dict[int, LabelClass]) -> None:
        self.classes = classes
        self.images: dict[str, ProjectImage] = {}

    @property
    def class_colors(self) -> dict[int, tuple[int, int, int]]:
        """Number of each class to the red, green and blue of its colour."""
        return {number: given.color for number, given in self.classes.items()}

    def add_image(
        self, path: PathLike, axes: str | None = None, series: int | str | None = None
    ) -> str:
        """Adds an image.

        Args:
            path, axes, series: as in `umbed_keras.read_image`; a file of this machine.

        Returns:
            The key by which the project knows the image, which follows from its content. An image
            that is there already keeps its strokes, and is found at `path` from now on.

        Raises:
            OSError: if there is no such file.
            ValueError: if it is no image that can be read, or lies on another machine.
        """
        return self.take_image(ProjectImage.of_file(path, axes, series))

    def take_image(self, image: ProjectImage) -> str:
        """Adds an image that is described already.

        Args:
            image: `ProjectImage` without strokes.

        Returns:
            As `add_image`.
        """
        known = self.images.get(image.key)
        if known is not None and dict(known.sizes) == dict(image.sizes):
            image.runs = known.runs
        self.images[image.key] = image
        return image.key

    def remove_image(self, key: str) -> None:
        """Removes an image and its strokes.

        Args:
            key: what `add_image` returned.

        Raises:
            KeyError: if there is no such image.
        """
        del self.images[self._image(key).key]

    def open_image(self, key: str) -> Image:
        """Opens an image.

        Args:
            key: what `add_image` returned.

        Returns:
            `umbed_keras.Image`.

        Raises:
            KeyError: if there is no such image.
            FileNotFoundError: if its file is not where it was.
            ValueError: if its file has other sizes than it had.
        """
        image = self._image(key)
        if not Path(split_dataset(str(image.path))[0]).exists():
            raise FileNotFoundError(
                f"{image.path} is missing: call `relocate` with the folder where it lies now."
            )
        return image.open()

    def set_strokes(
        self, key: str, labels: ArrayLike, plane: tuple[int, ...] | None = None
    ) -> None:
        """Replaces the strokes of an image, or of one plane of it.

        Args:
            key: what `add_image` returned.
            labels: integers, the class of each stroke's pixels, and 0 elsewhere: of the whole image
                with its axes but the channels, or `(height, width)` of a plane.
            plane: index of the plane along the axes of time and depth; None sets all planes.

        Raises:
            KeyError: if there is no such image.
            TypeError: if `labels` are no numbers.
            ValueError: if they are negative or no integers, or have another size; or if there is no
                such plane.
        """
        image, numbers = self._image(key), as_training_labels(labels)
        if plane is None:
            shape = tuple(image.sizes.values())
            planes = label_planes(_empty(image), numbers) if numbers.shape == shape else ()
        else:
            shape, planes = image.shape, [(self._plane(image, plane), numbers)]
        if numbers.shape != shape:
            raise ValueError(
                f"`labels` must have the shape {shape}, that of {image.name}. "
                f"Received: shape={numbers.shape}"
            )
        for index, part in planes:
            runs = runs_of(part)
            image.runs.pop(index, None)
            if len(runs):
                image.runs[index] = runs
        self.classes = with_numbers(self.classes, image.classes)

    def strokes(self, key: str, plane: tuple[int, ...] | None = None) -> np.ndarray:
        """Returns the strokes of an image, or of one plane of it.

        Args:
            key, plane: as in `set_strokes`.

        Returns:
            int64 array with the axes of the image but the channels, or `(height, width)` of a
            plane; 0 where there is no stroke.

        Raises:
            KeyError: if there is no such image.
            ValueError: if there is no such plane.
        """
        image = self._image(key)
        if plane is not None:
            return labels_of(image.runs.get(self._plane(image, plane), NO_RUNS), image.shape)
        parts = [
            labels_of(image.runs.get(index, NO_RUNS), image.shape)
            for index in np.ndindex(*image.plane_shape)
        ]
        return join_planes(_empty(image), parts)

    def import_strokes(self, key: str, path: PathLike, axes: str | None = None) -> None:
        """Replaces the strokes of an image by those of a label image.

        Any file of class numbers serves: of napari, of ImageJ, of ilastik (HDF5 or TIFF), a palette
        image, or an image of strokes in colours.

        Args:
            key: what `add_image` returned.
            path: path of the label image, as `umbed_keras.read_image` takes it.
            axes: axes of the label image, where it does not name them; None takes those of the
                image.

        Raises:
            KeyError: if there is no such image.
            OSError: if the file can't be read.
            ValueError: if it holds no integers, or has another size than the image.
        """
        image = self._image(key)
        letters = "".join(image.sizes)
        if axes:
            given = axes.lower().replace("c", "")
            labels = read_labels(path, axes)
            if sorted(given) == sorted(letters) and labels.ndim == len(given):
                labels = labels.transpose([given.index(axis) for axis in letters])
        else:
            labels = _read_labels(path, letters, tuple(image.sizes.values()))
        self.set_strokes(key, labels)

    def export_strokes(self, key: str, path: PathLike) -> Path:
        """Writes the strokes of an image as a label image.

        Args:
            key: what `add_image` returned.
            path: path of the label image, ending in `.png`, `.tif`, `.tiff` or `.npy`.

        Returns:
            The path of the file, which ends in `.tif` where PNG has no room, as for stacks.

        Raises:
            KeyError: if there is no such image.
            OSError: if the file can't be written.
            ValueError: if `path` has another suffix.
        """
        image = self._image(key)
        like = image.open() if image.is_present() else _empty(image)
        return write_labels(path, self.strokes(key), like, self.class_colors)

    @property
    def missing(self) -> list[str]:
        """The keys of the images that are not at their paths, or have other content there."""
        return [key for key, image in self.images.items() if not image.is_present()]

    def relocate(self, path: PathLike) -> list[str]:
        """Finds missing images again by their content.

        Args:
            path: the file of an image, or a folder, of which all subfolders are searched.

        Returns:
            The keys of the images that were found.

        Raises:
            ValueError: if `path` is a folder without images.
            FileNotFoundError: if there is no such file or folder.
        """
        path = Path(os.path.abspath(path))
        if not path.exists():
            raise FileNotFoundError(f"There is no file or folder {path}.")
        is_image = path.is_file() or path.suffix.lower() == ".zarr"
        files = [path] if is_image else folder_files(path).images
        result = []
        for key in self.missing:
            image = self.images[key]
            dataset = split_dataset(str(image.path))[1]
            # The old name comes first: it is most likely.
            for file in sorted(files, key=lambda file: file.name != image.name):
                if image.is_at(file / dataset if dataset else file):
                    image.path = file / dataset if dataset else file
                    result.append(key)
                    break
        return result

    def _image(self, key: str) -> ProjectImage:
        if key not in self.images:
            raise KeyError(f"The project has no image {key!r}.")
        return self.images[key]

    def _plane(self, image: ProjectImage, plane: tuple[int, ...]) -> tuple[int, ...]:
        shape = image.plane_shape
        index = tuple(int(part) for part in plane)
        if len(index) != len(shape) or any(
            not 0 <= part < size for part, size in zip(index, shape, strict=True)
        ):
            raise ValueError(f"`plane` must lie in {shape}. Received: {plane}")
        return index


def _empty(image: ProjectImage) -> Image:
    """An image of the same axes and sizes that holds nothing."""
    shape = tuple(image.sizes.values())
    return Image(np.broadcast_to(np.uint8(0), shape), "".join(image.sizes), name=image.name)


def _read_labels(path: PathLike, axes: str, shape: tuple[int, ...]) -> np.ndarray:
    """Reads labels of a shape, by the axes that the file names, or else by those of the image."""
    try:
        labels = read_labels(path)
        if labels.shape == shape:
            return labels
    except ValueError:  # its axes have no one meaning
        if len(axes) == 2:
            raise
    return read_labels(path, axes) if len(axes) > 2 else labels
