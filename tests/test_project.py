"""The project's own files agree with one another."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import runtun
from tests.support import ROOT

METADATA = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pinned() -> dict[str, Version]:
    """Read constraints.txt as {name: version}."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


@pytest.mark.parametrize("extra", ["", *METADATA["optional-dependencies"]])
def test_exact_versions_lie_within_the_promised_ranges(extra: str) -> None:
    wanted = METADATA["optional-dependencies"][extra] if extra else METADATA["dependencies"]
    versions = pinned()
    for requirement in map(Requirement, wanted):
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in constraints.txt"
        assert requirement.specifier.contains(version, prereleases=True), (
            f"constraints.txt has {requirement.name} {version}, pyproject.toml asks for "
            f"{requirement.specifier}"
        )


def test_no_dependency_is_pinned_exactly_in_the_package() -> None:
    every = [*METADATA["dependencies"]]
    for extra in METADATA["optional-dependencies"].values():
        every += extra
    assert not [r for r in every if "==" in r], "exact versions belong in constraints.txt"


def test_citation_names_the_version_of_the_package() -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {runtun.__version__}\n" in citation


def fenced(name: str) -> list[str]:
    """Return the console blocks of a readme without their comments."""
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)
    return [re.sub(r"\s*#.*", "", block) for block in blocks]


def test_both_readmes_give_the_same_commands() -> None:
    neutral = [
        block.replace("/id/", "/en/").replace("kelas-saya", "my-course")
        for block in fenced("README.id.md")
    ]
    assert neutral == fenced("README.md")


def test_ci_installs_the_system_packages_that_the_readme_names() -> None:
    (line,) = re.findall(r"^packages=\((.*)\)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    (named,) = [b for b in fenced("README.md") if "apt-get install" in b]
    basics = {"python3-venv", "make", "git"}  # what a machine that cloned and builds has
    assert set(line.split()) == set(named.split("install", 1)[1].split()) - basics


def test_readme_opens_with_the_two_commands_that_ci_runs() -> None:
    first = fenced("README.md")[0].split("\n")
    assert [c for c in first if c] == ["make course", "make test"]
    ci = (ROOT / ".ci" / "run").read_text()
    assert re.search(r"^make course$", ci, re.MULTILINE)
    assert re.search(r"^RUNTUN_REQUIRE=all make test$", ci, re.MULTILINE)


def test_make_help_lists_every_public_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    declared = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert declared is not None
    shown = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    listed = re.findall(r"^ {2}make ([a-z-]+) ", shown, re.MULTILINE)
    assert sorted(listed) == sorted(declared[1].split())


def test_importing_the_package_loads_no_framework() -> None:
    code = (
        "import sys, runtun, runtun.cli; "
        "heavy = {'tensorflow', 'torch', 'jax', 'keras', 'nbgrader', 'matplotlib'}; "
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, f"import runtun loaded {done.stderr.strip()}"


def test_tracked_files_are_small() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    sizes = {p: (ROOT / p).stat().st_size for p in listed.split("\0") if (ROOT / p).is_file()}
    assert sizes, "git lists no files"
    assert {p: s for p, s in sizes.items() if s > 2_000_000} == {}
