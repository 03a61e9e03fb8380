"""Checks of the pages' sources: both languages in step, pictures described, words as agreed.

Everything here reads text only, so it runs before a page is executed and takes a moment.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

from book._ext.glossary import load_glossary
from book._ext.quiz import parse_quiz
from book._ext.words import LANGUAGES

FENCE = re.compile(r"^ *(?P<marks>`{3,}|~{3,}|:{3,})(?:\{(?P<name>[^}]+)\})?(?P<rest>.*)$")
SHARED_ARGUMENTS = {
    "code-cell", "figure", "image", "glue:figure", "glue", "literalinclude", "quiz",
    "exercise-card", "code-block", "bibliography", "review",
}  # fmt: skip
"""Directives whose argument is no prose, so that it is the same in both languages."""
NEED_ALT = {"figure", "image", "glue:figure"}


@dataclass
class Directive:
    """One directive of a page."""

    name: str
    argument: str
    options: dict[str, str]
    body: str
    line: int


@dataclass
class Page:
    """What a page consists of, apart from its words.

    Attributes:
        cells: the text of each code cell, options included, as it stands.
        prose: (line number, text) of everything that a reader reads as prose.
    """

    headings: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    directives: list[Directive] = field(default_factory=list)
    equations: list[str] = field(default_factory=list)
    roles: Counter[str] = field(default_factory=Counter)
    prose: list[tuple[int, str]] = field(default_factory=list)


def read_options(lines: list[str]) -> tuple[dict[str, str], int]:
    """Return a directive's options and the number of lines that they take."""
    if lines and lines[0].strip() == "---":
        end = next((n for n, line in enumerate(lines[1:], 1) if line.strip() == "---"), 0)
        loaded = yaml.safe_load("\n".join(lines[1:end])) or {}
        return {str(key): str(value) for key, value in loaded.items()}, end + 1
    options: dict[str, str] = {}
    for number, line in enumerate(lines):
        match = re.match(r"^\s*:([\w-]+):\s*(.*)$", line)
        if not match:
            return options, number
        options[match[1]] = match[2]
    return options, len(lines)


@cache  # several checks look at each page, and few pages change while one writes
def read_page(text: str) -> Page:
    """Take a page apart."""
    page = Page()
    lines = text.splitlines()
    start = 0
    if lines and lines[0] == "---":
        start = lines.index("---", 1) + 1
    scan(lines[start:], start + 1, page)
    return page


def scan(lines: list[str], first: int, page: Page) -> None:
    """Read lines of Markdown; `first` is the number of the first one in its file."""
    position = 0
    while position < len(lines):
        line = lines[position]
        fence = FENCE.match(line)
        if fence:
            marks = fence["marks"]
            closing = re.compile(rf"^ *{re.escape(marks[0])}{{{len(marks)},}}\s*$")
            end = position + 1
            while end < len(lines) and not closing.match(lines[end]):
                end += 1
            block = lines[position + 1 : end]
            if fence["name"]:
                add_directive(fence["name"], fence["rest"].strip(), block, first + position, page)
            position = end + 1
            continue
        if line.strip().startswith("$$"):
            end = position
            if line.strip() == "$$" or line.count("$$") == 1:
                end += 1
                while end < len(lines) and "$$" not in lines[end]:
                    end += 1
            equation = "\n".join(lines[position : end + 1])
            add_equation(equation, page)
            position = end + 1
            continue
        if heading := re.match(r"^(#{1,6})\s", line):
            page.headings.append(len(heading[1]))
        if label := re.match(r"^\s*\(([\w:.-]+)\)=\s*$", line):
            page.labels.append(label[1])
        else:
            add_prose(first + position, line, page)
        position += 1


def add_equation(text: str, page: Page) -> None:
    """Note a displayed equation and its label; words inside it may differ."""
    if label := re.search(r"\$\$\s*\(([\w:.-]+)\)\s*$", text):
        page.labels.append(label[1])
    formula = re.sub(r"\\text\w*\{[^}]*\}", r"\\text{}", text.rsplit("$$", 1)[0])
    page.equations.append(re.sub(r"\s+", " ", formula.replace("$$", "")).strip())


def add_directive(name: str, argument: str, block: list[str], line: int, page: Page) -> None:
    """Note a directive, and read on inside it where it holds prose."""
    options, taken = read_options(block)
    body = block[taken:]
    page.directives.append(Directive(name, argument, options, "\n".join(body), line))
    page.labels += [options[key] for key in ("name", "label") if key in options]
    if name == "code-cell":
        page.cells.append("\n".join([argument, *block]))
    elif name == "math":
        add_equation("\n".join(body), page)
    elif name == "quiz":
        page.labels.append(argument)
        for number, text in enumerate(body):
            add_prose(line + taken + 1 + number, text, page)
    elif name not in ("code-block", "code", "literalinclude", "raw", "glue"):
        if argument and name not in SHARED_ARGUMENTS:
            add_prose(line, argument, page)
        if "alt" in options:
            add_prose(line, options["alt"], page)
        scan(body, line + taken + 1, page)


def add_prose(line: int, text: str, page: Page) -> None:
    """Note a line of prose and the references in it; code and formulas are no prose."""
    for role, content in re.findall(r"\{([a-z:-]+)\}`([^`]+)`", text):
        target = re.fullmatch(r".*?<([^<>]+)>", content, re.DOTALL)
        if role.startswith(("cite", "eq", "numref", "ref", "glue", "doc")):
            page.roles[f"{role} {target[1] if target else content}"] += 1
    words = re.sub(r"\{[a-z:-]+\}`([^`<]*?)\s*(?:<[^>]*>)?`", r"\1", text)
    words = re.sub(r"`[^`]*`|\$[^$]*\$|\]\([^)]*\)|https?://\S+|<[^>]+>", " ", words)
    if words.strip():
        page.prose.append((line, words))


def first_difference(one: Iterable, other: Iterable) -> str:
    """Say where two sequences part."""
    one, other = list(one), list(other)
    for number, (a, b) in enumerate(zip(one, other, strict=False), 1):
        if a != b:
            return f"number {number}: {a!r} against {b!r}"
    return f"{len(one)} against {len(other)}"


def compare_pages(one: Page, other: Page) -> list[str]:
    """Return in which respects two pages that should be twins differ."""

    def outline(page: Page) -> list[str]:
        return [
            f"{d.name} {d.argument}".strip() if d.name in SHARED_ARGUMENTS else d.name
            for d in page.directives
        ]

    def quizzes(page: Page) -> tuple[list[list[bool]], list[list[int]]]:
        found = [parse_quiz(d.body) for d in page.directives if d.name == "quiz"]
        answers = [[option["answer"] for option in quiz["options"]] for quiz in found]
        return answers, [quiz["review"] for quiz in found]

    problems = []
    try:
        answers, reviews = zip(quizzes(one), quizzes(other), strict=True)
    except ValueError as error:
        return [f"a quiz cannot be read: {error}"]
    for what, left, right in (
        ("headings", one.headings, other.headings),
        ("directives", outline(one), outline(other)),
        ("code cells", one.cells, other.cells),
        ("labels", one.labels, other.labels),
        ("equations", one.equations, other.equations),
        ("references", sorted(one.roles.elements()), sorted(other.roles.elements())),
        ("right answers of quizzes", *answers),
        ("review questions of quizzes", *reviews),
    ):
        if left != right:
            problems.append(f"{what} differ: {first_difference(left, right)}")
    return problems


def compare_languages(book: Path) -> list[str]:
    """Return every difference between the two trees that is not one of words."""
    first, second = (book / language for language in LANGUAGES)
    names = [
        {p.relative_to(tree).as_posix() for p in tree.rglob("*.md")} for tree in (first, second)
    ]
    problems = [
        f"{name}: exists in one language only"
        for name in sorted(names[0].symmetric_difference(names[1]))
    ]
    for name in sorted(names[0] & names[1]):
        pages = [read_page((tree / name).read_text(encoding="utf-8")) for tree in (first, second)]
        problems += [f"{name}: {problem}" for problem in compare_pages(*pages)]
    return problems


def find_undescribed(book: Path) -> list[str]:
    """Return every picture without alt text."""
    problems = []
    for path in sorted(p for language in LANGUAGES for p in (book / language).rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        for directive in read_page(text).directives:
            if directive.name in NEED_ALT and not directive.options.get("alt", "").strip():
                problems.append(
                    f"{path.relative_to(book)}:{directive.line}: {directive.name} "
                    f"{directive.argument} has no :alt: text"
                )
    return problems


def find_forbidden(book: Path) -> list[str]:
    """Return every use of a word that the glossary replaces by another."""
    glossary = book / "glossary.yml"
    if not glossary.is_file():
        return []
    entries = load_glossary(glossary)
    problems = []
    for language in LANGUAGES:
        rules = [
            (re.compile(rf"(?<!\w){re.escape(wrong)}(?!\w)", re.IGNORECASE), wrong, entry[language])
            for entry in entries.values()
            for wrong in entry[language].get("forbidden") or []
        ]
        if not rules:
            continue
        texts = [
            (f"{path.relative_to(book)}:{line}", text)
            for path in sorted((book / language).rglob("*.md"))
            for line, text in read_page(path.read_text(encoding="utf-8")).prose
        ]
        texts += [
            (f"glossary.yml {key}", entry[language]["gloss"]) for key, entry in entries.items()
        ]
        any_wrong = re.compile("|".join(pattern.pattern for pattern, *_ in rules), re.IGNORECASE)
        for place, text in texts:
            if not any_wrong.search(text):
                continue  # as nearly everywhere
            for pattern, wrong, part in rules:
                if pattern.search(text):
                    problems.append(f"{place}: write {part['term']!r}, not {wrong!r}")
    return problems


def find_unanswered(book: Path) -> list[str]:
    """Return every review question without a quiz question, and every number without its question.

    Review questions are the `{review}` directives; quiz questions name them by `review: NUMBER`.
    Both languages have the same ones, so one is enough to look at.
    """
    asked: set[int] = set()
    answered: dict[int, str] = {}
    for path in sorted((book / LANGUAGES[0]).rglob("*.md")):
        for directive in read_page(path.read_text(encoding="utf-8")).directives:
            if directive.name == "review":
                asked.add(int(directive.argument))
            elif directive.name == "quiz":
                try:
                    numbers = parse_quiz(directive.body)["review"]
                except ValueError:
                    continue  # reported where the languages are compared
                answered |= dict.fromkeys(numbers, directive.argument)
    return [
        *(f"no quiz covers review question {number}" for number in sorted(asked - set(answered))),
        *(
            f"quiz {answered[number]} covers review question {number}, which no page asks"
            for number in sorted(set(answered) - asked)
        ),
    ]


def check_sources(book: Path) -> list[str]:
    """Return everything that is wrong with the sources of a book."""
    return (
        compare_languages(book)
        + find_undescribed(book)
        + find_forbidden(book)
        + find_unanswered(book)
    )
