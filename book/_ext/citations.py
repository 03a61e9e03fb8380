"""Citations in round brackets, with the small words of the page's language."""

from __future__ import annotations

from dataclasses import dataclass, field

from pybtex.richtext import Text
from sphinx.application import Sphinx
from sphinxcontrib.bibtex.plugin import register_plugin
from sphinxcontrib.bibtex.style.referencing import BracketStyle, PersonStyle
from sphinxcontrib.bibtex.style.referencing.author_year import AuthorYearReferenceStyle


def round_brackets() -> BracketStyle:
    """Return (…; …)."""
    return BracketStyle(left="(", right=")", sep="; ")


@dataclass
class English(AuthorYearReferenceStyle):
    """Elman (1990); Rumelhart et al. (1986)."""

    bracket_textual: BracketStyle = field(default_factory=round_brackets)
    bracket_parenthetical: BracketStyle = field(default_factory=round_brackets)
    bracket_year: BracketStyle = field(default_factory=round_brackets)
    person: PersonStyle = field(default_factory=lambda: PersonStyle(other=Text(" et al.")))


@dataclass
class Indonesian(English):
    """Elman (1990); Rumelhart dkk. (1986)."""

    person: PersonStyle = field(
        default_factory=lambda: PersonStyle(sep2=" dan ", last_sep=", dan ", other=Text(" dkk."))
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both styles under the names that `_config.yml` uses."""
    group = "sphinxcontrib.bibtex.style.referencing"
    register_plugin(group, "runtun_en", English)
    register_plugin(group, "runtun_id", Indonesian)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
