"""Image files, and the names that their results have."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from umbed_keras.images.folder_files import FolderFiles, folder_files
from umbed_keras.images.image import Image
from umbed_keras.images.read_image import read_image
from umbed_keras.segmentation.files.strokes_beside import is_strokes


@dataclass(frozen=True)
class ImageFile:
    """A file that holds an image.

    Attributes:
        path: path of the file.
        axes: axes of the file, where it does not name them.
        series: which of several images in the file it is.

    Examples:
        >>> np.save("stack.npy", np.zeros((2, 4, 5), "uint8"))
        >>> ImageFile(Path("stack.npy"), "zyx").open().num_planes
        2
    """

    path: Path
    axes: str | None = None
    series: int | str | None = None

    def open(self) -> Image:
        """Opens the image.

        Raises:
            OSError: if there is no such file.
            ValueError: if it is no image that can be read.
        """
        return read_image(self.path, self.axes, self.series)


def images_in(folder: Path, output: Path) -> FolderFiles:
    """Finds the images of a folder, strokes and results left out.

    Args:
        folder: path of the folder.
        output: path of the folder of results, which may lie within it.

    Raises:
        ValueError: if the folder holds no images.

    Examples:
        >>> Path("photos/results").mkdir(parents=True)
        >>> for name in ("a.jpg", "a.strokes.png", "results/a.labels.png"):
        ...     Path("photos", name).touch()
        >>> [path.name for path in images_in(Path("photos"), Path("photos/results")).images]
        ['a.jpg']
    """
    files, results = folder_files(folder), output.resolve()
    paths = [path for path in files.images if results not in path.resolve().parents]
    paths = [path for path in paths if not is_strokes(path)]
    if not paths:
        raise ValueError(f"{folder} holds no images.")
    return FolderFiles(tuple(paths), files.left_out)


def result_names(folders: Iterable[tuple[Path, Iterable[Path]]]) -> dict[Path, str]:
    """Names the results of images by their paths below their folders, without suffix.

    Args:
        folders: folders with the paths of their images. A file that lies in several of them, under
            whatever path, is named after the last.

    Returns:
        Dictionary from the path of each image to its name.

    Raises:
        ValueError: if two images have one name.

    Examples:
        >>> result_names([(Path("a"), [Path("a/b/c.jpg")])])[Path("a/b/c.jpg")]
        'b/c'
    """
    names: dict[Path, str] = {}
    same: dict[Path, Path] = {}
    for folder, paths in folders:
        for path in paths:
            names.pop(same.get(path.resolve()), None)
            same[path.resolve()] = path
            names[path] = path.relative_to(folder).with_suffix("").as_posix()
    check_names(names)
    return names


def check_names(names: Mapping[Path, str]) -> None:
    """Checks that no two images have one name.

    Args:
        names: path of each image to its name.

    Raises:
        ValueError: if they have.

    Examples:
        >>> check_names({Path("a.jpg"): "a", Path("a.png"): "a"})
        Traceback (most recent call last):
        ValueError: Names of images must differ without their suffix. Received: ['a', 'a']
    """
    if len(set(names.values())) < len(names):
        raise ValueError(
            f"Names of images must differ without their suffix. Received: {sorted(names.values())}"
        )
