"""Build the site in both languages.

    python book/build.py                 everything that changed, with every check
    python book/build.py --quick         for writing: one edited page, warnings only shown
    python book/build.py --serve         look at it, rebuilt as you edit
    python book/build.py --pdf           with each language as one PDF, linked from every page

One `_config.yml` and one `_toc.yml` serve both languages. Each language is an ordinary Jupyter Book
made from them by a process of its own, both at once, with one store of executed notebooks.
The code cells of both are the same, so each page is executed once, before Sphinx reads it in the
first language; were Sphinx to execute anything, the languages would have drifted apart, and the
build fails.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
# Not the folder of this script: its `id` would pass for docutils' Indonesian.
sys.path[:] = [str(ROOT), *(p for p in sys.path if Path(p or ".").resolve() != ROOT / "book")]

from book._ext.words import LANGUAGES, word  # noqa: E402
from book.browser import QuietHandler, find_chromium, serving  # noqa: E402
from book.execute import environment, execute_pages, find_stale  # noqa: E402
from book.post import finish  # noqa: E402
from book.site_checks import check_site  # noqa: E402
from book.source_checks import check_sources  # noqa: E402

PACKAGES = ("numpy", "pandas", "matplotlib", "keras", "tensorflow", "torch", "jax", "flax",
            "ipykernel", "myst-nb", "jupyter-cache")  # fmt: skip
"""Another version of one of these may change what a page shows."""
MACHINERY = ("sphinx", "jupyter-book", "sphinx-book-theme", "pydata-sphinx-theme", "sphinx-design",
             "sphinxcontrib-katex", "sphinxcontrib-bibtex", "myst-parser")  # fmt: skip
"""Another version of one of these may change how it looks."""
SITE_SCORES = "site.json"
"""The result that is measured on the built site (tools/site_audit.py)."""
KEPT_CACHES = 3
"""How many stores of executed notebooks are kept: those of the last few states of the library."""


class BuildError(Exception):
    """The build cannot go on; the message says why."""


@dataclass
class Book:
    """Where a book's parts lie.

    Attributes:
        source: the folder with one tree per language, `_ext` aside.
        config: Jupyter Book's configuration, with a part per language.
        toc: Jupyter Book's table of contents, with captions per language.
        work: where Sphinx works; its name must be `_build` or lie under one of that name.
        out: where the site goes.
        library: the code that pages import; the outputs of a page depend on it.
        exercises: the assignments, one folder per language.
        results: measured results, which pages read.
        pdf: whether each language is printed as well, and linked from its pages.
    """

    source: Path = ROOT / "book"
    config: Path = ROOT / "_config.yml"
    toc: Path = ROOT / "_toc.yml"
    work: Path = ROOT / "_build" / "book"
    out: Path = ROOT / "_build" / "html"
    library: Path = ROOT / "lib" / "runtun"
    exercises: Path = ROOT / "exercises"
    results: Path = ROOT / "results"
    pdf: bool = False
    environment: dict[str, str] = field(
        default_factory=lambda: {
            name: os.environ.get(name, default)
            for name, default in (
                ("RUNTUN_SITE_URL", ""),
                ("RUNTUN_REPOSITORY", ""),
                ("RUNTUN_BRANCH", "main"),
                ("RUNTUN_SITE_BRANCH", "gh-pages"),
            )
        }
    )


def say(text: str = "") -> None:
    """Print at once."""
    print(text, flush=True)


# ---------------------------------------------------------------------------------------------
# What a build depends on


def hash_files(paths: Iterable[Path], base: Path, digest: Any) -> None:
    """Feed names and contents of files into a digest, in a fixed order."""
    for path in sorted(paths):
        digest.update(str(path.relative_to(base)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())


def files_under(folder: Path, skip: tuple[str, ...] = ()) -> list[Path]:
    """Return the files of a folder that are sources."""
    ignored = {"__pycache__", ".ipynb_checkpoints", "_build", *skip}
    if not folder.is_dir():
        return []
    return [
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix not in (".pyc", ".mo")
        and not path.name.endswith(".journal.jsonl")  # of an experiment that is still running
        and not ignored & set(path.relative_to(folder).parts)
    ]


def installed(packages: Iterable[str]) -> str:
    """Return the versions of packages, and Python's."""
    found = [f"python {sys.version_info[0]}.{sys.version_info[1]}"]
    for package in packages:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{package} -")
    return "\n".join(found)


def execution_key(book: Book) -> str:
    """Name the state of everything that executed pages depend on.

    jupyter-cache looks at a page's own cells only; it would keep old outputs after the library
    changed. The grader, the command line and the scores of the site are left out: no page's code
    reads them.
    """
    digest = hashlib.sha256(installed(PACKAGES).encode())
    constraints = ROOT / "constraints.txt"
    hash_files([constraints] if constraints.is_file() else [], ROOT, digest)
    library = files_under(book.library, skip=("grading", "cli.py"))
    hash_files(library, book.library, digest)
    hash_files(files_under(book.results, skip=(SITE_SCORES,)), book.results, digest)
    return digest.hexdigest()[:12]


def state_of(book: Book, languages: list[str]) -> str:
    """Name the state of everything that the site depends on."""
    digest = hashlib.sha256(execution_key(book).encode())
    digest.update(installed(MACHINERY).encode())
    digest.update(json.dumps([languages, book.environment, book.pdf]).encode())
    hash_files(files_under(book.source), book.source, digest)
    if book.source != ROOT / "book":
        pages = (*LANGUAGES, "figures", "glossary.yml", "references.bib")
        machinery = files_under(ROOT / "book", skip=pages)
        hash_files(machinery, ROOT / "book", digest)
    for path in (book.config, book.toc, book.results / SITE_SCORES):
        hash_files([path] if path.is_file() else [], path.parent, digest)
    hash_files(files_under(book.exercises), book.exercises, digest)
    log = subprocess.run(
        ["git", "log", "-1", "--format=%H", "--", "."],
        cwd=book.source,
        capture_output=True,
        check=False,
    )
    digest.update(log.stdout)  # the status page shows when pages were committed
    return digest.hexdigest()


# ---------------------------------------------------------------------------------------------
# One configuration and one table of contents for each language


def merge(base: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """Lay one nested dictionary over another.

    >>> merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    """
    result = dict(base)
    for key, value in extra.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merge(result[key], value) if both else value
    return result


def choose_language(node: Any, language: str) -> Any:
    """Replace each `{id: …, en: …}` by the part of one language.

    >>> choose_language([{"caption": {"id": "Bab", "en": "Chapters"}}], "id")
    [{'caption': 'Bab'}]
    """
    if isinstance(node, dict):
        if set(node) == set(LANGUAGES):
            return node[language]
        return {key: choose_language(value, language) for key, value in node.items()}
    if isinstance(node, list):
        return [choose_language(item, language) for item in node]
    return node


def write_script_words(catalogue: Path) -> None:
    """Write a catalogue once more in the form that Sphinx's scripts read, for the search page."""
    from babel.messages.pofile import read_po

    if not catalogue.is_file():
        return
    with catalogue.open(encoding="utf-8") as file:
        messages = {str(message.id): message.string for message in read_po(file) if message.id}
    data = {"locale": catalogue.parents[1].name, "messages": messages, "plural_expr": "0"}
    text = f"Documentation.addTranslations({json.dumps(data, ensure_ascii=False)});\n"
    catalogue.with_suffix(".js").write_text(text, encoding="utf-8")


def pdf_of(language: str) -> str:
    """Return the name of a language's PDF, which lies beside its pages."""
    return f"runtun-{language}.pdf"


def write_config(book: Book, language: str) -> tuple[Path, Path]:
    """Write the configuration and table of contents of one language."""
    folder = book.work / "config" / language
    folder.mkdir(parents=True, exist_ok=True)
    machinery = ROOT / "book"
    locale = book.work / "config" / "locale"
    shutil.copytree(machinery / "_locale", locale, dirs_exist_ok=True)
    write_script_words(locale / language / "LC_MESSAGES" / "sphinx.po")

    config = yaml.safe_load(book.config.read_text(encoding="utf-8"))
    parts = config.pop("languages")
    config = merge(config, parts[language])
    site = book.environment["RUNTUN_SITE_URL"].rstrip("/")
    settings = {
        "locale_dirs": [str(locale)],
        "templates_path": [str(machinery / "_templates")],
        "html_static_path": [str(machinery / "_static")],
        "nb_execution_cache_path": str(store_of(book)),
        "runtun_report": str(folder / "report.json"),
        "runtun_exercises": str(book.exercises),
        "runtun_results": str(book.results),
        "runtun_glossary": str(book.source / "glossary.yml"),
        "runtun_pdf": pdf_of(language) if book.pdf else "",
        "runtun_site_url": site,
        "runtun_repository": book.environment["RUNTUN_REPOSITORY"].rstrip("/"),
        "runtun_branch": book.environment["RUNTUN_BRANCH"],
        "runtun_site_branch": book.environment["RUNTUN_SITE_BRANCH"],
        "html_baseurl": f"{site}/{language}/" if site else "",
    }
    config = merge(config, {"sphinx": {"config": settings}})
    toc = choose_language(yaml.safe_load(book.toc.read_text(encoding="utf-8")), language)
    paths = folder / "_config.yml", folder / "_toc.yml"
    for path, data in zip(paths, (config, toc), strict=True):
        path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return paths


# ---------------------------------------------------------------------------------------------
# Sphinx, in a process of its own: it keeps one language for its lifetime


@dataclass
class Job:
    """One run of Sphinx, and the folder into which its finished pages go."""

    source: str
    config: str
    toc: str
    output: str
    site: str
    language: str
    fresh: bool
    builder: str


def run_job(job: Job) -> int:
    """Run Sphinx with Jupyter Book's settings and finish the pages; return the exit status."""
    from jupyter_book.sphinx import build_sphinx

    status = build_sphinx(
        job.source,
        job.output,
        noconfig=True,
        path_config=job.config,
        confoverrides={"external_toc_path": job.toc, "latex_individualpages": False},
        builder=job.builder,
        freshenv=job.fresh,
        force_all=job.fresh,
        warningiserror=job.fresh,
        keep_going=True,
        quiet=True,
    )
    if status == 0:
        finish(Path(job.output), Path(job.site), job.language)
    return status if isinstance(status, int) else 1


def store_of(book: Book) -> Path:
    """Return the folder of the notebooks that were executed in this state of the library."""
    return book.work.parent / "cache" / execution_key(book)


def execute_all(book: Book, language: str) -> None:
    """Execute the pages whose outputs are not stored.

    Raises:
        BuildError: if one fails.
    """
    config, toc = (yaml.safe_load(path.read_text()) for path in write_config(book, language))
    store = store_of(book)
    pages = find_stale(book.source / language, config, toc, store)
    if not pages:
        return
    begun = time.perf_counter()
    workers = min(os.cpu_count() or 1, len(pages))
    say(f"[site] pages to execute: {len(pages)}, {workers} at a time, those with most code first")
    failed = execute_pages(
        pages, store, timeout=config["execute"]["timeout"], say=say, workers=workers
    )
    if failed:
        raise BuildError(f"{', '.join(failed)} cannot be executed; why is above")
    say(f"[site] executed in {time.perf_counter() - begun:.1f} s")


def build_language(
    book: Book, language: str, site: Path, *, fresh: bool, builder: str = "html"
) -> set[str]:
    """Write the finished pages of one language; return the pages that Sphinx executed.

    Raises:
        BuildError: if Sphinx fails, or warns in a fresh build.
    """
    config, toc = write_config(book, language)
    output = book.work / language / builder
    if fresh:
        shutil.rmtree(output, ignore_errors=True)
        shutil.rmtree(output.parent / ".doctrees", ignore_errors=True)
    report = config.parent / "report.json"
    report.unlink(missing_ok=True)
    source = book.source / language
    paths = (str(path) for path in (source, config, toc, output, site))
    job = Job(*paths, language, fresh, builder)
    command = [sys.executable, str(Path(__file__)), "--run-job", json.dumps(asdict(job))]
    status = subprocess.run(command, env=environment(), cwd=ROOT, check=False).returncode
    if status != 0:
        raise BuildError(f"Sphinx failed or warned in {language!r}; its messages are above")
    return set(json.loads(report.read_text(encoding="utf-8"))["executed"])


def prune_caches(book: Book) -> None:
    """Keep the newest few stores of executed notebooks."""
    current = store_of(book)
    current.mkdir(parents=True, exist_ok=True)
    os.utime(current)
    stores = sorted(current.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in stores[KEPT_CACHES:]:
        shutil.rmtree(old, ignore_errors=True)


# ---------------------------------------------------------------------------------------------
# What lies above the two languages


def write_entrance(book: Book) -> None:
    """Write the page that chooses a language, and what search engines and hosts look for."""
    site = book.environment["RUNTUN_SITE_URL"].rstrip("/")
    landing = (ROOT / "book" / "_templates" / "landing.html").read_text(encoding="utf-8")
    addresses = [f'<link rel="canonical" href="{site}/index.html">'] + [
        f'<link rel="alternate" hreflang="{code}" href="{site}/{code}/index.html">'
        for code in LANGUAGES
    ]
    text = landing.replace("<!-- addresses -->", "\n".join(addresses) if site else "")
    (book.out / "index.html").write_text(text, encoding="utf-8")
    shutil.copyfile(ROOT / "book" / "_static" / "runtun.svg", book.out / "runtun.svg")
    (book.out / ".nojekyll").write_text("")  # else GitHub Pages would drop folders named _static
    if not site:
        return
    pages = sorted(
        path.relative_to(book.out).as_posix()
        for path in book.out.rglob("*.html")
        if path.name not in ("search.html", "genindex.html", "404.html")
    )
    urls = "\n".join(f"  <url><loc>{site}/{page}</loc></url>" for page in pages)
    (book.out / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}\n</urlset>\n',
        encoding="utf-8",
    )
    (book.out / "robots.txt").write_text(f"User-agent: *\nAllow: /\nSitemap: {site}/sitemap.xml\n")
    missing = text.replace('href="id/', f'href="{site}/id/').replace(
        'href="en/', f'href="{site}/en/'
    )
    missing = re.sub(r'<link rel="icon"[^>]*>', "", missing)  # its place differs with the depth
    missing = missing.replace('data-choose="auto"', 'data-choose="never"')
    (book.out / "404.html").write_text(missing, encoding="utf-8")


# ---------------------------------------------------------------------------------------------
# The whole


def fail_on(problems: list[str], what: str, *, fatal: bool) -> None:
    """Print problems; stop the build if they are fatal."""
    for problem in problems:
        say(f"  {problem}")
    if problems and fatal:
        raise BuildError(f"{len(problems)} {what}")


def build(book: Book, languages: list[str], *, quick: bool = False) -> bool:
    """Build the site.

    Args:
        book: where its parts lie.
        languages: which of the two to build, in this order.
        quick: build what Sphinx believes has changed, and only show warnings and problems.

    Returns:
        False if nothing had changed since the last build.

    Raises:
        BuildError: if anything is wrong.
    """
    started = time.perf_counter()
    stamp = book.work / "built.txt"
    state = state_of(book, languages)
    if stamp.is_file() and stamp.read_text() == state and (book.out / "index.html").is_file():
        say(f"[site] nothing changed since the last build; it is in {shown(book.out)}")
        return False
    stamp.unlink(missing_ok=True)

    say("[site] checking the sources: languages in step, pictures described, words as agreed")
    fail_on(check_sources(book.source), "faults in the sources", fatal=not quick)
    prune_caches(book)
    execute_all(book, languages[0])
    begun = time.perf_counter()
    say(f"[site] building {' and '.join(map(repr, languages))}")
    with ThreadPoolExecutor(len(languages)) as pool:
        sites = [book.out / language for language in languages]
        job = partial(build_language, book, fresh=not quick)
        built = list(pool.map(job, languages, sites))
    say(f"[site] built in {time.perf_counter() - begun:.1f} s")
    for language, executed in zip(languages, built, strict=True):
        pages = len(list((book.out / language).rglob("*.html")))
        say(f"[site] {language!r}: {pages} pages, {len(executed)} executed by Sphinx")
        if executed and not quick:
            raise BuildError(
                f"in {language!r} Sphinx executed {', '.join(sorted(executed))}: the code cells "
                f"differ from those of {languages[0]!r}, or an execution was not stored"
            )
        if book.pdf:
            begun = time.perf_counter()
            pdf = make_pdf(book, language)
            size = pdf.stat().st_size / 1e6
            say(f"[pdf] {shown(pdf)}: {size:.1f} MB, {time.perf_counter() - begun:.1f} s")
    write_entrance(book)
    say("[site] checking the site: links, anchors, pictures, formulas, leftovers")
    whole = set(languages) == set(LANGUAGES)
    problems = check_site(book.out)
    fail_on(problems, "faults in the site", fatal=not quick and whole)
    if whole and not quick:
        stamp.write_text(state)
    say(f"[site] done in {time.perf_counter() - started:.1f} s; it is in {shown(book.out)}")
    return True


def cover_of(book: Book, language: str) -> str:
    """Return the first page of a language's PDF."""
    config = yaml.safe_load((book.work / "config" / language / "_config.yml").read_text())
    title, _, line = config["sphinx"]["config"]["html_title"].partition(": ")
    mark = (ROOT / "book" / "_static" / "runtun.svg").read_text(encoding="utf-8")
    return (
        f'<div class="cover onlyprint">{mark}<p class="cover-title">{title}</p>'
        f'<p class="cover-line">{line[:1].upper()}{line[1:]}</p>'
        f"<p>{config['author']}, {config['copyright']}</p>"
        f"<p>{word('licence', language)}</p></div>\n"
    )


def make_pdf(book: Book, language: str) -> Path:
    """Print the whole book of one language: all pages on one, through Chromium.

    Returns:
        The file, which lies beside the language's pages.

    Raises:
        BuildError: if Chromium is missing or fails.
    """
    chromium = find_chromium()
    if not chromium:
        raise BuildError("Chromium prints the PDF and is not installed: apt-get install chromium")
    folder = book.work / language / "print"
    build_language(book, language, folder, fresh=True, builder="singlehtml")
    page = folder / "index.html"
    text = page.read_text(encoding="utf-8").replace("<details", "<details open")
    text = text.replace(' loading="lazy"', "")  # paper does not scroll
    contents = '<div id="jb-print-docs-body"'
    text = text.replace(contents, cover_of(book, language) + contents, 1)
    page.write_text(text, encoding="utf-8")
    target = book.out / language / pdf_of(language)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        command = [
            chromium, "--headless", "--disable-gpu", "--no-pdf-header-footer",
            "--generate-pdf-document-outline", "--virtual-time-budget=20000",
            f"--user-data-dir={profile}", f"--print-to-pdf={target}", page.as_uri(),
        ]  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium's own needs an ordinary user
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0 or not target.is_file():
        raise BuildError(f"Chromium could not print:\n{result.stderr[-1000:]}")
    return target


def shown(path: Path) -> str:
    """Return a path as a reader would type it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def serve(book: Book, languages: list[str], port: int) -> None:
    """Serve the site on this machine, and rebuild it when a source changes."""
    with serving(book.out, FreshHandler, port) as address:
        say(f"[serve] {address} (stop with Ctrl+C)")
        seen = state_of(book, languages)
        while True:
            time.sleep(1)
            now = state_of(book, languages)
            if now == seen:
                continue
            seen = now
            try:
                build(book, languages, quick=True)
            except BuildError as error:
                say(f"[site] {error}")


class FreshHandler(QuietHandler):
    """Serve files as they are now."""

    def end_headers(self) -> None:
        """Let no browser keep a page that is about to change."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Build the site in both languages.")
    parser.add_argument("--lang", action="append", choices=LANGUAGES, help="one language only")
    parser.add_argument("--out", type=Path, help="where the site goes (default: _build/html)")
    parser.add_argument("--quick", action="store_true", help="for writing: only show problems")
    parser.add_argument(
        "--pdf", action="store_true", help="also print each language as a PDF, linked"
    )
    parser.add_argument("--serve", action="store_true", help="serve it and rebuild on change")
    parser.add_argument("--port", type=int, default=8000, help="for --serve (default: 8000)")
    parser.add_argument("--run-job", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.run_job:
        return run_job(Job(**json.loads(options.run_job)))
    book = Book(out=(options.out or Book.out).resolve(), pdf=options.pdf)
    languages = options.lang or list(LANGUAGES)
    try:
        try:
            build(book, languages, quick=options.quick)
        except BuildError as error:
            if not options.serve:
                raise
            say(f"[site] {error}")
        if options.serve:
            serve(book, languages, options.port)
    except BuildError as error:
        say(f"[site] FAILED: {error}")
        return 1
    except KeyboardInterrupt:
        say()
    return 0


if __name__ == "__main__":
    sys.exit(main())
