"""The library as a package: pyproject.toml says all but this.

The recorded measurements lie in `results/`, beside the library. Pages read them, and a page's
notebook must run where only the package is installed; so a built package takes a copy along.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithResults(build_py):
    """Build the modules, and put the recorded results where `read_recorded` finds them."""

    def run(self) -> None:
        """Build."""
        super().run()
        if self.editable_mode:  # the repository itself is there
            return
        folder = Path(self.build_lib, "runtun", "experiments", "recorded")
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(Path("results").glob("*.json")):
            self.copy_file(str(path), str(folder / path.name))


setup(cmdclass={"build_py": BuildWithResults})
