"""Search in Indonesian: words are found as readers write them."""

from __future__ import annotations

import json

from book._ext.indonesian_search import STOP_WORDS, SearchIndonesian


def test_stop_words_are_left_out_and_terms_are_kept():
    search = SearchIndonesian({})
    assert {"yang", "dan", "dengan", "adalah"} <= STOP_WORDS
    assert not search.word_filter("yang")
    for term in ("pelatihan", "gradien", "runtun", "waktu", "deret", "langkah", "keadaan"):
        assert search.word_filter(term)
        assert search.stem(term.capitalize()) == term


def test_the_index_and_the_browser_agree(tiny):
    index = (tiny.site / "id" / "searchindex.js").read_text(encoding="utf-8")
    terms = json.loads(index.removeprefix("Search.setIndex(").rstrip().removesuffix(")"))["terms"]
    assert "pelatihan" in terms
    assert "gradien" in terms
    assert "yang" not in terms
    data = (tiny.site / "id" / "_static" / "language_data.js").read_text(encoding="utf-8")
    assert '"yang"' in data
    assert "return w;" in data  # the browser cuts no words either
