"""Tests of the documentation of public names: first sentences, types, and examples that run.

Public is every class, function and method without an underscore, in modules without one. Examples
are doctests, in which `np`, `keras`, `uk` and the names of the module are defined.
"""

import ast
import doctest
import functools
import importlib
import inspect
import re
from pathlib import Path

import keras
import numpy as np
import pytest

import umbed_keras as uk

PACKAGE = Path(uk.__file__).parent
# Commands, and readers whose files take a microscope or a dozen lines to make.
WITHOUT_EXAMPLE = ("main", "read_bioio", "read_dicom", "read_dicom_series")
# Packages whose examples run on every backend; those of others run on PyTorch alone.
COMPUTING = ("backend", "bottlenecks", "ops")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def is_public(name):
    return not name.startswith("_")


@functools.cache
def definitions():
    """Maps `module:name` to the syntax node of each public class, function and method."""
    nodes = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if not all(is_public(part) for part in parts if part != "__init__"):
            continue
        module = ".".join(part for part in parts if part != "__init__")
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and is_public(node.name):
                nodes[f"{module}:{node.name}"] = node
                for method in node.body if isinstance(node, ast.ClassDef) else ():
                    if isinstance(method, ast.FunctionDef) and (
                        is_public(method.name) or method.name == "__init__"
                    ):
                        nodes[f"{module}:{node.name}.{method.name}"] = method
    return nodes


def names(condition):
    return [name for name, node in definitions().items() if condition(name, node)]


def is_function(name, node):
    return isinstance(node, ast.FunctionDef)


def is_outermost(name, node):
    return "." not in name.partition(":")[2]


def has_example(name, node):
    return ">>>" in (ast.get_docstring(node) or "")


def examples():
    for name in names(has_example):
        package = re.split("[.:]", name)[0]
        marks = () if package in COMPUTING else pytest.mark.torch_alone
        yield pytest.param(name, marks=marks)


@pytest.mark.torch_alone
@pytest.mark.parametrize("name", names(is_function))
def test_types(name):
    node = definitions()[name]
    arguments = [*node.args.posonlyargs, *node.args.args]
    if arguments and arguments[0].arg in ("self", "cls"):
        del arguments[0]
    arguments += node.args.kwonlyargs
    arguments += [argument for argument in (node.args.vararg, node.args.kwarg) if argument]
    missing = [argument.arg for argument in arguments if argument.annotation is None]
    assert not missing, "arguments without a type"
    defaults = [None] * (len(node.args.args) - len(node.args.defaults)) + node.args.defaults
    pairs = zip(
        [*node.args.args, *node.args.kwonlyargs], [*defaults, *node.args.kw_defaults], strict=True
    )
    for argument, default in pairs:
        if isinstance(default, ast.Constant) and default.value is None:
            annotation = ast.unparse(argument.annotation)
            assert re.search(r"\b(None|Any|ArrayLike|Tensor)\b", annotation), argument.arg
    assert node.returns is not None or node.name == "__init__", "no type of the result"


@pytest.mark.torch_alone
@pytest.mark.parametrize("name", names(is_outermost))
def test_description(name):
    node = definitions()[name]
    text = ast.get_docstring(node)
    assert text, "no docstring"
    first = text.split("\n\n")[0]
    assert first.endswith((".", ":")), f"the first sentence has no end: {first!r}"
    assert has_example(name, node) or node.name in WITHOUT_EXAMPLE, "no example"


@pytest.mark.parametrize("name", examples())
def test_example(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(0)
    node = definitions()[name]
    module = importlib.import_module(f"umbed_keras.{name.partition(':')[0]}".rstrip("."))
    variables = {**vars(module), "np": np, "keras": keras, "uk": uk}
    text = inspect.cleandoc(ast.get_docstring(node))
    example = doctest.DocTestParser().get_doctest(text, variables, name, name, node.lineno)
    report = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    runner.run(example, out=report.append)
    assert not runner.failures, "".join(report)
