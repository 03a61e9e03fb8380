"""What the grader says to people, in each language."""

from __future__ import annotations

from datetime import datetime

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "feedback": "Feedback",
        "points": "Points",
        "of": "of",
        "so_far": "so far",
        "question": "Question",
        "waiting": "waits for a person",
        "waiting_points": "Points still to be marked by a person: {points}.",
        "late": "Handed in late: {late} after the deadline.",
        "penalty": "Points taken off for this: {points}.",
        "arrived": "Handed in {time}",
        "your_work": "Your work",
        "your_code": "Your code",
        "your_answer": "Your answer",
        "output": "Output",
        "test": "Test",
        "hidden": "# hidden tests",
        "comment": "Comment from your teacher",
        "empty": "You left this cell empty.",
        "cut": "(the rest was left out)",
        "passed": "passed",
        "partial": "partly right",
        "failed": "not yet right",
        "timeout": "took too long",
        "died": "stopped the program",
        "flood": "printed too much",
        "skipped": "did not run",
        "blank": "empty",
        "manual": "marked by a person",
        "marked": "marked",
        "hint": "Hint",
        "hidden_failed": "A hidden test found a case that does not work yet.",
        "raised": "Your code ended with {error}.",
        "timeout_hint": "This ran longer than allowed. Is there a loop that never ends?",
        "died_hint": "The program stopped here. Did it call exit, or run out of memory?",
        "flood_hint": "This printed far too much. Remove print from inside loops.",
        "skipped_hint": "This did not run, because something before it used up the time.",
        "rejected": "This submission could not be graded",
        "rejected_next": "It has no points for now. Please hand in again, or talk to your teacher.",
        "reason.link": "it contains a link instead of a file",
        "reason.missing": "the notebook is missing, or has another name",
        "reason.unreadable": "the file cannot be read",
        "reason.not_a_file": "there is something else where the notebook should be",
        "reason.too_large": "it is too large",
        "reason.empty": "the file is empty",
        "reason.nul": "the file is damaged",
        "reason.not_utf8": "the file is damaged: it is not text in UTF-8",
        "reason.not_json": "the file is damaged: it is not a complete notebook",
        "reason.too_deep": "the file is damaged: it is nested too deeply",
        "reason.not_a_notebook": "the file is not a Jupyter notebook",
        "reason.other_assignment": "it is the notebook of another assignment",
        "reason.same_name": "two folders have this name; rename one and grade again",
        "status.graded": "graded",
        "status.manual": "to be marked",
        "status.rejected": "could not be graded",
        "status.error": "grader failed",
        "status.waiting": "not graded yet",
        "report": "Class report",
        "students": "Submissions",
        "average": "Average",
        "median": "Median",
        "full_marks": "Full marks",
        "distribution": "Distribution of points",
        "distribution_alt": "How many submissions earned how many points",
        "per_question": "Points per question",
        "per_question_alt": "Average share of the points of each question",
        "frequent": "Most frequent failures",
        "nothing_failed": "No test failed.",
        "times": "times",
        "student": "Student",
        "status": "Status",
        "arrival": "Handed in",
        "claimed": "as the submission says of itself",
        "seconds": "Seconds",
        "notes": "Notes",
        "median_seconds": "Median running time",
        "hidden_short": "hidden",
        "line": "line {line}",
        "later": "tested when it is graded",
        "check_points": "{points} of {max_points} points from the tests in this notebook",
        "check_hidden": "When it is graded, hidden tests run as well.",
        "check_manual": "Points to be marked by a person: {points}.",
        "check_all": "All tests in this notebook pass.",
        "no_tests": "There is no test in this notebook: nothing to check.",
        "note.edited": "a locked cell was edited; the instructor's text was used",
        "note.released": "was released with other tests than these; the source's were used",
        "note.twice": "handed in more than once",
        "note.metadata": "the cell's metadata were changed; the source's were used",
        "note.file": "a file was left out",
        "note.found": "found under another name",
        "note.exchange": "broke the rules of the exchange",
        "note.changed": "passed, and the student's code changed what the test gave it",
        "note.reached": "tried to reach what lies outside",
        "note.limit": "a limit was hit",
        "note.no_walls": "ran without a sandbox",
        "note.future": "arrived later than now: check the collector's clock",
        "evidence": "Worth a look",
        "evidence_about": (
            "None of this has cost a point. Honest work does some of it too. Read the submission "
            "before you judge it."
        ),
        "evidence_none": "Nothing was noticed.",
        "noticed": "Noticed",
        "noticed_some": "noticed: {count} (see above)",
        "where": "Evidence",
        "similar": "Similar code",
        "similar_about": (
            "Pairs whose code shares what is rare in this class, without what was given to "
            "everybody. A hint where to read, and no proof: short right answers look alike."
        ),
        "similar_none": "No two submissions are unusually alike.",
        "structure": "Structure",
        "wording": "Names and words",
    },
    "id": {
        "feedback": "Umpan balik",
        "points": "Nilai",
        "of": "dari",
        "so_far": "sejauh ini",
        "question": "Soal",
        "waiting": "menunggu dinilai pengajar",
        "waiting_points": "{points} poin menunggu dinilai oleh pengajar.",
        "late": "Terlambat: {late} setelah tenggat.",
        "penalty": "Karena itu dipotong {points} poin.",
        "arrived": "Dikumpulkan {time}",
        "your_work": "Pekerjaanmu",
        "your_code": "Kodemu",
        "your_answer": "Jawabanmu",
        "output": "Keluaran",
        "test": "Uji",
        "hidden": "# uji tersembunyi",
        "comment": "Catatan pengajar",
        "empty": "Sel ini kamu biarkan kosong.",
        "cut": "(sisanya tidak ditampilkan)",
        "passed": "lulus",
        "partial": "sebagian benar",
        "failed": "belum benar",
        "timeout": "terlalu lama",
        "died": "menghentikan program",
        "flood": "mencetak terlalu banyak",
        "skipped": "tidak dijalankan",
        "blank": "kosong",
        "manual": "dinilai pengajar",
        "marked": "sudah dinilai",
        "hint": "Petunjuk",
        "hidden_failed": "Sebuah uji tersembunyi menemukan kasus yang belum berhasil.",
        "raised": "Kodemu berhenti dengan {error}.",
        "timeout_hint": "Ini berjalan melewati batas waktu. Adakah loop yang tidak pernah selesai?",
        "died_hint": "Program berhenti di sini. Apakah ia memanggil exit, atau kehabisan memori?",
        "flood_hint": "Ini mencetak terlalu banyak. Hapus print dari dalam loop.",
        "skipped_hint": "Ini tidak dijalankan karena waktunya habis oleh sel sebelumnya.",
        "rejected": "Kiriman ini belum bisa dinilai",
        "rejected_next": "Untuk sementara nilainya nol. Kumpulkan lagi, atau hubungi pengajarmu.",
        "reason.link": "isinya tautan, bukan berkas",
        "reason.missing": "notebook tidak ada, atau namanya lain",
        "reason.unreadable": "berkas tidak bisa dibaca",
        "reason.not_a_file": "di tempat notebook ada sesuatu yang lain",
        "reason.too_large": "ukurannya terlalu besar",
        "reason.empty": "berkasnya kosong",
        "reason.nul": "berkasnya rusak",
        "reason.not_utf8": "berkasnya rusak: bukan teks UTF-8",
        "reason.not_json": "berkasnya rusak: bukan notebook yang utuh",
        "reason.too_deep": "berkasnya rusak: terlalu dalam bersarang",
        "reason.not_a_notebook": "berkas ini bukan notebook Jupyter",
        "reason.other_assignment": "ini notebook tugas lain",
        "reason.same_name": "dua folder bernama sama; ganti nama salah satu, lalu nilai lagi",
        "status.graded": "sudah dinilai",
        "status.manual": "perlu dinilai pengajar",
        "status.rejected": "belum bisa dinilai",
        "status.error": "penilai gagal",
        "status.waiting": "belum dinilai",
        "report": "Laporan kelas",
        "students": "Kiriman",
        "average": "Rata-rata",
        "median": "Median",
        "full_marks": "Nilai penuh",
        "distribution": "Sebaran nilai",
        "distribution_alt": "Berapa kiriman mendapat berapa poin",
        "per_question": "Nilai per soal",
        "per_question_alt": "Bagian rata-rata dari nilai tiap soal",
        "frequent": "Kegagalan tersering",
        "nothing_failed": "Tidak ada uji yang gagal.",
        "times": "kali",
        "student": "Mahasiswa",
        "status": "Status",
        "arrival": "Dikumpulkan",
        "claimed": "menurut kiriman itu sendiri",
        "seconds": "Detik",
        "notes": "Catatan",
        "median_seconds": "Median waktu jalan",
        "hidden_short": "tersembunyi",
        "line": "baris {line}",
        "later": "diuji saat dinilai",
        "check_points": "{points} dari {max_points} poin dari uji di notebook ini",
        "check_hidden": "Saat dinilai, uji tersembunyi ikut dijalankan.",
        "check_manual": "{points} poin dinilai oleh pengajar.",
        "check_all": "Semua uji di notebook ini lulus.",
        "no_tests": "Tidak ada uji di notebook ini: tidak ada yang diperiksa.",
        "note.edited": "sel terkunci diubah; yang dipakai teks dari pengajar",
        "note.released": "dibagikan dengan uji lain; yang dipakai uji di notebook sumber",
        "note.twice": "dikumpulkan lebih dari sekali",
        "note.metadata": "metadata sel diubah; yang dipakai metadata di notebook sumber",
        "note.file": "sebuah berkas tidak disertakan",
        "note.found": "ditemukan dengan nama lain",
        "note.exchange": "melanggar aturan pertukaran data",
        "note.changed": "lulus, tetapi kode mahasiswa mengubah data yang diberikan uji",
        "note.reached": "mencoba menjangkau yang di luar",
        "note.limit": "sebuah batas terlampaui",
        "note.no_walls": "dijalankan tanpa sandbox",
        "note.future": "tiba setelah sekarang: periksa jam pengumpul",
        "evidence": "Perlu dilihat",
        "evidence_about": (
            "Tidak satu pun mengurangi nilai. Pekerjaan yang jujur pun kadang begitu. Bacalah "
            "kirimannya sebelum menilai orangnya."
        ),
        "evidence_none": "Tidak ada yang mencolok.",
        "noticed": "Yang teramati",
        "noticed_some": "teramati: {count} (lihat di atas)",
        "where": "Bukti",
        "similar": "Kode yang mirip",
        "similar_about": (
            "Pasangan yang kodenya sama-sama memuat hal yang jarang di kelas ini, di luar yang "
            "dibagikan kepada semua. Ini petunjuk apa yang perlu dibaca, bukan bukti: jawaban "
            "benar yang pendek memang serupa."
        ),
        "similar_none": "Tidak ada dua kiriman yang luar biasa mirip.",
        "structure": "Susunan",
        "wording": "Nama dan kata",
    },
}

_UNITS = {"en": ("d", "h", "min"), "id": ("hari", "jam", "menit")}


def say(language: str, name: str, **values: object) -> str:
    """Look up a text.

    >>> say("id", "late", late="2 jam")
    'Terlambat: 2 jam setelah tenggat.'
    """
    return WORDS[language][name].format(**values)


def reason_in(language: str, reason: str) -> str:
    """Put an intake's reason ("code: detail") into words, with the detail in brackets."""
    code, _, detail = reason.partition(": ")
    text = WORDS[language].get(f"reason.{code}", code)
    return f"{text} ({detail})" if detail else text


def note_in(language: str, note: str) -> str:
    """Put a note for the instructor ("code: detail") into words, with the detail in brackets.

    >>> note_in("en", "twice: square"), note_in("id", "file: a b.csv, link")
    ('handed in more than once (square)', 'sebuah berkas tidak disertakan (a b.csv, link)')
    """
    code, _, detail = note.partition(": ")
    text = WORDS[language].get(f"note.{code}", code)
    return f"{text} ({detail})" if detail else text


def number(value: float) -> str:
    """Write points without needless digits.

    >>> number(2.0), number(0.5), number(1 / 3)
    ('2', '0.5', '0.33')
    """
    return f"{value:.2f}".rstrip("0").rstrip(".")


def span(language: str, seconds: float) -> str:
    """Write a length of time by its two largest units.

    >>> span("en", 93780), span("id", 600)
    ('1 d 2 h', '10 menit')
    """
    minutes = max(int(seconds // 60), 1)
    amounts = (minutes // 1440, minutes // 60 % 24, minutes % 60)
    parts = [f"{n} {unit}" for n, unit in zip(amounts, _UNITS[language], strict=True) if n]
    return " ".join(parts[:2])


def moment(time: datetime) -> str:
    """Write a moment with its zone."""
    return time.strftime("%Y-%m-%d %H:%M %z")
