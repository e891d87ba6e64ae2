"""Packages of the extra `stores`."""

import importlib


def extra(name):
    """The module `name`; ImportError, which names the pip command, where it isn't installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f'umbed_keras.stores needs {name} here: `pip install "umbed_keras[stores]"`.'
        ) from error
