"""The grader's commands: `runtun grade`, `merge`, `check`, `feedback` and `status`."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtun.grading.runner import Runner
    from runtun.grading.session import Verdict

ALL_DECIDED, SOMEBODY_MUST_LOOK = 0, 1
_SHARING = 8  # workers to a warm process

_GRADE = """\
examples:
  runtun grade my-course ps1                 grade what was handed in and not graded yet
  runtun grade my-course ps1 --jobs 4        with four workers
  runtun grade my-course ps1 --db postgresql+psycopg://me@host/grades
  runtun grade my-course ps1 --json > ps1.json
  runtun grade my-course ps1 --scheduler tcp://10.0.0.1:8786    on the machines of a Dask cluster
  runtun grade my-course ps1 --shard 3/16    only the third of sixteen parts; see `runtun merge`

COURSE is a folder with submitted/<student>/<assignment>/ and source/<assignment>/ as nbgrader has
it; names and due dates are read from its nbgrader_config.py, arrival times from its arrivals.csv
(student,assignment,arrived). What is graded already does not run again.

exit code: 0 all decided; 1 a person must look at some (open answers, files that cannot be graded);
2 the command could not do its work."""

_MERGE = """\
examples:
  runtun merge my-course ps1                       the shards that ran in this course folder
  runtun merge my-course ps1 from-a/ from-b/3-of-4    folders that were copied here

`runtun grade --shard K/N` runs a part of the class and writes nothing but a folder of its own,
COURSE/.runtun/shards/ASSIGNMENT/K-of-N. This puts all N together: it runs nothing, and writes
gradebook, feedback and report as `runtun grade` does. Merging again changes nothing.

exit code: as of `runtun grade`; 2 also if shards are missing or contradict one another."""

_CHECK = """\
examples:
  runtun check rnn.ipynb            run your notebook's tests and see your points so far
  runtun check rnn.ipynb --json

Runs a copy of the notebook from top to bottom, as the grader will. Your file is not changed.

exit code: 0 all visible tests pass; 1 some do not; 2 the notebook cannot be checked."""

_FEEDBACK = """\
examples:
  runtun feedback my-course ps1     write the students' pages again, with the marks and comments
                                    that were given in the form grader, and the class report"""

_STATUS = """\
examples:
  runtun status my-course ps1       who has which verdict, and why; runs nothing"""


def add_commands(subparsers: Any) -> None:
    """Add the grader's commands to the command line."""
    grade = _add(subparsers, "grade", "grade the submissions of one assignment", _GRADE, _grade)
    _add_course(grade)
    grade.add_argument(
        "--jobs", type=_positive, default=None, metavar="N", help="workers (default: the cores)"
    )
    where = grade.add_mutually_exclusive_group()
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="use the workers of a Dask cluster: tcp://..., tls://..., or `default`",
    )
    where.add_argument(
        "--shard", type=_shard, metavar="K/N", help="run only part K of N, for `runtun merge`"
    )
    grade.add_argument(
        "--unsafe-no-sandbox",
        action="store_true",
        help="run submissions with your own rights where no sandbox can be built",
    )
    _add_json(grade)

    merge = _add(subparsers, "merge", "put the shards of a class together", _MERGE, _merge)
    _add_course(merge)
    merge.add_argument("folders", metavar="FOLDER", type=Path, nargs="*", help="shards' folders")
    merge.add_argument(
        "--unsafe-no-sandbox", action="store_true", help="take what ran without a sandbox as well"
    )
    _add_json(merge)

    check = _add(
        subparsers, "check", "check your own notebook before handing it in", _CHECK, _check
    )
    check.add_argument("notebook", metavar="NOTEBOOK", type=Path)
    check.add_argument(
        "--language", choices=("id", "en"), help="speak this language (default: the notebook's)"
    )
    _add_json(check)

    feedback = _add(subparsers, "feedback", "write the feedback pages again", _FEEDBACK, _feedback)
    _add_course(feedback)
    _add_json(feedback)

    status = _add(subparsers, "status", "show who has which verdict", _STATUS, _status)
    _add_course(status)
    _add_json(status)


def _add(
    subparsers: Any, name: str, title: str, epilog: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    parser = subparsers.add_parser(
        name,
        help=title,
        description=f"{title[0].upper()}{title[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def _add_course(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("course", metavar="COURSE", type=Path, help="an nbgrader course folder")
    parser.add_argument("assignment", metavar="ASSIGNMENT", help="for example ps1")
    parser.add_argument(
        "--source", type=Path, metavar="DIR", help="source notebooks, if not in the course folder"
    )
    parser.add_argument("--db", metavar="URL", help="gradebook (default: COURSE/gradebook.db)")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1; received {value}")
    return value


def _shard(text: str) -> Any:
    from runtun.grading.shards import Shard

    try:
        return Shard.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def make_runner(*, unsafe: bool = False, hide: Sequence[Path] = (), beside: Any = None) -> Runner:
    """Build the runner that grades, one for each worker; nothing starts before its first task.

    Args:
        unsafe: do without the sandbox; `RUNTUN_UNSAFE_NO_SANDBOX=1` says the same to nbgrader's
            own commands.
        hide: folders that submissions must not see.
        beside: a runner made before in the same way, to share imports with.

    Raises:
        CourseError: if there is nothing to build a sandbox with.
    """
    from runtun.grading.errors import CourseError
    from runtun.grading.isolated import IsolatedRunner
    from runtun.grading.sandbox import SandboxError

    unsafe = unsafe or os.environ.get("RUNTUN_UNSAFE_NO_SANDBOX") == "1"
    try:
        return IsolatedRunner(unsafe_no_sandbox=unsafe, hide=hide, beside=beside)
    except SandboxError as error:
        raise CourseError(str(error)) from None


def _check_walls(runner: Runner, quiet: bool) -> None:
    """Say which protections are on, and refuse where they do not hold."""
    from runtun.grading.errors import CourseError
    from runtun.grading.isolated import IsolatedRunner
    from runtun.grading.sandbox import SandboxError

    if not isinstance(runner, IsolatedRunner):
        return
    try:
        runner.check()
    except SandboxError as error:
        runner.close()
        raise CourseError(str(error)) from None
    if not quiet:
        print(runner.protections, file=sys.stderr)


def _session(arguments: argparse.Namespace, *identities: str) -> Any:
    from runtun.grading.course import Course
    from runtun.grading.session import Session

    course = Course(arguments.course, source=arguments.source, db_url=arguments.db)
    return Session(course, arguments.assignment, *identities)


def all_identities() -> list[str]:
    """Name every runner whose results may be shown, the one with walls first."""
    from runtun.grading.errors import CourseError

    found = []
    for unsafe in (False, True):
        with contextlib.suppress(CourseError):  # nothing to build a sandbox with
            found.append(make_runner(unsafe=unsafe).identity)
    return list(dict.fromkeys(found))


def _open_for_grading(arguments: argparse.Namespace) -> Any:
    from runtun.grading.errors import CourseError

    if arguments.scheduler:  # the walls stand on other machines
        from runtun.grading.isolated import identity_of

        session = _session(arguments, identity_of(unsafe=arguments.unsafe_no_sandbox))
    else:
        session = _session(arguments, make_runner(unsafe=arguments.unsafe_no_sandbox).identity)
    if not os.access(session.course.root, os.W_OK):
        raise CourseError(f"no permission to write in the course folder {session.course.root}")
    otherwise = session.released_otherwise()
    if otherwise and not arguments.json:
        named = ", ".join(otherwise[:5])
        _tell(f"released with other tests than the source has now ({named}); the source's count")
    return session


@contextlib.contextmanager
def _workers(
    arguments: argparse.Namespace, session: Any, total: int
) -> Iterator[tuple[Callable[[], Runner], int]]:
    """Give what makes a worker, and how many: processes here, or those of a cluster."""
    hidden = [session.course.root, *([arguments.source] if arguments.source else [])]
    if arguments.scheduler:
        from runtun.grading.cluster import Cluster

        settings = {"unsafe": arguments.unsafe_no_sandbox, "hide": hidden}
        with Cluster(arguments.scheduler, session.bundles, tell=_tell, **settings) as cluster:
            if not arguments.json:
                print(cluster.described, file=sys.stderr)
            yield cluster.runner, min(arguments.jobs or cluster.jobs, max(total, 1))
        return
    first: list[Runner] = []
    made: list[Runner] = []

    def next_runner() -> Runner:
        if first:
            return first.pop()
        # Workers share the memory of their imports; not all, so that none waits to be forked.
        beside = made[-1] if len(made) % _SHARING else None
        made.append(make_runner(unsafe=arguments.unsafe_no_sandbox, hide=hidden, beside=beside))
        return made[-1]

    if total:
        runner = next_runner()
        _check_walls(runner, arguments.json)
        first.append(runner)
    yield next_runner, min(arguments.jobs or os.cpu_count() or 1, max(total, 1))


@contextlib.contextmanager
def _progress(
    arguments: argparse.Namespace, total: int
) -> Iterator[Callable[[Verdict, int, int], None]]:
    """Show how far a run is, and a line for each submission that needs a look."""
    from tqdm import tqdm

    bar = tqdm(
        total=total,
        desc=arguments.assignment,
        unit="submission",
        disable=arguments.json,
        mininterval=0.5 if sys.stderr.isatty() else 10,  # a log needs no moving bar
        leave=False,
        delay=0.5,  # what fails at once needs none either
    )

    def show(verdict: Verdict, _done: int, _total: int) -> None:
        if verdict.status in ("rejected", "error") and not arguments.json:
            _tell(_problem(verdict))
        bar.update()

    with bar:
        yield show


def _tell(line: str) -> None:
    """Print a line that does not tear the progress bar."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)


def _grade(arguments: argparse.Namespace) -> int:
    from runtun.grading.journal import one_at_a_time

    session = _open_for_grading(arguments)
    if arguments.shard is not None:
        return _grade_shard(arguments, session)
    total = len(session.course.handed_in(arguments.assignment))
    with (
        one_at_a_time(session.course.state / f"{arguments.assignment}.lock"),
        _workers(arguments, session, total) as (next_runner, jobs),
    ):
        with _progress(arguments, total) as progress:
            verdicts = session.grade(next_runner, jobs=jobs, progress=progress)
        return _reported(arguments, session, verdicts)


def _grade_shard(arguments: argparse.Namespace, session: Any) -> int:
    from runtun.grading.errors import CourseError
    from runtun.grading.journal import one_at_a_time
    from runtun.grading.shards import folder_of, grade_shard, members

    shard = arguments.shard
    if arguments.db:
        raise CourseError("--shard writes no gradebook; give --db to `runtun merge`")
    everybody = len(session.handed_in())
    total = len(members(session, shard))
    lock = f"{arguments.assignment}.{shard.folder_name}.lock"
    with (
        one_at_a_time(session.course.state / lock),
        _workers(arguments, session, total) as (next_runner, jobs),
        _progress(arguments, total) as progress,
    ):
        unsafe = arguments.unsafe_no_sandbox
        verdicts = grade_shard(
            session, shard, next_runner, unsafe=unsafe, jobs=jobs, progress=progress
        )
    folder = folder_of(session, shard)
    failed = {one.student: one.reason for one in verdicts if one.status == "error"}
    if arguments.json:
        about = {"assignment": session.assignment, "shard": str(shard), "folder": str(folder)}
        print(json.dumps(about | {"submissions": len(verdicts), "failed": failed}))
    else:
        fresh = sum(not g.cached for v in verdicts for g in v.notebooks.values())
        print(f"shard {shard}: {total} of {everybody} submissions ({fresh} notebooks run)")
        print(f"results   {_near(folder)}")
    return SOMEBODY_MUST_LOOK if failed else ALL_DECIDED


def _merge(arguments: argparse.Namespace) -> int:
    from runtun.grading.journal import one_at_a_time
    from runtun.grading.shards import NothingRuns, find_parts, merge

    session = _session(arguments, "")
    parts = find_parts(session, arguments.folders)
    total = len(session.handed_in())
    with one_at_a_time(session.course.state / f"{arguments.assignment}.lock"):
        merge(session, parts, unsafe=arguments.unsafe_no_sandbox)
        runner = NothingRuns(session.runner_identity)
        with _progress(arguments, total) as progress:
            verdicts = session.grade(lambda: runner, progress=progress)
        return _reported(arguments, session, verdicts)


def _reported(arguments: argparse.Namespace, session: Any, verdicts: list[Verdict]) -> int:
    """Write the reports and say what came out."""
    from runtun.grading.report import write_reports

    table, report = write_reports(session.course, arguments.assignment, verdicts)
    if arguments.json:
        _print_json(verdicts, session)
    else:
        fresh = sum(not g.cached for v in verdicts for g in v.notebooks.values())
        print(_summary(verdicts, fresh))
        print(f"grades    {_near(table)}\nreport    {_near(report)}")
        feedback = session.course.root / session.course.directory.feedback_directory
        print(f"feedback  {_near(feedback)}")
    return _exit_code(verdicts)


def _feedback(arguments: argparse.Namespace) -> int:
    from runtun.grading.feedback import write_feedback
    from runtun.grading.report import write_reports
    from runtun.grading.session import Verdict

    session = _session(arguments, *all_identities())
    known = session.known()
    verdicts = [one for one in known if isinstance(one, Verdict)]
    pages = [path for one in verdicts for path in write_feedback(session.course, one)]
    write_reports(session.course, arguments.assignment, verdicts)
    if arguments.json:
        print(json.dumps([str(path) for path in pages]))
    else:
        print(f"{len(pages)} pages of feedback written")
        for one in known:
            if not isinstance(one, Verdict):
                print(f"{_plain(one.student)}: not graded yet; run `runtun grade` first")
    return ALL_DECIDED if len(verdicts) == len(known) else SOMEBODY_MUST_LOOK


def _status(arguments: argparse.Namespace) -> int:
    from runtun.grading.session import Verdict
    from runtun.grading.words import number, reason_in, say, span

    session = _session(arguments, *all_identities())
    known = session.known()
    verdicts = [one for one in known if isinstance(one, Verdict)]
    if arguments.json:
        _print_json(known, session)
    else:
        width = max((len(_plain(one.student)) for one in known), default=7)
        for one in known:
            name = _plain(one.student).ljust(width)
            if not isinstance(one, Verdict):
                print(f"{name}  {say('en', 'status.waiting')}")
                continue
            points = f"{number(one.points)} / {number(one.max_points)}"
            parts = [f"{name}  {points.rjust(9)}", say("en", f"status.{one.status}")]
            if one.waiting:
                parts.append(f"points waiting for a person: {number(one.waiting)}")
            if one.late_seconds > 0:
                parts.append(f"late by {span('en', one.late_seconds)}")
            if one.reason:
                parts.append(_plain(reason_in("en", one.reason)))
            print("; ".join(parts))
    return _exit_code(verdicts) if len(verdicts) == len(known) else SOMEBODY_MUST_LOOK


def _check(arguments: argparse.Namespace) -> int:
    from runtun.grading.check import check_notebook

    report = check_notebook(arguments.notebook, language=arguments.language)
    print(json.dumps(report.to_json(), ensure_ascii=False) if arguments.json else report.text())
    return ALL_DECIDED if report.all_pass else SOMEBODY_MUST_LOOK


def _exit_code(verdicts: list[Verdict]) -> int:
    decided = all(verdict.status == "graded" for verdict in verdicts)
    return ALL_DECIDED if decided else SOMEBODY_MUST_LOOK


def _problem(verdict: Verdict) -> str:
    from runtun.grading.words import reason_in

    return f"{_plain(verdict.student)}: {_plain(reason_in('en', verdict.reason))}"


def _summary(verdicts: list[Verdict], fresh: int) -> str:
    from runtun.grading.words import say

    counts: dict[str, int] = {}
    for verdict in verdicts:
        counts[verdict.status] = counts.get(verdict.status, 0) + 1
    parts = [f"{amount} {say('en', f'status.{status}')}" for status, amount in counts.items()]
    return f"{len(verdicts)} submissions ({fresh} notebooks run): {', '.join(parts)}"


def _print_json(known: list[Any], session: Any) -> None:
    rows = [
        one.to_json() if hasattr(one, "to_json") else {"student": one.student, "status": "waiting"}
        for one in known
    ]
    due = session.due.isoformat() if session.due else None
    print(json.dumps({"assignment": session.assignment, "due": due, "submissions": rows}))


def _plain(text: str) -> str:
    """Keep what strangers wrote from steering the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _near(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
