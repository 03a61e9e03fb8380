"""The finished site on a wide screen: every page, dark, then light (see test_site.py)."""

from __future__ import annotations

import pytest

from tests.book.accessibility import find_faults, pages_of
from tests.support import built_site

pytestmark = [pytest.mark.site, pytest.mark.browser, pytest.mark.slow]


@pytest.mark.timeout(900)
def test_every_page_on_a_wide_screen_is_accessible_fits_and_asks_nobody_else(browser, serve):
    site = built_site()
    pages = pages_of(site)
    assert "en/03-rnn.html" in pages
    faults = find_faults(browser, serve(site), pages, width=1300, themes=("dark", "light"))
    assert list(faults) == []
