"""The interactive figure of sampling: the page chooses as the library does."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from runtun.decoding import choose_tokens
from tests.book.test_interactive import report
from tests.support import ROOT

LOGITS = {
    "tokens": ["\n", *"aeinr"],
    "logits": {"b": [-3, 2, 1.5, 1, -1, 0], "k": [0, 9, 0, 0, 1, 2]},
}
"""What the chapter hands to the figure: here six signs after two beginnings."""


@pytest.fixture
def figure(live) -> Callable:
    """Open the figure, with or without the network's numbers."""
    return partial(live, "temperature", data=LOGITS)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("tau", "k", "p"), [(1, 6, 1), (0.5, 6, 1), (2, 3, 1), (1.5, 6, 0.8), (2, 4, 0.6), (0, 6, 1)]
)
def test_the_page_chooses_as_the_library_does(figure, tau: float, k: int, p: float) -> None:
    page = figure()
    page.get_by_label("b", exact=True).check()
    for slider, value in zip(page.get_by_role("slider").all(), (tau, k, p), strict=True):
        slider.fill(str(value))
    logits = np.array(LOGITS["logits"]["b"], dtype=float)
    rng = np.random.default_rng(0)
    draws = choose_tokens(np.tile(logits, (20_000, 1)), temperature=tau, top_k=k, top_p=p, rng=rng)
    counts = np.bincount(draws, minlength=6)
    frequent = counts[np.argsort(-logits, kind="stable")] / len(draws)
    bars = [float(bar.get_attribute("height")) for bar in page.locator(".chosen").all()]
    np.testing.assert_allclose(np.array(bars) / np.sum(bars), frequent, atol=0.015)
    assert f"{(counts > 0).sum()} of 6 signs remain" in report(page)
    entropy = -(frequent * np.log2(np.where(frequent > 0, frequent, 1))).sum()
    said = float(re.search(r"Entropy ([\d.]+\d) bits", report(page))[1])
    assert said == pytest.approx(entropy, abs=0.03)
    drawn = re.search(r"Twenty draws: (.*)", report(page))[1].split()
    assert len(drawn) == 20
    assert set(drawn) <= {"↵aeinr"[i] for i in np.flatnonzero(counts)}


@pytest.mark.browser
def test_it_is_steered_by_keyboard_and_speaks_indonesian(figure) -> None:
    page = figure("id")
    page.get_by_label("b", exact=True).check()
    tau, k, _ = page.get_by_role("slider").all()
    tau.press("Home")
    assert "Tersisa 1 dari 6 tanda. Entropinya 0,00 bit" in report(page)
    tau.press("End")
    assert "Tersisa 6 dari 6 tanda" in report(page)
    k.press("Home")
    assert "Paling mungkin: a, dengan 1,00" in report(page)


@pytest.mark.browser
def test_it_fits_a_phone_and_keeps_its_description(figure) -> None:
    page = figure()
    assert page.locator("svg").get_attribute("aria-label") == "what it shows"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.browser
def test_without_the_networks_numbers_the_picture_stays(figure) -> None:
    page = figure(data=None)
    assert page.locator("img").get_attribute("alt") == "what it shows"
    assert page.get_by_role("slider").count() == 0


@pytest.mark.parametrize("language", ["id", "en"])
def test_the_chapter_hands_over_what_the_figure_reads(language: str) -> None:
    page = (ROOT / "book" / language / "14-language-model.md").read_text(encoding="utf-8")
    assert 'type="application/json" data-figure="temperature"' in page
    assert '"tokens": letters.tokens' in page
    assert '"logits": {' in page
