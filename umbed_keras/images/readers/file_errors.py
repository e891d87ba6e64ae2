"""Errors of image files that cannot be read."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image


@contextlib.contextmanager
def readable(file: Any) -> Iterator[None]:
    """Context manager in which every error of a broken file becomes a ValueError that names it.

    Errors of the file system (OSError with an errno), ImportError and MemoryError pass unchanged.

    Args:
        file: path, or a file object.

    Yields:
        None.

    Raises:
        ValueError: if the code inside raises any other error.

    Examples:
        >>> with readable("image.tif"):
        ...     raise KeyError("ImageWidth")
        Traceback (most recent call last):
        ValueError: image.tif is no image that can be read. KeyError: 'ImageWidth'
    """
    name = file if isinstance(file, (str, Path)) else getattr(file, "name", file)
    try:
        yield
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"{name} has far too many pixels. {error} (`PIL.Image.MAX_IMAGE_PIXELS` sets it.)"
        ) from error
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # parsers of files raise many kinds
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(
            f"{name} is no image that can be read. {type(error).__name__}: {error}"
        ) from error
