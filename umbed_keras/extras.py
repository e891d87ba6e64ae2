"""Packages that users install only for some features."""

import importlib
import importlib.util
from types import ModuleType


def import_extra(module: str, extra: str) -> ModuleType:
    """Imports a module of an optional package.

    Args:
        module: str, name of the module, such as `"matplotlib.figure"`.
        extra: str, name of the extra of umbed_keras that installs the package.

    Returns:
        The module.

    Raises:
        ImportError: if the package is not installed. The message names the pip command.

    Examples:
        >>> import_extra("json", "stores").dumps([1])
        '[1]'
        >>> import_extra("missing_package", "stores")
        Traceback (most recent call last):
        ImportError: missing_package is not installed: `pip install "umbed_keras[stores]"`.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:  # of it, or of a package that it needs
        raise _missing(error.name, extra) from error


def check_extra(module: str, extra: str) -> None:
    """Checks that a module of an optional package is installed, without importing it.

    Args:
        module: str, name of the module.
        extra: str, name of the extra of umbed_keras that installs the package.

    Raises:
        ImportError: if the module is not installed. The message names the pip command.

    Examples:
        >>> check_extra("json", "onnx")
        >>> check_extra("missing_package", "onnx")
        Traceback (most recent call last):
        ImportError: missing_package is not installed: `pip install "umbed_keras[onnx]"`.
    """
    if importlib.util.find_spec(module) is None:
        raise _missing(module, extra)


def _missing(package, extra):
    return ImportError(f'{package} is not installed: `pip install "umbed_keras[{extra}]"`.')
