"""Export of models to ONNX files."""

import importlib
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import keras
from keras import backend, ops

from umbed_keras.extras import check_extra
from umbed_keras.files import written_whole
from umbed_keras.models.base.onnx_check import check_onnx
from umbed_keras.typing import PathLike, Shape
from umbed_keras.version import __version__

# Batch, height and width of the images with which the exporter traces a graph. They are so large
# that no feature map inside has a size of 1, which the exporter would take for a constant.
TRACED_BATCH, TRACED_SIZE = 2, (37, 53)
# Names of these sizes in files.
AXES = ("batch", "height", "width")


class Graph(NamedTuple):
    """Function of tensors `(batch, height, width, ...)` that can be exported.

    Args:
        inputs: dictionary from the name of each argument to its trailing shape and dtype.
        outputs: tuple of the names of the tensors that it returns.
        run: the function. It returns a tensor, or a dictionary of tensors.
        limits: the least and the largest number of the images with which a file is tried.
        notes: entries of the file's metadata, in addition to or in place of the usual ones.
        traced_size: height and width of the images with which the graph is traced.

    Examples:
        >>> graph = Graph({"images": ((3,), "float32")}, ("doubled",), lambda images: 2 * images)
        >>> graph.outputs
        ('doubled',)
    """

    inputs: Mapping[str, tuple[Shape, str]]
    outputs: tuple[str, ...]
    run: Callable[..., Any]
    limits: tuple[float, float] = (0.0, 1.0)
    notes: Mapping[str, str] = MappingProxyType({})
    traced_size: tuple[int, int] = TRACED_SIZE


def export_onnx(model: keras.Model, path: PathLike, what: str) -> None:
    """Writes one of a model's graphs to an ONNX file, see `ImageModel.export_onnx`.

    Args:
        model: a `umbed_keras.models.base.image_model.ImageModel`.
        path: path of the file, which is replaced as a whole or not at all.
        what: str, the name of one of `model.graphs`.

    Raises:
        ValueError: if the model has no graph of this name, or the folder of `path` does not exist.
        ImportError: if torch, onnx or onnxscript is not installed.
        RuntimeError: if the export fails in its separate process, on another backend than PyTorch.
        RuntimeError: if ONNX Runtime, where it is installed, does not run the file, or computes
            other numbers than the model. An old file at `path` stays.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=4, latent_dim=2, filters=4, residual_blocks=0)
        >>> export_onnx(model, "model.onnx", "embed")
        Traceback (most recent call last):
        ValueError: `what` must be one of ['decode', 'encode', 'reconstruct'] for VQVAE. ...
    """
    path = Path(path)
    if what not in model.graphs:
        raise ValueError(
            f"`what` must be one of {sorted(model.graphs)} for {type(model).__name__}. "
            f"Received: {what!r}"
        )
    if not path.parent.is_dir():
        raise ValueError(f"`path` must lie in a folder that exists. Received: {str(path)!r}")
    for package in ("torch", "onnx", "onnxscript"):
        check_extra(package, "onnx")
    if backend.backend() != "torch":
        _export_elsewhere(model, path, what)
        return
    model = in_single_precision(model)
    program = _program(model, model.graphs[what])
    program.model.graph.name = type(model).__name__
    program.model.metadata_props.update(metadata(model, what))
    with written_whole(path) as temporary:
        program.save(temporary)
        check_onnx(temporary, model, what)


def in_single_precision(model: keras.Model) -> Any:
    """Returns a model itself if it computes in float32, or a copy that does.

    Args:
        model: a `umbed_keras.models.base.image_model.ImageModel`.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=4, latent_dim=2, filters=4, dtype="bfloat16")
        >>> in_single_precision(model).compute_dtype
        'float32'
    """
    if model.compute_dtype == "float32":
        return model
    copy = type(model).from_config({**model.get_config(), "dtype": "float32"})
    copy.set_weights(model.get_weights())
    copy.origin = model.origin
    return copy


def metadata(model: keras.Model, what: str) -> dict[str, str]:
    """Returns the metadata of an exported file.

    Args:
        model: a `umbed_keras.models.base.image_model.ImageModel`.
        what: str, the name of the exported graph.

    Returns:
        Dictionary of texts.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=4, latent_dim=2, filters=4, residual_blocks=0)
        >>> sorted(metadata(model, "encode"))
        ['class', 'preprocessing', 'umbed_keras_version', 'what']
    """
    colours = {1: "gray", 3: "RGB"}.get(model.channels, f"{model.channels} channels")
    known = {
        "class": type(model).__name__,
        "what": what,
        "umbed_keras_version": __version__,
        **model.origin,
        "preprocessing": f"Images are float32 (batch, height, width, {model.channels}), {colours}, "
        "from 0 to 1: uint8 divided by 255, and nothing else.",
        **{name: str(value) for name, value in model.tiling.items()},
        **model.graphs[what].notes,
    }
    return {name: text for name, text in known.items() if text}


def _program(model, graph):
    """Returns a graph as an `ONNXProgram` of PyTorch."""
    import torch
    from onnx_ir.passes import common

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model  # registers the weights

        def forward(self, tensors):
            with keras.StatelessScope():  # layers keep none of the losses that they add
                results = graph.run(**tensors)
            if isinstance(results, dict):
                return tuple(results[name] for name in graph.outputs)
            return results

    sizes = TRACED_BATCH, *graph.traced_size
    tensors = {
        name: ops.zeros((*sizes, *trailing), dtype)
        for name, (trailing, dtype) in graph.inputs.items()
    }
    free = dict.fromkeys(range(len(AXES)), torch.export.Dim.DYNAMIC)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about internals of the exporter
        # It warns of each operator of a package that is not needed.
        logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
        traced = torch.export.export(
            Module().eval(), (tensors,), dynamic_shapes=(dict.fromkeys(tensors, free),)
        )
        program = torch.onnx.export(
            traced,
            input_names=list(tensors),
            output_names=list(graph.outputs),
            dynamo=True,
            optimize=False,
            verbose=False,
        )
        # onnxscript 0.7 confuses the limits of a value that is clipped twice, so that duplicates
        # are removed first.
        for remove_duplicates in (
            common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
            common.DeduplicateInitializersPass(),
            common.CommonSubexpressionEliminationPass(),
        ):
            remove_duplicates(program.model)
        program.optimize()
    _name_sizes(program.model.graph)
    return program


def _name_sizes(graph):
    """Replaces the names of unknown sizes in all shapes by those in `AXES`."""
    import onnx_ir

    names = {
        size.value: name
        for value in graph.inputs
        for size, name in zip(value.shape, AXES, strict=False)
    }
    inside = [value for node in graph for value in node.outputs]
    for value in (*graph.inputs, *inside):
        if value.shape is not None:
            value.shape = onnx_ir.Shape(
                re.sub(r"\bs\d+\b", lambda match: names[match[0]], size.value)
                if getattr(size, "value", None)
                else size
                for size in value.shape
            )


def _export_elsewhere(model, path, what):
    """Exports a model of another backend in a separate process that runs on PyTorch."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder, "model.keras"))
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "from umbed_keras.models.base.onnx_export import main; main()",
                Path(folder, "model.keras"),
                path.resolve(),
                what,
                json.dumps(model.origin),
                type(model).__module__,
            ],
            env={
                **os.environ,
                "KERAS_BACKEND": "torch",
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise RuntimeError(
            "The export failed in its separate process, which runs on PyTorch:\n"
            + done.stderr[-3000:]
        )


def main() -> None:
    """Exports a model by the arguments: file, path, `what`, `origin` as JSON, and a module."""
    file, path, what, origin, module = sys.argv[1:]
    importlib.import_module(module)  # registers the model's class
    # The calling process has just written the file.
    model = keras.saving.load_model(file, compile=False, safe_mode=False)
    model.origin = json.loads(origin)
    export_onnx(model, path, what)
