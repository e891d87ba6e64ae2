import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Extras that the job of the lowest versions does not install, and PyTorch, whose pin says why.
OTHERS = (
    "jax",
    "myst-parser",
    "napari",
    "pydata-sphinx-theme",
    "sphinx",
    "sphinx-gallery",
    "starlette",
    "tensorflow",
    "torch",
    "uvicorn",
)
REQUIREMENT = re.compile(r"([\w-]+)(?:\[\w+\])?(?:>=([\d.]+))?")


def lowest_versions():
    """Yields the name and the lowest version of every requirement that states one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    for text in {*project["dependencies"], *(text for extra in extras for text in extra)}:
        name, version = REQUIREMENT.fullmatch(text).groups()
        if version and name not in OTHERS:
            yield name, version


def release(version):
    """Splits a version into numbers, without trailing zeros."""
    numbers = [int(number) for number in version.split(".")]
    while numbers[-1] == 0:
        numbers.pop()
    return numbers


@pytest.mark.torch_alone
def test_the_lowest_versions_are_those_that_ci_tests():
    lines = (ROOT / ".ci" / "lowest.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    del pins["torch"]
    lowest = dict(lowest_versions())
    assert pins.keys() == lowest.keys()
    assert len(set(lowest_versions())) == len(lowest), "a package has two lowest versions"
    for name, version in lowest.items():
        assert release(pins[name]) == release(version), name
