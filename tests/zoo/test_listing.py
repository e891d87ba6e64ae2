"""Lists of presets, and the built-in presets themselves."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import pytest

import umbed_keras as uk
from umbed_keras.zoo.locations import builtin_presets, presets_folder
from umbed_keras.zoo.preset_checks import read_preset

ROOT = Path(uk.__file__).parents[1]
NAME = "celeba_dl_k16_s4"


def test_built_in_presets_are_listed():
    assert uk.PixelEmbedder.presets[NAME]["class"] == "PixelEmbedder"


def test_a_checkout_uses_its_own_presets():
    assert presets_folder() == ROOT / "presets"


def test_a_wheel_carries_the_presets_inside_the_package(tmp_path):
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "-w", tmp_path, ROOT),
        ],
        check=True,
    )
    wheel = next(tmp_path.glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    assert f"umbed_keras/_presets/{NAME}/model.weights.h5" in names
    assert "umbed_keras/py.typed" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"umbed_keras"}
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import umbed_keras as uk; print(uk.PixelEmbedder.from_preset('{NAME}').latent_dim,"
            "uk.PixelEmbedder.presets)",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert found.startswith("16")
    assert str(tmp_path / "site" / "umbed_keras" / "_presets") in found


def test_index_and_readme_are_those_of_the_presets(tmp_path, monkeypatch):
    folder = shutil.copytree(ROOT / "presets", tmp_path / "presets")
    monkeypatch.syspath_prepend(ROOT / "examples" / "tools")
    import index_presets

    monkeypatch.chdir(tmp_path)
    arguments = ["presets", "--readme", "presets/README.md"]
    monkeypatch.setattr(sys, "argv", ["index_presets.py", *arguments])
    index_presets.main()
    for name in ("presets/index.json", "presets/README.md"):
        assert (tmp_path / name).read_text() == (ROOT / name).read_text(), (
            f"{name} is out of date: python examples/tools/index_presets.py {' '.join(arguments)}"
        )
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 38e6


@pytest.mark.parametrize("name", builtin_presets())
def test_built_in_presets_are_whole(name):
    folder = ROOT / "presets" / name
    config, metadata = read_preset(folder)
    assert {*metadata["files"]} - {"codec.h5"} == {"config.json", "model.weights.h5"}
    row = uk.list_presets(name)[0]
    assert row["class"] == config["class_name"]
    assert (row["license"], row["metrics"]) == (
        metadata["card"]["license"],
        metadata["card"]["metrics"],
    )
    card = (folder / "README.md").read_text()
    for metric, value in row["metrics"].items():
        assert f"| {metric} | {value:.4g} |" in card
    assert row["license"] in card
    with h5py.File(folder / "model.weights.h5") as file:
        kinds = []
        file.visititems(
            lambda _, item: kinds.append(item.dtype) if isinstance(item, h5py.Dataset) else None
        )
    assert {str(kind) for kind in kinds} <= {"float16", "float32", "uint32", "int32", "int64"}
    assert "float16" in kinds
