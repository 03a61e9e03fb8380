"""The words that the site's machinery puts on a page, in each language of the book."""

from __future__ import annotations

import re

LANGUAGES = ("id", "en")
"""Languages of the book, in the order in which they are built."""

NAMES = {"id": "Bahasa Indonesia", "en": "English"}
"""What each language calls itself."""

NUMBER = re.compile(r"(?P<digits>-?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?)(e(?P<power>[+-]?\d+))?")
"""A number as Python writes it, with or without groups of three or a power of ten."""

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
"""Digits of a power."""

_WORDS: dict[str, dict[str, str]] = {
    # quizzes
    "quiz": {"id": "Kuis", "en": "Quiz"},
    "check": {"id": "Periksa", "en": "Check"},
    "right": {"id": "Benar.", "en": "Right."},
    "wrong": {"id": "Belum tepat.", "en": "Not quite."},
    "choose": {"id": "Pilih satu jawaban dahulu.", "en": "Choose an answer first."},
    "answers": {"id": "Jawaban dan penjelasan", "en": "Answers and explanations"},
    "right_answer": {"id": "jawaban yang benar", "en": "the right answer"},
    "question_number": {"id": "soal {number}", "en": "question {number}"},
    "in_chapter": {"id": "Tempatnya di bab: {title}", "en": "In its chapter: {title}"},
    "practise": {"id": "Soal kuis:", "en": "Quiz questions:"},
    # frameworks
    "framework": {"id": "Framework", "en": "Framework"},
    # header and footer
    "read_in": {"id": "Baca dalam bahasa Indonesia", "en": "Read in English"},
    "download": {"id": "Unduh notebook", "en": "Download the notebook"},
    "colab": {"id": "Buka di Colab", "en": "Open in Colab"},
    "menu": {"id": "Daftar isi buku", "en": "Contents of the book"},
    "page_contents": {"id": "Isi halaman", "en": "Contents of the page"},
    "licence": {
        "id": "Teks: CC BY 4.0. Kode: BSD-3-Clause.",
        "en": "Text: CC BY 4.0. Code: BSD-3-Clause.",
    },
    "source": {"id": "Kode sumber", "en": "Source code"},
    "search": {"id": "Cari", "en": "Search"},
    "search_page": {
        "id": "Cari kata dan istilah di semua halaman buku ini.",
        "en": "Search the words of every page of this book.",
    },
    "pdf": {"id": "Seluruh buku dalam PDF", "en": "The whole book as PDF"},
    # glossary
    "in_other_language": {"id": "Inggris", "en": "Indonesian"},
    "see": {"id": "Lihat juga", "en": "See also"},
    # attacks on the grader
    "cases": {"id": "{count} kasus, dengan nama aslinya, dari", "en": "{count} cases, from"},
    # exercises
    "exercise": {"id": "Latihan", "en": "Exercise"},
    "points": {"id": "poin", "en": "points"},
    # notebooks
    "figure": {"id": "Gambar", "en": "Figure"},
    "answer": {"id": "Jawaban", "en": "Answer"},
    "made_from": {
        "id": "Notebook ini dibuat dari halaman buku; jalankan sel dari atas ke bawah.",
        "en": "This notebook was made from a page of the book; run its cells from top to bottom.",
    },
    # code cells that are folded
    "show_source": {"id": "Tampilkan kode", "en": "Show the code"},
    "hide_source": {"id": "Sembunyikan kode", "en": "Hide the code"},
    "show_outputs": {"id": "Tampilkan keluaran", "en": "Show the output"},
    "hide_outputs": {"id": "Sembunyikan keluaran", "en": "Hide the output"},
    "show_content": {"id": "Tampilkan sel", "en": "Show the cell"},
    "hide_content": {"id": "Sembunyikan sel", "en": "Hide the cell"},
    "scrollable": {"id": "dapat digulir", "en": "scrollable"},
    "code": {"id": "Kode", "en": "Code"},
    "output": {"id": "Keluaran", "en": "Output"},
    "table": {"id": "Tabel", "en": "Table"},
    "equation": {"id": "Persamaan", "en": "Equation"},
    # copy button
    "copy": {"id": "Salin", "en": "Copy"},
    "copied": {"id": "Tersalin", "en": "Copied"},
    "copy_failed": {"id": "Gagal menyalin", "en": "Copying failed"},
    # status page
    "versions": {"id": "Versi", "en": "Versions"},
    "package": {"id": "Paket", "en": "Package"},
    "version": {"id": "Versi", "en": "Version"},
    "executions": {"id": "Eksekusi halaman", "en": "Execution of the pages"},
    "page": {"id": "Halaman", "en": "Page"},
    "seconds": {"id": "Detik", "en": "Seconds"},
    "executed": {"id": "Dijalankan (UTC)", "en": "Executed (UTC)"},
    "no_code": {"id": "tanpa kode", "en": "no code"},
    "machine": {"id": "Mesin", "en": "Machine"},
    "property": {"id": "Sifat", "en": "Property"},
    "value": {"id": "Nilai", "en": "Value"},
    "processor": {"id": "Prosesor", "en": "Processor"},
    "cores": {"id": "Inti prosesor", "en": "Processor cores"},
    "system": {"id": "Sistem", "en": "System"},
    "results": {"id": "Hasil terukur", "en": "Measured results"},
    "file": {"id": "Berkas", "en": "File"},
    "recorded": {"id": "Direkam", "en": "Recorded"},
    "no_results": {
        "id": "Belum ada hasil yang direkam di `results/`; semua angka di buku ini dihitung "
        "saat halaman dibangun.",
        "en": "No results are recorded in `results/` yet; every number in this book is computed "
        "while its page is built.",
    },
    "quality": {"id": "Mutu halaman", "en": "Quality of the pages"},
    "performance": {"id": "Kinerja", "en": "Performance"},
    "accessibility": {"id": "Aksesibilitas", "en": "Accessibility"},
    "best-practices": {"id": "Praktik baik", "en": "Best practices"},
    "seo": {"id": "Temuan mesin pencari", "en": "Search engines"},
    "quality_measured": {
        "id": "Diukur dengan Lighthouse {lighthouse} di Chromium {chromium} sebagai ponsel dengan "
        "jaringan lambat yang disimulasikan, pada {day}; nilai 100 adalah yang terbaik.",
        "en": "Measured with Lighthouse {lighthouse} in Chromium {chromium}, as a phone on a "
        "simulated slow connection, on {day}; 100 is the best.",
    },
    # the library
    "floors": {"id": "Model dan lapisan", "en": "Models and layers"},
    # tables of results
    "model": {"id": "Model", "en": "Model"},
    "mean": {"id": "Rata-rata", "en": "Mean"},
    "seeds": {"id": "Benih", "en": "Seeds"},
    "over_seeds": {
        "id": "Rata-rata dan simpangan baku atas {count} benih.",
        "en": "Means and standard deviations over {count} seeds.",
    },
    "strips": {
        "id": "Di bawah tiap rata-rata: satu titik untuk tiap benih dan garis tegak pada "
        "rata-ratanya, dengan skala yang sama dalam satu tabel, logaritmik bila angka "
        "terbesar lebih dari dua puluh kali angka terkecil.",
        "en": "Under each mean: a dot for each seed and an upright line at their mean, on one "
        "scale within a table, logarithmic where the largest figure is more than twenty times "
        "the smallest.",
    },
    "diamonds": {"id": "Wajik: angka terbitan.", "en": "Diamond: the published figure."},
    "published": {"id": "Terbitan", "en": "Published"},
    "reached": {"id": "tercapai", "en": "reached"},
    "missed": {"id": "belum", "en": "missed"},
    "measured_on": {
        "id": "Diukur pada {day}, prosesor {processor}, dengan {versions}.",
        "en": "Measured on {day}, processor {processor}, with {versions}.",
    },
    "published_in": {"id": "Angka terbitan:", "en": "Published figures:"},
    "translation": {"id": "Kesegaran terjemahan", "en": "Freshness of the translation"},
    "last_change": {"id": "Perubahan terakhir", "en": "Last change"},
    "state": {"id": "Keadaan", "en": "State"},
    "in_step": {"id": "selaras", "en": "in step"},
    "behind": {"id": "tertinggal {days} hari", "en": "behind by {days} days"},
    "unknown": {"id": "tidak diketahui", "en": "unknown"},
}


def word(key: str, language: str) -> str:
    """Return the word for `key` in `language`.

    Raises:
        KeyError: if the key or the language is unknown.

    >>> word("check", "id")
    'Periksa'
    """
    return _WORDS[key][language]


def spell_number(text: str, language: str) -> str:
    """Return a number as Python writes it in the spelling of a language, any other text as it is.

    Indonesian has a decimal comma and groups of three parted by points; English has it as Python
    does with a format such as `,.0f`. Both have a minus sign and powers of ten written out.

    >>> spell_number("12,345.6", "id"), spell_number("1e-05", "id"), spell_number("12,345", "en")
    ('12.345,6', '10⁻⁵', '12,345')
    >>> print(spell_number("1.4e-05", "id").replace("\\N{NO-BREAK SPACE}", "_"))
    1,4_×_10⁻⁵
    """
    number = NUMBER.fullmatch(text)
    if number is None:
        return text
    digits, power = number["digits"].replace("-", "\N{MINUS SIGN}"), number["power"]
    if language == "id":
        digits = digits.translate(str.maketrans(",.", ".,"))
    if power is None or int(power) == 0:
        return digits
    ten = "10" + str(int(power)).translate(RAISED)
    return ten if digits == "1" else f"{digits}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}{ten}"


def other(language: str) -> str:
    """Return the twin of a language.

    >>> other("id")
    'en'
    """
    return LANGUAGES[1 - LANGUAGES.index(language)]
