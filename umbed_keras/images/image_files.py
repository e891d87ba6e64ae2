"""The image files in a folder."""

from collections.abc import Sequence
from pathlib import Path

from umbed_keras.typing import PathLike

# Of files that `pillow_files.open_image` reads.
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


def image_files(folder: PathLike, suffixes: Sequence[str] = SUFFIXES) -> list[Path]:
    """Lists the images in a folder and its subfolders.

    Hidden files are left out, such as the `._0.png` that macOS puts beside `0.png`.

    Args:
        folder: path of the folder.
        suffixes: lower-case suffixes that tell images from other files; case does not matter.

    Returns:
        List of paths, sorted by name.

    Raises:
        ValueError: if there are no images, or no such folder.

    Examples:
        >>> Path("b.PNG").touch(), Path("a.jpg").touch(), Path("notes.txt").touch()
        (None, None, None)
        >>> [path.name for path in image_files(".")]
        ['a.jpg', 'b.PNG']
    """
    folder = Path(folder)
    files = [file for file in visible(folder) if file.suffix.lower() in suffixes and file.is_file()]
    if not files:
        raise ValueError(
            f"`folder` must be a folder of images ({', '.join(suffixes)}). "
            f"Received: {str(folder)!r}, which holds no images."
        )
    return files


def visible(folder: PathLike) -> list[Path]:
    """Lists the files and folders below a folder that are not hidden.

    Args:
        folder: path of the folder.

    Returns:
        List of paths, sorted by name. It is empty if there is no such folder.

    Examples:
        >>> Path("a.txt").touch(), Path(".b.txt").touch()
        (None, None)
        >>> [path.name for path in visible(".")]
        ['a.txt']
    """
    paths = {path.relative_to(folder): path for path in Path(folder).rglob("*")}
    return [paths[path] for path in sorted(paths, key=Path.as_posix) if not is_hidden(path)]


def is_hidden(path: Path) -> bool:
    """Tells whether a relative path is hidden or lies in a hidden folder.

    Args:
        path: path relative to the folder that is searched.

    Returns:
        bool.

    Examples:
        >>> is_hidden(Path(".trash/0.png")), is_hidden(Path("images/0.png"))
        (True, False)
    """
    return any(part.startswith(".") for part in path.parts)
