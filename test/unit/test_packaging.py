"""The lists in pyproject.toml and requirements.lock agree with what is there."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NOT_PACKAGES = {"build", "dist", "out", "test"}


def test_every_package_is_listed():
    """Else it would be missing from wheels, and from nothing else."""
    folders = [
        folder
        for folder in ROOT.iterdir()
        if folder.is_dir()
        and not folder.name.startswith(".")
        and folder.name not in NOT_PACKAGES
    ]
    packages = {
        ".".join(("tinyml", *init.parent.relative_to(ROOT).parts))
        for folder in folders
        for init in folder.rglob("__init__.py")
    }
    assert {"tinyml", *packages} == set(PROJECT["tool"]["setuptools"]["packages"])


def locked() -> dict[str, str]:
    """Name and version of every pin."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pins}


def test_lock_satisfies_pyproject():
    project = PROJECT["project"]
    listed = project["dependencies"] + project["optional-dependencies"]["dev"]
    pins = locked()
    for requirement in map(Requirement, listed):
        version = pins.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement} has no pin: run make lock"
        assert requirement.specifier.contains(version, prereleases=True), requirement


def test_training_is_not_locked():
    """The compiler and its tests never need the packages that train the example."""
    train = PROJECT["project"]["optional-dependencies"]["train"]
    names = {canonicalize_name(Requirement(line).name) for line in train}
    assert not names & set(locked())
