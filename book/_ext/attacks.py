"""The `{attack-cases}` directive: which attacks the grader is tested against, read from the tests.

    ```{attack-cases} lies
    ```

The list of cases of `tests/attacks/lies.yml`, by the names they have there, so that the page names
no test that is not run.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from book._ext.words import word

CASES = Path(__file__).resolve().parents[2] / "tests" / "attacks"


def read_cases(path: Path) -> list[str]:
    """Return the names of the cases in one file of the corpus.

    Raises:
        ValueError: if the file is not a list of named cases.
    """
    cases = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(cases, list) or not all(isinstance(c, dict) and "name" in c for c in cases):
        raise ValueError(f"{path}: expected a list of cases, each with a `name`")
    return [str(case["name"]) for case in cases]


class AttackCases(SphinxDirective):
    """List the cases of one class."""

    required_arguments = 1
    has_content = False
    option_spec: ClassVar[dict] = {}

    def run(self) -> list[nodes.Node]:
        """Return a sentence with the number of cases and the list of their names."""
        path = CASES / f"{self.arguments[0]}.yml"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in CASES.glob("*.yml")))
            raise self.error(f"no cases of {self.arguments[0]!r}; there are: {known}")
        self.env.note_dependency(str(path))
        try:
            names = read_cases(path)
        except ValueError as error:
            raise self.error(str(error)) from None
        lead = word("cases", self.config.language).format(count=len(names))
        file = f"tests/attacks/{path.name}"
        sentence = nodes.paragraph("", "", nodes.Text(lead + " "), nodes.literal("", file))
        cases = nodes.bullet_list(classes=["attack-cases"])
        for name in names:
            # The names are those of the tests, in English on every page.
            cases += nodes.list_item("", nodes.paragraph("", "", nodes.inline("", name)))
        return [sentence, cases]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("attack-cases", AttackCases)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
