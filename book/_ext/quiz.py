"""The `{quiz}` directive: one question with explained answers.

    ```{quiz} 03-rnn-q1
    question: Why does a recurrent network use the same weights at every step?
    options:
      - text: To save memory only.
        explain: Fewer parameters are a gain, but not the reason.
      - text: So that it can read sequences of any length.
        answer: true
        explain: The rule does not depend on the position, so it applies to each one.
    ```

The argument is the anchor, the same in both languages. Each text is Markdown. `review: 1, 7` above
the options says which of the course's review questions this one covers (see quizzes.py). The page
carries one copy of the explanations, in a `<details>`: without JavaScript the reader opens it; with
JavaScript (`runtun.js`) it is hidden and each explanation is shown in a live region when asked for.
"""

from __future__ import annotations

import re
import textwrap
from typing import Any, ClassVar

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from book._ext.words import word


class quiz(nodes.General, nodes.Element):
    """A question; its children are one `quiz_text` per question, option and explanation."""


class quiz_text(nodes.General, nodes.TextElement):
    """A piece of a quiz; `role` says which. It holds text, so references may stand in it."""


KEY = re.compile(
    r"^(?P<indent> *)(?P<item>- +)?(?P<key>question|review|options|text|answer|explain):"
    r"(?: +|$)(?P<value>.*)$"
)


def parse_quiz(text: str) -> dict[str, Any]:
    """Read a quiz and insist on its form.

    It looks like YAML, but a text needs no quotes whatever it holds, and goes on in the lines below
    its key until the next key.

    Returns:
        `{"question": str, "options": [{"text": str, "explain": str, "answer": bool}, ...],
        "review": list[int]}`

    Raises:
        ValueError: if a part is missing, unknown, or not exactly one option is right.

    >>> quiz = parse_quiz('''
    ... question: What is 1 + 1?
    ... options:
    ...   - text: 2
    ...     answer: true
    ...     explain: Right: count.
    ...   - text: 3
    ...     explain: One too many.
    ... ''')
    >>> [(option["text"], option["answer"]) for option in quiz["options"]]
    [('2', True), ('3', False)]
    """
    question: dict[str, list[str]] = {}
    options: list[dict[str, list[str]]] = []
    current: list[str] | None = None
    for line in text.splitlines():
        match = KEY.match(line)
        if not match:
            if line.strip() and current is None:
                raise ValueError(f"a quiz starts with `question:`; received {line.strip()!r}")
            if current is not None:
                current.append(line)
            continue
        if match["item"]:
            options.append({})
        part = options[-1] if options else question
        if match["key"] in part or (match["key"] in ("question", "review", "options") and options):
            raise ValueError(f"`{match['key']}` stands twice, or an option lacks its `- `")
        value = match["value"].strip()
        current = part[match["key"]] = [] if value in ("", "|", ">", "|-", ">-") else [value]
    if set(question) - {"review"} != {"question", "options"}:
        raise ValueError("a quiz has two keys, `question` and `options`, and perhaps `review`")
    review = join(question.get("review", [])).split(",")
    if "review" in question and not all(number.strip().isdigit() for number in review):
        raise ValueError(f"`review` is a list of numbers such as `1, 7`; received {review}")
    if len(options) < 2:
        raise ValueError("a quiz has a list of at least two options")
    parsed = []
    for option in options:
        if not {"text", "explain"} <= set(option):
            raise ValueError(f"each option has `text` and `explain`; one has {sorted(option)}")
        answer = join(option.get("answer", ["false"]))
        if answer not in ("true", "false"):
            raise ValueError(f"`answer` is true or false; received {answer!r}")
        parsed.append(
            {
                "text": join(option["text"]),
                "explain": join(option["explain"]),
                "answer": answer == "true",
            }
        )
    if sum(option["answer"] for option in parsed) != 1:
        raise ValueError("exactly one option has `answer: true`")
    return {
        "question": join(question["question"]),
        "options": parsed,
        "review": [int(number) for number in review] if "review" in question else [],
    }


def join(lines: list[str]) -> str:
    """Join the lines of a text, without their common indent and without quotes around the whole."""
    if not lines:
        return ""
    text = "\n".join([lines[0].strip(), textwrap.dedent("\n".join(lines[1:]))]).strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" and text.count(text[0]) == 2:
        return text[1:-1]
    return text


class QuizDirective(SphinxDirective):
    """Parse a quiz into nodes."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[dict] = {}

    def run(self) -> list[nodes.Node]:
        """Return the quiz, with the anchor of its argument."""
        try:
            data = parse_quiz("\n".join(self.content))
        except ValueError as error:
            raise self.error(f"quiz {self.arguments[0]!r}: {error}.") from error
        return [self.make(self.arguments[0], data)]

    def make(self, name: str, data: dict[str, Any]) -> quiz:
        """Return a quiz that has been read, under the anchor `name`."""
        node = quiz(language=self.config.language)
        node["ids"].append(nodes.make_id(name))
        node += self.part("question", data["question"])
        for option in data["options"]:
            node += self.part("option", option["text"], answer=option["answer"])
        for option in data["options"]:
            node += self.part("explain", option["explain"], answer=option["answer"])
        self.set_source_info(node)
        return node

    def part(self, role: str, text: str, **attributes: Any) -> quiz_text:
        """Parse one text as Markdown; a lone paragraph loses its wrapper."""
        part = quiz_text(role=role, **attributes)
        holder = nodes.container()
        lines = StringList(text.rstrip().splitlines(), self.state_machine.document["source"])
        self.state.nested_parse(lines, self.content_offset, holder)
        children = list(holder.children)
        if children and isinstance(children[0], nodes.paragraph):
            # The first paragraph becomes the legend or the label, which hold words only.
            part["lead"] = len(children[0].children)
            children[:1] = children[0].children
        else:
            part["lead"] = 0
        for child in children:
            part += child
        return part


def visit_quiz(self: HTML5Translator, node: quiz) -> None:
    """Write the whole quiz; the order of its pieces on the page differs from the tree."""
    name, language = node["ids"][0], node["language"]
    question = next(part for part in node if part["role"] == "question")
    options = [part for part in node if part["role"] == "option"]
    explanations = [part for part in node if part["role"] == "explain"]

    def write(children: list[nodes.Node]) -> None:
        for child in children:
            child.walkabout(self)

    lead = question["lead"]
    self.body.append(f'<fieldset class="quiz" id="{name}">\n<legend>')
    write(question.children[:lead])
    self.body.append("</legend>\n")
    write(question.children[lead:])
    for number, option in enumerate(options):
        # A formula alone is no label to all screen readers: its source is read instead.
        formula = all(isinstance(child, nodes.math) for child in option)
        label = f' aria-label="{self.attval(option.astext())}"' if formula else ""
        self.body.append(
            f'<label class="quiz-option"><input type="radio" name="{name}" '
            f'value="{number}"{label}> <span>'
        )
        write(option.children)
        self.body.append("</span></label>\n")
    self.body.append(
        f'<button type="button" class="quiz-check">{word("check", language)}</button>\n'
        f'<div class="quiz-status" role="status" data-right="{word("right", language)}" '
        f'data-wrong="{word("wrong", language)}" data-choose="{word("choose", language)}"></div>\n'
        f'<details class="quiz-answers"><summary>{word("answers", language)}</summary>\n<ol>\n'
    )
    for explanation in explanations:
        right = explanation["answer"]
        mark = f"<strong>({word('right_answer', language)})</strong> " if right else ""
        self.body.append(f'<li data-answer="{str(right).lower()}">{mark}<span>')
        write(explanation.children)
        self.body.append("</span></li>\n")
    self.body.append("</ol>\n</details>\n</fieldset>\n")
    raise nodes.SkipNode


def visit_children(self: Any, node: nodes.Element) -> None:
    """Other builders write the pieces in order."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive and its nodes."""
    plain = (visit_children, visit_children)
    app.add_node(quiz, html=(visit_quiz, None), latex=plain, text=plain)
    app.add_node(quiz_text, html=plain, latex=plain, text=plain)
    app.add_directive("quiz", QuizDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
