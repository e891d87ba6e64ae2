"""Chooses Keras's backend before Keras is imported."""

import importlib.util
import json
import os
import sys
from pathlib import Path

BACKENDS = ("torch", "jax", "tensorflow")


def keras_json_backend():
    """The backend that `keras.json` names, or None."""
    home = os.environ.get("KERAS_HOME")
    folder = Path(home) if home else Path.home() / ".keras"
    try:
        return json.loads((folder / "keras.json").read_text()).get("backend")
    except (OSError, ValueError, AttributeError):
        return None


def choose_backend():
    """Sets `KERAS_BACKEND` unless the user has already decided.

    The order: an imported Keras; `KERAS_BACKEND`; the backend in `keras.json` if it is installed
    (Keras writes `tensorflow` there by itself, so the name alone is no wish); the first installed
    of torch, jax and tensorflow.

    Raises:
        ImportError: no backend is installed.
    """
    if "keras" in sys.modules or os.environ.get("KERAS_BACKEND"):
        return
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    if not installed:
        raise ImportError(
            "umbed_keras needs PyTorch, JAX or TensorFlow, and none is installed. Install one with "
            '`pip install "umbed_keras[torch]"`, `pip install "umbed_keras[jax]"` or '
            '`pip install "umbed_keras[tensorflow]"`.'
        )
    wished = keras_json_backend()
    os.environ["KERAS_BACKEND"] = wished if wished in installed else installed[0]
