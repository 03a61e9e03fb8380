"""The command line: `runtun COMMAND ...`.

Each room of the library adds its own commands in a module `commands` with a function
`add_commands(subparsers)`. A command is a function from the parsed arguments to an exit code: 0 for
success, 1 for "done, but a person should look", 2 for "could not be done".
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from runtun import __version__

# In the order in which the help lists them. A room that is not there adds nothing.
COMMAND_MODULES = (
    "runtun.grading.commands",
    "runtun.grading.release",
    "runtun.data.commands",
    "runtun.experiments.commands",
)

DONE, FAILED, INTERRUPTED = 0, 2, 130


def build_parser() -> argparse.ArgumentParser:
    """Build the parser with the commands of every room."""
    parser = argparse.ArgumentParser(
        prog="runtun",
        description="Grade, check and release notebooks; fetch data; run experiments.",
        epilog="`runtun COMMAND --help` shows examples.",
    )
    parser.add_argument("--version", action="version", version=f"runtun {__version__}")
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback when something goes wrong"
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMAND_MODULES:
        module = _imported(name)
        if module is not None:
            module.add_commands(subparsers)
    for subparser in subparsers.choices.values():
        # After the command as well; SUPPRESS keeps what was said before it.
        subparser.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; those of the process if not given.

    Returns:
        The exit code. What goes wrong becomes one line on stderr, unless `--debug` is given.
    """
    parsed = build_parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except KeyboardInterrupt:
        print(f"\nruntun {parsed.command}: stopped; run it again to go on", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `runtun status ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        if parsed.debug:
            raise
        print(f"runtun {parsed.command}: {_one_line(error)}", file=sys.stderr)
        return FAILED


def _imported(name: str) -> ModuleType | None:
    """Import a room's commands; None if the room, or what it stands on, is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        own_fault = (error.name or "").startswith("runtun") and not name.startswith(
            error.name or "-"
        )
        if own_fault:
            raise
        return None


def _one_line(error: Exception) -> str:
    """Say what went wrong in one line; for what nobody foresaw, say how to learn more."""
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror}"
    if isinstance(error, ModuleNotFoundError):
        extra = f"; install it with: pip install 'runtun[{_extra_of(error.name)}]'"
        return f"needs the package {error.name!r}{extra}"
    if type(error).__module__.startswith("runtun") or isinstance(error, ValueError):
        return text or type(error).__name__
    return f"{type(error).__name__}: {text} (--debug shows where)"


def _extra_of(module: str | None) -> str:
    root = (module or "").partition(".")[0]
    known = {"keras": "keras", "tensorflow": "keras", "torch": "torch", "jax": "nnx"}
    known |= {"distributed": "cluster", "psycopg": "postgres"}
    return known.get(root, "grading")


if __name__ == "__main__":
    sys.exit(main())
