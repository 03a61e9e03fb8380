"""The interactive figures of the chapter on gradients: what vanishes, and what clipping does."""

from __future__ import annotations

import re

import numpy as np
import pytest

from runtun.scratch import RNN, SimpleRNNCell, clip_by_norm, clip_by_value
from tests.book.test_interactive import report
from tests.support import ROOT

LIMITS = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]
SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


@pytest.mark.browser
@pytest.mark.parametrize(("w", "T"), [(0.9, 50), (0.5, 100), (1.05, 50), (1.5, 100)])
def test_what_is_left_of_a_derivative_is_a_power(live, w: float, T: int) -> None:
    page = live("vanishing")
    weight, steps = page.get_by_role("slider").all()
    weight.fill(str(w))
    steps.fill(str(T))
    unit = SimpleRNNCell(1, 1, activation="linear")
    unit.load({"W": np.ones((1, 1)), "U": np.full((1, 1), w), "b": np.zeros(1)})
    layer = RNN(unit)
    layer(np.zeros((1, T + 1, 1)))
    left = layer.backward(np.ones((1, 1)))[0][0, 0, 0]
    said = re.search(r"= ([\d.]+)(?: · 10(\S+))?\. ", report(page))
    shown = float(said[1]) * 10.0 ** int((said[2] or "0").translate(SUPERSCRIPTS))
    assert shown == pytest.approx(left, rel=0.006)
    turn = abs(np.log(2) / np.log(w))
    assert f"every {turn:.1f} steps" in report(page)


@pytest.mark.browser
def test_only_one_passes_the_blame_on_and_the_keyboard_finds_it(live) -> None:
    page = live("vanishing", "id")
    weight = page.get_by_role("slider").first
    weight.press("Home")
    assert "0,50⁵⁰" in report(page)
    assert "separuhnya hilang setiap 1,0 langkah" in report(page)
    weight.fill("0.99")
    weight.press("ArrowRight")
    assert "tidak ada yang hilang di jalan" in report(page)
    weight.press("ArrowRight")
    assert "berlipat dua setiap 69,7 langkah" in report(page)


def descend(kind: str | None, c: float, b: float) -> tuple[np.ndarray, float]:
    """The path of the chapter's descent through (w, b), clipped, and its last loss."""
    path = [np.array([1.8, b])]
    for n in range(61):
        h, by_w, by_b = 0.5, 0.0, 0.0
        for _ in range(10):
            after = np.tanh(path[n][0] * h + path[n][1])
            by_w, by_b = (1 - after**2) * np.array([h + path[n][0] * by_w, 1 + path[n][0] * by_b])
            h = after
        gradient = {"all": 2 * (h - 0.7) * np.array([by_w, by_b])}
        if kind == "by norm":
            gradient, _ = clip_by_norm(gradient, c)
        elif kind == "by value":
            gradient = clip_by_value(gradient, c)
        path.append(path[n] - 0.1 * gradient["all"])
    return np.stack(path[:-1]), (h - 0.7) ** 2


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["none", "by norm", "by value"])
@pytest.mark.parametrize(("c", "b"), [(1.0, -0.52), (0.02, -0.55), (0.1, -0.4)])
def test_the_descent_is_that_of_the_chapter(live, kind: str, c: float, b: float) -> None:
    page = live("clipping")
    page.get_by_label(kind, exact=True).check()
    for slider, value in zip(page.get_by_role("slider").all(), (LIMITS.index(c), b), strict=True):
        slider.fill(str(value))
    path, loss = descend(kind, c, b)
    longest = np.linalg.norm(np.diff(path, axis=0), axis=1).max()
    assert f"Longest step {longest:.2f}." in report(page)
    shown = float(re.search(r"the loss is ([\d.]+)\. ", report(page))[1])
    assert shown == pytest.approx(loss, abs=0.02)  # steps bounce in the valley, and bounces differ
    assert kind == "by value" or "turned by up to" not in report(page)
    assert page.locator("circle").count() == len(path)


@pytest.mark.browser
def test_the_first_picture_ends_with_the_loss_that_the_chapter_names(live) -> None:
    for language in ("en", "id"):
        text = (ROOT / "book" / language / "04-bptt.md").read_text()
        assert "start = (1.8, -0.52)" in text
        assert "`loss_clipped:.5f`" in text
    _, loss = descend("by norm", 1.0, -0.52)
    assert f"the loss is {loss:.5f}. " in report(live("clipping"))


@pytest.mark.browser
def test_without_clipping_the_cliff_throws_and_the_keyboard_brings_the_rope(live) -> None:
    page = live("clipping", "id")
    none = page.get_by_label("tanpa", exact=True)
    none.check()
    assert "terlempar ke sebuah dataran" in report(page)
    none.press("ArrowRight")
    assert page.get_by_label("menurut norma").is_checked()
    assert "Ia sampai di lembah" in report(page)
    page.get_by_label("batas c").press("Home")
    assert "Ia belum sampai" in report(page)
    page.get_by_label("batas c").press("End")
    assert "terlempar ke sebuah dataran" in report(page)


def test_the_printed_powers_and_paths_are_those_of_the_formulas() -> None:
    picture = (ROOT / "book" / "figures" / "bptt-vanishing.svg").read_text()
    lines = re.findall(r'points="([\d. -]+)"', picture)
    assert len(lines) == 8
    for w, line in zip((0.8, 0.95, 1.0, 1.05), lines[1::2], strict=True):
        heights = np.array(line.split(), float)[1::2]
        np.testing.assert_allclose(heights, 115 - 15 * np.log10(w) * np.arange(51), atol=0.06)
    picture = (ROOT / "book" / "figures" / "bptt-clipping.svg").read_text()
    lines = re.findall(r'points="([\d. -]+)"', picture)
    for kind, line in zip((None, "by norm"), lines[::2], strict=True):
        across, up = np.array(line.split(), float).reshape(-1, 2).T
        path, _ = descend(kind, 1.0, -0.52)
        np.testing.assert_allclose(across, 34 + (path[:, 1] + 1) / 3.6 * 370, atol=0.06)
        np.testing.assert_allclose(up, 260 - (path[:, 0] - 1) / 2.2 * 245, atol=0.06)


@pytest.mark.browser
@pytest.mark.parametrize("name", ["vanishing", "clipping"])
def test_a_figure_fits_a_phone_and_keeps_its_description(live, name: str) -> None:
    page = live(name)
    assert page.locator("svg").get_attribute("aria-label") == "what it shows"
    assert page.locator("img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
