"""The process of the command `umbed-keras`, which begins without Keras."""

import importlib
import os
import sys

_SCRIPT = "umbed-keras"
_MODULE = "umbed_keras"


def runs_command() -> bool:
    """Returns whether this process was started as `umbed-keras` or `python -m umbed_keras`.

    Processes that these start are others: they import the whole package.

    Examples:
        >>> runs_command()
        False
    """
    # Processes of `multiprocessing` have the arguments of the program that started them.
    if not 0 < len(sys.argv) <= len(sys.orig_argv):
        return False
    # While `python -m` looks for its module, the first argument is "-m".
    program = sys.orig_argv[-len(sys.argv)]
    if sys.argv[:1] == ["-m"]:
        return program == _MODULE
    return os.path.splitext(os.path.basename(program))[0] == _SCRIPT


def load_library() -> None:
    """Imports the package as `import umbed_keras` does elsewhere: the backend, and all classes.

    Examples:
        >>> load_library()
        >>> "umbed_keras>PixelEmbedder" in keras.saving.get_custom_objects()
        True
    """
    importlib.import_module("umbed_keras.library")
