"""Public names are documented: a first sentence, types, and examples that run.

Public is what has no underscore: modules that other packages import, and classes, functions and
methods in them. An example is a doctest; in it `np`, `keras` and `uk` stand for the usual imports,
and the module's own names are there.
"""

import ast
import doctest
import importlib
import inspect
import pkgutil
from pathlib import Path

import keras
import numpy as np
import pytest

import umbed_keras as uk

PACKAGE = Path(uk.__file__).parent
# What has no example, and why.
WITHOUT_EXAMPLE = {
    "main": "a command",
    "read_bioio": "needs a plugin and a microscope's file",
    "read_dicom": "needs a DICOM file, which takes a dozen lines to make",
    "read_dicom_series": "needs DICOM files",
}
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def module_names():
    found = pkgutil.walk_packages([str(PACKAGE)], "umbed_keras.", onerror=lambda name: None)
    return sorted(module.name for module in found if "._" not in module.name)


def definitions(module):
    """Qualified name to node of the public functions, classes and methods of a module."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.parse(source.read_text()).body:
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef)) or node.name.startswith("_"):
            continue
        yield node.name, node
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and (
                    not inner.name.startswith("_") or inner.name == "__init__"
                ):
                    yield f"{node.name}.{inner.name}", inner


PUBLIC = [(module, name, node) for module in module_names() for name, node in definitions(module)]
every_name = pytest.mark.parametrize(
    ("module", "name", "node"),
    PUBLIC,
    ids=[f"{module.removeprefix('umbed_keras.')}:{name}" for module, name, _ in PUBLIC],
)
outer_names = [case for case in PUBLIC if "." not in case[1]]


@every_name
def test_it_has_types(module, name, node):
    if isinstance(node, ast.ClassDef):
        return
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    every += [part for part in (node.args.vararg, node.args.kwarg) if part]
    missing = [
        argument.arg
        for place, argument in enumerate(every)
        if argument.annotation is None and not (place == 0 and argument.arg in ("self", "cls"))
    ]
    assert not missing, f"no type: {missing}"
    assert node.returns is not None or node.name == "__init__", "no type of what it returns"


@pytest.mark.torch_alone
@pytest.mark.parametrize(
    ("module", "name", "node"),
    outer_names,
    ids=[f"{module.removeprefix('umbed_keras.')}:{name}" for module, name, _ in outer_names],
)
def test_it_is_described(module, name, node):
    text = ast.get_docstring(node)
    assert text, "no docstring"
    first = text.split("\n\n")[0]
    assert first.endswith((".", ":")), f"the first sentence ends at its line: {first!r}"
    if name not in WITHOUT_EXAMPLE:
        assert ">>>" in text, "no example"


def example(module, name, node):
    loaded = importlib.import_module(module)
    names = {**vars(loaded), "np": np, "keras": keras, "uk": uk}
    text = inspect.cleandoc(ast.get_docstring(node))
    return doctest.DocTestParser().get_doctest(text, names, name, module, node.lineno)


with_example = [case for case in PUBLIC if ">>>" in (ast.get_docstring(case[2]) or "")]


@pytest.mark.parametrize(
    ("module", "name", "node"),
    with_example,
    ids=[f"{module.removeprefix('umbed_keras.')}:{name}" for module, name, _ in with_example],
)
def test_its_example_runs(module, name, node, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(0)
    report = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    runner.run(example(module, name, node), out=report.append)
    assert not runner.failures, "".join(report)
