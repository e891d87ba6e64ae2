import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import keras
import pytest

import umbed_keras as uk
from umbed_keras.backend import choice

ROOT = Path(uk.__file__).parents[1]


def run(code, tmp_path, **environment):
    """Runs code in a fresh interpreter whose Keras home is `tmp_path`."""
    kept = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    process = subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, "KERAS_HOME": str(tmp_path), "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )
    return process.stdout.strip().splitlines()[-1] if process.returncode == 0 else process.stderr


# Hides backends from Python, as if they weren't installed.
HIDE = """
import importlib.util, sys
hidden = set(%r)
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in hidden else find_spec(name, *rest)
"""
CHOICE = """
import os, sys
sys.path.insert(0, {package!r})
from choice import choose_backend
choose_backend()
print(os.environ.get("KERAS_BACKEND"))
"""


def chosen_backend(tmp_path, installed, **environment):
    hidden = [name for name in choice.BACKENDS if name not in installed]
    present = "".join(
        f"find_before_{name} = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda n, *r: True if n == {name!r} "
        f"else find_before_{name}(n, *r)\n"
        for name in installed
    )
    code = HIDE % (hidden,) + present + CHOICE.format(package=str(ROOT / "umbed_keras" / "backend"))
    return run(code, tmp_path, **environment)


@pytest.mark.torch_alone
@pytest.mark.parametrize(
    ("installed", "keras_json", "environment", "chosen"),
    [
        (["torch", "jax", "tensorflow"], None, {}, "torch"),
        (["jax", "tensorflow"], None, {}, "jax"),
        (["tensorflow"], None, {}, "tensorflow"),
        (["torch", "jax"], "jax", {}, "jax"),
        # Keras writes "tensorflow" there by itself.
        (["torch"], "tensorflow", {}, "torch"),
        (["torch", "tensorflow"], "tensorflow", {}, "tensorflow"),
        (["torch", "jax"], "jax", {"KERAS_BACKEND": "torch"}, "torch"),
    ],
)
def test_order_of_backends(tmp_path, installed, keras_json, environment, chosen):
    if keras_json:
        (tmp_path / "keras.json").write_text(json.dumps({"backend": keras_json}))
    assert chosen_backend(tmp_path, installed, **environment) == chosen


@pytest.mark.torch_alone
def test_a_broken_keras_json_is_no_wish(tmp_path):
    (tmp_path / "keras.json").write_text("[")
    assert chosen_backend(tmp_path, ["jax"]) == "jax"


@pytest.mark.torch_alone
def test_no_backend_names_the_pip_commands(tmp_path):
    said = chosen_backend(tmp_path, [])
    assert "ImportError" in said
    for extra in choice.BACKENDS:
        assert f'pip install "umbed_keras[{extra}]"' in said


def test_import_needs_no_environment_variable(tmp_path):
    code = "import umbed_keras as uk, keras; print(keras.backend.backend())"
    assert run(code, tmp_path) in choice.BACKENDS


def test_an_imported_keras_is_left_alone_and_little_added_to_it(tmp_path):
    backend = keras.backend.backend()
    code = (
        "import os, time; start = time.process_time(); import keras; "
        "middle = time.process_time(); os.environ.pop('KERAS_BACKEND'); import umbed_keras; "
        "added = (time.process_time() - middle) / (middle - start); "
        "print(keras.backend.backend(), os.environ.get('KERAS_BACKEND'), added)"
    )
    found, variable, added = run(code, tmp_path, KERAS_BACKEND=backend).split()
    assert (found, variable) == (backend, "None")
    assert float(added) < 0.2


LAZY = ("segmentation", "stores", "tuning")
OPTIONAL = ("distributed", "keras_tuner", "matplotlib", "sklearn", "tifffile", "zarr")


@pytest.mark.torch_alone
def test_no_extra_is_imported_before_it_is_used(tmp_path):
    code = f"""
import sys
sys.modules.update(dict.fromkeys({OPTIONAL}))  # None: not installed
import umbed_keras as uk
assert not set({LAZY}) & set(vars(uk))
print(uk.stores.__name__)
"""
    assert run(code, tmp_path) == "umbed_keras.stores"


@pytest.mark.torch_alone
def test_packages_that_need_an_extra_are_attributes(tmp_path):
    code = f"import umbed_keras as uk; print([getattr(uk, name).__name__ for name in {LAZY}])"
    assert run(code, tmp_path) == str([f"umbed_keras.{name}" for name in LAZY])


@pytest.mark.torch_alone
@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("segmentation", "sklearn", "segmentation"), ("tuning", "keras_tuner", "tuner")],
)
def test_a_missing_extra_is_named_by_the_attribute(tmp_path, name, package, extra):
    code = f"""
import sys
sys.modules[{package!r}] = None
import umbed_keras as uk
try:
    uk.{name}
except ImportError as error:
    print(error)
"""
    assert run(code, tmp_path) == (
        f'{package} is not installed: `pip install "umbed_keras[{extra}]"`.'
    )


@pytest.mark.torch_alone
def test_only_the_public_api_is_an_attribute(tmp_path):
    code = f"""
import pkgutil
import umbed_keras as uk
import umbed_keras.models.base.image_model
[getattr(uk, name) for name in {LAZY}]
submodules = [module.name for module in pkgutil.iter_modules(uk.__path__)]
private = [name for name in (*submodules, "choose_backend") if name not in uk.__all__]
print(dir(uk) == sorted(uk.__all__), [name for name in private if hasattr(uk, name)])
assert "models" in private and "backend" in private
assert all(getattr(uk, name) is not None for name in uk.__all__)
"""
    assert run(code, tmp_path) == "True []"
    with pytest.raises(AttributeError, match="no attribute 'choose_backend'"):
        uk.choose_backend  # noqa: B018


@pytest.mark.torch_alone
def test_the_version_is_everywhere_the_same():
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert stated == uk.__version__
    assert f"\n## [{stated}]" in (ROOT / ".github" / "CHANGELOG.md").read_text()


# Floor of each room of the house; an import only ever points to a lower one.
FLOORS = {
    "typing": -1,
    "version": 0,
    "files": 0,
    "extras": 0,
    "configs": 0,
    "backend": 0,
    "ops": 1,
    "plots": 2,
    "images": 2,
    "zoo": 3,
    "bottlenecks": 3,
    "backbones": 3,
    "metrics": 3,
    "codec": 4,
    "models": 5,
    "segmentation": 6,
    "tuning": 6,
    # Stores of classes are made by classifiers of pixels.
    "stores": 7,
    # The public face of parts that lie in several rooms.
    "layers": 8,
    # The public names that need Keras.
    "library": 9,
    # Programs for people who write no code.
    "apps": 10,
    "__main__": 11,
}
# What `zoo` may import.
PRESET_ROOMS = ("backend", "extras", "files", "ops", "typing", "version", "zoo")


def imported_rooms(path):
    """The rooms of the package that a module imports, wherever in it the statement stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            if node.module == "umbed_keras":
                yield from (alias.name for alias in node.names)
            elif node.module.startswith("umbed_keras."):
                yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (
                alias.name.split(".")[1]
                for alias in node.names
                if alias.name.startswith("umbed_keras.")
            )


def modules():
    """Every module inside a room, with the room's name."""
    package = ROOT / "umbed_keras"
    for path in sorted(package.rglob("*.py")):
        room = path.relative_to(package).parts[0].removesuffix(".py")
        if room != "__init__":
            yield room, path


@pytest.mark.torch_alone
def test_imports_point_down():
    for room, path in modules():
        for target in imported_rooms(path):
            lower = FLOORS[target] < FLOORS[room]
            assert target == room or lower, f"{path}: {room} imports {target}"
            # Presets are read without the layers that they are made of.
            assert room != "zoo" or target in PRESET_ROOMS, path


@pytest.mark.torch_alone
def test_one_function_alone_uses_internals_of_keras():
    users = [path.name for _, path in modules() if "keras.src" in path.read_text()]
    assert users == ["uninitialized.py"]


def private_imports(path):
    """Names with an underscore that a module imports from the package, in full."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("umbed_keras"):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("umbed_keras")]
        else:
            continue
        for name in names:
            if any(part.startswith("_") and not part.startswith("__") for part in name.split(".")):
                yield name


@pytest.mark.torch_alone
def test_private_names_are_imported_inside_their_package_alone():
    for path in [*(path for _, path in modules()), *(ROOT / "examples").rglob("*.py")]:
        for name in private_imports(path):
            # The folder of the first name with an underscore, or of the module that has it.
            parts = name.split(".")
            first = next(index for index, part in enumerate(parts) if part.startswith("_"))
            owner = ROOT.joinpath(*parts[:first])
            owner = owner if owner.is_dir() else owner.parent
            assert path.is_relative_to(owner), f"{path}: {name}"


@pytest.mark.torch_alone
def test_files_are_short_and_folders_small():
    for _, path in modules():
        assert len(path.read_text().splitlines()) <= 450, path
        assert len(list(path.parent.glob("*.py"))) <= 16, path.parent


# Modules outside `backend/` that import PyTorch for another reason than that it is the backend.
USERS_OF_TORCH = {
    "images/batches.py": "a DataLoader is data on any backend",
    "metrics/_lpips_weights.py": "the published weights are PyTorch files",
    "models/base/onnx_export.py": "the exporter is that of PyTorch, whatever the backend",
    "ops/_torch_enlarge.py": "sums at half the resolution that are written in PyTorch",
    "ops/_torch_guided_filter.py": "a filter in place that is written in PyTorch",
    "ops/sparse_coding/_torch_pursuit.py": "a pursuit of its own that is written in PyTorch",
}


@pytest.mark.torch_alone
def test_backends_are_imported_in_one_room():
    package = ROOT / "umbed_keras"
    for room, path in modules():
        name = path.relative_to(package).as_posix()
        if room == "backend" or name in USERS_OF_TORCH:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            imported = getattr(node, "names", []) if isinstance(node, ast.Import) else []
            names = [alias.name for alias in imported] + [getattr(node, "module", None) or ""]
            roots = {each.split(".")[0] for each in names if isinstance(each, str)}
            assert not roots & {"torch", "tensorflow", "jax"}, f"{name}: {roots}"
