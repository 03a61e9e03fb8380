"""Search in Indonesian: stop words, and no stemmer.

Sphinx knows no Indonesian. Without stop words every page matches "yang"; with the English stemmer
"pelatihan" and "gradien" would be cut differently in the index and in the browser. The browser's
side also matches parts of words, so "gradien" finds "gradiennya".
"""

from __future__ import annotations

from typing import ClassVar

from sphinx.application import Sphinx
from sphinx.search import SearchLanguage, languages

_WORDS = """
    ada adalah adanya agar akan aku anda antara apa apabila apakah atau
    bagaimana bagi bahkan bahwa banyak beberapa begitu belum berupa biasanya bila bisa boleh bukan
    cara cukup dahulu dalam dan dapat dari daripada demi demikian dengan di dia dua dulu
    hal hanya harus hingga ia ialah ini itu
    jadi jika juga kalau kami kamu karena ke kecuali kemudian kepada ketika kini kita
    lagi lain lalu lebih maka mana masih melainkan memang mereka meski meskipun misalnya mungkin
    namun nya oleh pada paling para pasti per perlu pula pun
    saat saja saling sama sambil sampai sangat satu saya sebab sebagai sebelum sebuah secara sedang
    sedangkan sehingga sejak sekarang selain selalu selama seluruh semua sendiri seorang seperti
    sering serta sesuai sesuatu sesudah setelah setiap sini situ suatu sudah supaya
    tanpa tapi telah tentang tentu terhadap ternyata tersebut tetap tetapi tiap tidak untuk
    walau walaupun yaitu yakni yang
"""
STOP_WORDS = frozenset(_WORDS.split())
"""Words that tell nothing about a page."""


class SearchIndonesian(SearchLanguage):
    """Index words as they are written, in lower case."""

    lang = "id"
    language_name = "Indonesian"
    stopwords: ClassVar[set[str]] = set(STOP_WORDS)

    def stem(self, word: str) -> str:
        """Return the word in lower case; the browser does the same."""
        return word.lower()


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the language with Sphinx."""
    languages["id"] = SearchIndonesian
    return {"parallel_read_safe": True, "parallel_write_safe": True}
