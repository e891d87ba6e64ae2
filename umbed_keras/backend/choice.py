"""The choice of a backend, before Keras is imported."""

import importlib.util
import json
import os
import sys
from pathlib import Path

BACKENDS = ("torch", "jax", "tensorflow")


def choose_backend() -> None:
    """Sets the environment variable `KERAS_BACKEND`, unless the user has chosen a backend.

    A choice is, in this order: a Keras that is imported already; `KERAS_BACKEND`; the backend in
    `keras.json`, if it is installed (Keras writes `tensorflow` there by itself); the first of
    torch, jax and tensorflow that is installed.

    Raises:
        ImportError: if no backend is installed.

    Examples:
        >>> choose_backend()
        >>> keras.backend.backend() in BACKENDS
        True
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
    configured = _configured_backend()
    os.environ["KERAS_BACKEND"] = configured if configured in installed else installed[0]


def _configured_backend():
    """The backend that `keras.json` names, or None."""
    home = os.environ.get("KERAS_HOME")
    folder = Path(home) if home else Path.home() / ".keras"
    try:
        return json.loads((folder / "keras.json").read_text()).get("backend")
    except (OSError, ValueError, AttributeError):
        return None
