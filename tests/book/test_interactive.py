"""Interactive figures: loaded where they are used, true to the data, alive in a browser."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from docutils import nodes
from docutils.utils import new_document
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from book._ext.interactive import SCRIPTS, names
from runtun.data.loaders import load_taylor
from runtun.figures.convolution import receptive_field
from runtun.positions import sinusoidal_positions
from tests.support import ROOT

FIGURE = ".. figure:: {name}.png\n   :figclass: interactive-{name}\n   :alt: what it shows\n"


def build(folder: Path, pages: dict[str, str]) -> Path:
    """Build a small site with the extension and return its folder."""
    source = folder / "source"
    source.mkdir()
    for page, text in pages.items():
        (source / f"{page}.rst").write_text(f"{page}\n=====\n\n{text}")
    for name in ("order", "windows", "nowhere"):
        (source / f"{name}.png").write_bytes(b"")
    out = folder / "html"
    app = Sphinx(
        str(source), None, str(out), str(folder / "doctrees"), "html", status=None, warning=None,
        confoverrides={"extensions": ["book._ext.interactive"], "html_theme": "basic"},
    )  # fmt: skip
    app.build()
    return out


def test_the_figures_of_a_page_are_found_once_each() -> None:
    page = new_document("page")
    for classes in (
        ["interactive-order"],
        ["wide"],
        ["interactive-windows"],
        ["interactive-order"],
    ):
        page += nodes.figure(classes=classes)
    assert names(page) == ["order", "windows"]


def test_only_a_page_with_a_figure_loads_its_script(tmp_path: Path) -> None:
    site = build(tmp_path, {"index": "Plain.", "live": FIGURE.format(name="order")})
    live, plain = (site / "live.html").read_text(), (site / "index.html").read_text()
    scripts = re.findall(r'src="_static/(interactive/[\w.]+)', live)
    assert scripts == ["interactive/kit.js", "interactive/order.js"]
    assert "interactive/kit.css" in live
    assert "interactive/" not in plain
    for script in [*scripts, "interactive/kit.css"]:
        copied = (site / "_static" / script).read_text()
        assert copied == (SCRIPTS / Path(script).name).read_text()


def test_a_figure_without_a_script_fails_the_build(tmp_path: Path) -> None:
    with pytest.raises(ExtensionError, match=r"nowhere\.js in book/interactive"):
        build(tmp_path, {"index": FIGURE.format(name="nowhere")})


@pytest.mark.parametrize("language", ["id", "en"])
def test_every_script_is_used_in_both_languages(language: str) -> None:
    pages = "".join(page.read_text() for page in (ROOT / "book" / language).glob("*.md"))
    used = set(re.findall(r":figclass: interactive-([\w-]+)", pages))
    assert used == {script.stem for script in SCRIPTS.glob("*.js")} - {"kit"}


def test_scripts_ask_no_other_host() -> None:
    for script in SCRIPTS.iterdir():
        addresses = set(re.findall(r"https?://[\w./]+", script.read_text()))
        assert addresses <= {"http://www.w3.org/2000/svg"}, script.name


def test_the_week_in_the_script_is_the_first_of_the_data() -> None:
    script = (SCRIPTS / "order.js").read_text()
    week = json.loads(re.search(r"demand = (\[.*?\])", script, re.DOTALL)[1].replace(",\n  ]", "]"))
    np.testing.assert_array_equal(week, load_taylor().to_numpy()[:336])


# --- in a browser: the fixture `live` opens a figure in a page of its own -----------------------


def report(page) -> str:
    """What the figure says."""
    return page.locator("[role=status]").inner_text()


@pytest.mark.browser
def test_order_begins_with_the_data_and_destroys_it_by_keyboard(live) -> None:
    page = live("order")
    week = load_taylor().to_numpy(dtype=float)[:336]
    error, r = np.abs(np.diff(week)).mean(), np.corrcoef(week[:-1], week[1:])[0, 1]
    mean = f"Mean {week.mean():,.0f} MW and standard deviation {week.std():,.0f} MW"
    assert f"wrong by {error:,.0f} MW" in report(page)
    assert mean in report(page)
    assert float(re.search(r"neighbours ([\d.]+\d)", report(page))[1]) == pytest.approx(r, abs=0.02)
    page.get_by_role("slider").focus()
    page.keyboard.press("End")
    shuffled = float(re.search(r"wrong by ([\d,]+) MW", report(page))[1].replace(",", ""))
    assert shuffled > 5 * error
    assert mean in report(page)  # places change, values do not
    page.get_by_role("button").press("Enter")
    assert f"wrong by {shuffled:,.0f} MW" not in report(page)
    page.get_by_role("slider").press("Home")
    assert f"wrong by {error:,.0f} MW" in report(page)


@pytest.mark.browser
@pytest.mark.parametrize(("size", "horizon", "stride"), [(6, 2, 1), (8, 3, 4), (1, 1, 6)])
def test_windows_are_counted_as_the_page_says(live, size: int, horizon: int, stride: int) -> None:
    page = live("windows")
    for slider, value in zip(
        page.get_by_role("slider").all(), (size, horizon, stride), strict=True
    ):
        slider.fill(str(value))
    count = (24 - size - horizon) // stride + 1
    assert f"= {count} windows" in report(page)
    assert page.locator("svg g g").count() == count
    assert "0 were already in a training window" in report(page)  # split by time: nothing leaks


@pytest.mark.browser
def test_sharing_windows_out_at_random_leaks_and_says_so(live) -> None:
    page = live("windows", "id")
    assert "0 sudah pernah ada di sebuah jendela latih" in report(page)
    page.get_by_label("potong jendela, lalu bagikan secara acak").check()
    leaked = int(re.search(r"(\d+) sudah pernah ada", report(page))[1])
    assert leaked > 0
    assert page.locator('rect[fill="#d55e00"]').count() >= leaked


@pytest.mark.browser
def test_gates_keep_write_and_forget(live) -> None:
    page = live("gates")
    forget, write, _ = page.get_by_role("slider").all()
    assert "Half of a memory is gone after 6.6 steps" in report(page)  # ln 2 / -ln 0.9
    forget.fill("1")
    assert "nothing is ever forgotten" in report(page)
    assert "c = 0.400" in report(page)  # 1 - 0.6: a sum
    write.fill("0")
    assert "c = 0.000" in report(page)


@pytest.mark.browser
def test_corners_of_a_gru_are_a_copy_a_simple_network_and_no_memory(live) -> None:
    page = live("corners")
    update, reset = page.get_by_role("slider").all()
    h, past = [], 0.0
    for t in range(40):
        x = 1.5 if t == 4 else 0.8 if 14 <= t < 22 else -1.5 if t == 30 else 0.0
        past = 0.9 * past + 0.1 * np.tanh(x + 0.8 * past)
        h.append(past)
    assert f"h = {h[-1]:.3f}".replace("-", "−") in report(page)
    update.fill("1")
    assert "nothing gets in" in report(page)
    update.fill("0")
    assert "simple RNN" in report(page)
    reset.fill("0")
    assert "feed-forward" in report(page)
    assert "h = 0.000" in report(page)  # the last input is zero


@pytest.mark.browser
@pytest.mark.parametrize(
    ("first", "second", "sees"),
    [
        ("forwards", "forwards", "1 to 4"),
        ("backwards", "backwards", "4 to 8"),
        ("both ways", "forwards", "all"),
        ("forwards", "both ways", "all"),
        ("forwards", "backwards", "all"),
    ],
)
def test_one_reader_of_the_future_is_enough_to_see_it(live, first, second, sees) -> None:
    page = live("sees")
    for layer, direction in (("first layer", first), ("second layer", second)):
        page.get_by_role("group", name=layer).get_by_label(direction).check()
    assert f"sees {'all inputs' if sees == 'all' else f'the inputs {sees}'}" in report(page)
    low, high = (1, 8) if sees == "all" else map(int, sees.split(" to "))
    assert page.locator(".reached-x").count() == high - low + 1
    page.get_by_role("slider").press("Home")
    if (first, second) == ("forwards", "forwards"):
        assert "y1 sees input 1 only" in report(page)
        assert page.locator(".reached-x").count() == 1


@pytest.mark.browser
@pytest.mark.parametrize(("width", "layers"), [(2, 4), (3, 3), (4, 1)])
def test_the_field_is_counted_as_the_formula_says(live, width: int, layers: int) -> None:
    page = live("field")
    for slider, value in zip(page.get_by_role("slider").all(), (width, layers), strict=True):
        slider.fill(str(value))
    field = receptive_field(width, [2**layer for layer in range(layers)])
    assert f"= {field}. The last output sees {field} inputs" in report(page)


@pytest.mark.browser
def test_a_stack_that_begins_with_a_gap_has_holes(live) -> None:
    page = live("field", "id")
    assert "memerlukan 10 lapisan" in report(page)
    page.get_by_label("2, 4, 8, 16, …", exact=True).check()
    assert "menjangkau 31 langkah dan melihat 16 di antaranya" in report(page)
    page.get_by_label("1, 1, 1, 1, …", exact=True).check()
    assert "memerlukan 999 lapisan" in report(page)


@pytest.mark.browser
def test_attention_looks_where_the_query_says(live) -> None:
    page = live("alignment")
    step, sharpness = page.get_by_role("slider").all()
    for label, place in (
        ("the mirrored place", 9),
        ("the same place", 4),
        ("the step before", 3),
    ):
        page.get_by_label(label).check()
        assert f"Target step 4 looks hardest at source step {place}" in report(page)
    codes = sinusoidal_positions(12, 16)
    scores = 12 * codes @ codes[2] / 4  # sharpness times p_s . p_2 over the root of 16
    weights = np.exp(scores - scores.max())
    assert f"weight {weights.max() / weights.sum():.2f}" in report(page)
    sharpness.fill("0")
    assert "with weight 0.08" in report(page)  # all alike: 1 / 12
    assert "spread over 12.0 source steps" in report(page)
    step.fill("12")
    assert "Target step 12" in report(page)


def read_letters(letters: str, u: float, f: float) -> tuple[np.ndarray, np.ndarray]:
    """The states of a simple RNN and of a latch along a sequence, as the figure defines them."""
    values = {"X": 1, "Y": -1, "a": 0.4, "b": -0.4, "c": 0.2, "d": -0.2, "E": 0, "B": 0}
    h = c = 0.0
    states = []
    for letter in letters:
        h = np.tanh(u * h + values[letter])
        c = f * c + (values[letter] if letter in "XY" else 0)
        states.append((h, c))
    rnn, lstm = np.array(states).T
    return rnn, lstm


@pytest.mark.browser
@pytest.mark.parametrize(("u", "f"), [(0.9, 0.98), (0.5, 1.0), (1.4, 0.8)])
def test_what_is_left_of_a_letter_is_the_difference_it_makes(live, u: float, f: float) -> None:
    page = live("unrolled")
    page.get_by_label("sequence").fill("bYacX dab")
    step, forget, recurrent = page.get_by_role("slider").all()
    forget.fill(str(f))
    recurrent.fill(str(u))
    step.press("End")
    rnn, lstm = read_letters("EbYacXdabB", u, f)
    other_rnn, other_lstm = read_letters("EbXacXdabB", u, f)
    share = 100 * np.abs(rnn - other_rnn)[-1] / np.abs(rnn - other_rnn)[2]
    assert "Step 9 reads B, x = 0.0" in report(page)
    states = f"RNN h = {rnn[-1]:.2f}, LSTM c = {lstm[-1]:.2f}"
    assert states.replace("-", "−") in report(page)
    assert f"Of the Y read 7 steps ago the RNN holds {share:.1f} %" in report(page)
    assert f"the LSTM {100 * f**7:.1f} %" in report(page)
    assert np.abs(lstm - other_lstm)[-1] == pytest.approx(2 * f**7)  # exact, whatever came between
    step.press("Home")
    assert "The first Y has not come yet" in report(page)


@pytest.mark.browser
def test_the_first_letter_can_be_chosen_and_strange_letters_are_named(live) -> None:
    page = live("unrolled", "id")
    letters = page.get_by_label("runtun")
    assert "x = −0,4" in report(page)
    page.get_by_role("group").get_by_label("Y").check()
    assert letters.input_value().startswith("abYcd")
    assert "Dari Y yang dibaca 3 langkah lalu" in report(page)
    letters.press("End")
    letters.press("q")
    assert "“q” bukan salah satu huruf" in report(page)
    assert letters.get_attribute("aria-invalid") == "true"
    letters.press("Backspace")
    assert letters.get_attribute("aria-invalid") == "false"
    letters.fill("abcd")
    assert "memerlukan sebuah X atau Y" in report(page)
    letters.fill("X")  # shorter than the step looked at
    assert "Langkah 2 membaca B" in report(page)


def test_the_printed_network_holds_the_numbers_of_the_live_one() -> None:
    picture = (ROOT / "book" / "figures" / "temporal-unrolled.svg").read_text()
    script = (SCRIPTS / "unrolled.js").read_text()
    letters = re.search(r'letters: "(E\w+B)"', script)[1]
    t, u, f = (float(re.search(rf"\b{name}: ([\d.]+)", script)[1]) for name in ("t", "u", "f"))
    for states in read_letters(letters, u, f):
        shown = [f">{state:.2f}<".replace("-", "−") for state in states[int(t) - 4 : int(t) + 4]]
        assert [text for text in shown if text in picture] == shown


@pytest.mark.browser
@pytest.mark.parametrize(
    "name", ["order", "windows", "gates", "field", "alignment", "corners", "sees", "unrolled"]
)
def test_a_figure_fits_a_phone_and_keeps_its_description(live, name: str) -> None:
    page = live(name)
    assert page.locator("svg").get_attribute("aria-label") == "what it shows"
    assert page.locator("img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
