"""Checks an ONNX file by running it."""

import importlib.metadata
import importlib.util
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.gradients import unrecorded

# Size of the images that are tried: another one than those that the graph was traced with.
TRIED = (1, 19, 26)
# Difference, relative to the largest number, that is more than rounding.
TOLERANCE = 1e-3
# Share of numbers that may differ more, because a code at the border of two may be the other.
SHARE = 0.05
# Earlier versions of onnx write graphs of transformers that no runtime reads.
_LEAST_ONNX = (1, 18)


def check_onnx(path: Path, model: keras.Model, what: str) -> None:
    """Checks that ONNX Runtime computes what a model computes of a small image.

    Without ONNX Runtime nothing is checked.

    Args:
        path: path of the file.
        model: a `umbed_keras.models.base.image_model.ImageModel`, on PyTorch.
        what: str, the name of one of `model.graphs`.

    Raises:
        RuntimeError: if ONNX Runtime does not run the file, or computes other numbers.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=4, latent_dim=2, filters=4, residual_blocks=0)
        >>> Path("broken.onnx").write_bytes(b"")
        0
        >>> if importlib.util.find_spec("onnxruntime"):
        ...     try:
        ...         check_onnx(Path("broken.onnx"), model, "encode")
        ...     except RuntimeError as error:
        ...         assert "can't be exported" in str(error)
    """
    if importlib.util.find_spec("onnxruntime") is None:
        return
    import onnxruntime

    refusal = f"{what!r} of this {type(model).__name__} can't be exported: "
    low, high = model.graphs[what].limits
    _, dtype = model.graphs[what].inputs.get("images", (None, "float32"))
    images = np.random.default_rng(0).random((*TRIED, model.channels), "float32")
    inputs = {"images": (low + (high - low) * images).astype(dtype)}
    if "images" not in model.graphs[what].inputs:
        inputs = _run(model, "encode", inputs)
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        names = [item.name for item in session.get_outputs()]
        wanted = [item.name for item in session.get_inputs()]
        values = session.run(names, {name: inputs[name] for name in wanted})
    except Exception as error:  # each state of ONNX Runtime is a class of its own
        raise RuntimeError(
            f"{refusal}ONNX Runtime does not run the file. {_common_reason()} "
            f"ONNX Runtime says: {error}"
        ) from error
    expected = _run(model, what, inputs)
    for name, actual in zip(names, values, strict=True):
        share = _share_that_differs(actual, expected[name])
        if share > SHARE:
            raise RuntimeError(
                f"{refusal}{100 * share:.3g} % of the numbers of {name!r} that ONNX Runtime "
                "computes of a small image differ from the model's own."
            )


def _common_reason() -> str:
    """Says what to try first."""
    version = importlib.metadata.version("onnx")
    if tuple(map(int, version.split(".")[:2])) < _LEAST_ONNX:
        return f'onnx {version} writes some graphs wrongly: `pip install "onnx>=1.18"`.'
    return (
        "Layers of a backbone that compute in half precision are a common reason: make its "
        "network with dtype='float32'."
    )


def _run(model: Any, what: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Computes one of the model's graphs and returns its outputs by name."""
    graph = model.graphs[what]
    tensors = {name: ops.convert_to_tensor(inputs[name]) for name in graph.inputs}
    with unrecorded(), keras.StatelessScope():
        results = graph.run(**tensors)
    if not isinstance(results, dict):
        results = dict(zip(graph.outputs, [results], strict=True))
    return {name: ops.convert_to_numpy(results[name]) for name in graph.outputs}


def _share_that_differs(actual: np.ndarray, expected: np.ndarray) -> float:
    if actual.shape != expected.shape or not expected.size:
        return float(actual.shape != expected.shape)
    difference = np.abs(actual.astype("float64") - expected)
    # NaN differs from all but NaN.
    equal = (difference <= TOLERANCE * np.nanmax(np.abs(expected), initial=1e-6)) | (
        np.isnan(actual) & np.isnan(expected)
    )
    return float(1 - equal.mean())
