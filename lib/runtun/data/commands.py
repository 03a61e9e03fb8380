"""The command `runtun data`: list, fetch and locate data sets."""

from __future__ import annotations

import argparse
import json

_EXAMPLES = """\
examples:
  runtun data list                     what there is, and what is on this machine
  runtun data fetch mysterious_island  download it into the cache, with a checksum
  runtun data path taylor              where its files lie

Data that do not ship with the package are looked for in the folder that RUNTUN_DATA_DIR names, as
RUNTUN_DATA_DIR/<name>/<file>, then in the cache (RUNTUN_CACHE_DIR, by default ~/.cache/runtun)."""


def add_commands(subparsers: argparse._SubParsersAction) -> None:
    """Add `runtun data list|fetch|path`."""
    data = subparsers.add_parser(
        "data",
        help="list, fetch and locate the data sets",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = data.add_subparsers(dest="action", metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="what there is, and what is on this machine")
    listing.add_argument("--json", action="store_true", help="everything, for a program")
    listing.set_defaults(run=_list)

    fetching = actions.add_parser("fetch", help="download data sets into the cache")
    fetching.add_argument("names", nargs="+", metavar="NAME")
    fetching.add_argument("--quiet", action="store_true", help="no progress bar")
    fetching.set_defaults(run=_fetch)

    path = actions.add_parser("path", help="where the files of a data set lie")
    path.add_argument("name", metavar="NAME")
    path.set_defaults(run=_path)


def _list(arguments: argparse.Namespace) -> int:
    from runtun.data.catalogue import CATALOGUE, find_file

    rows = []
    for data in CATALOGUE.values():
        here = [find_file(data.name, file.name) is not None for file in data.files]
        if data.shipped:
            state = "shipped"
        elif all(here):
            state = "here"
        elif any(here):
            state = f"{sum(here)} of {len(here)} files"
        elif any(file.url for file in data.files):
            state = "to fetch"
        else:
            state = "by hand"
        rows.append((data, state))
    if arguments.json:
        fields = ("name", "title", "licence", "citation", "source")
        records = [{f: getattr(data, f) for f in fields} | {"state": s} for data, s in rows]
        print(json.dumps(records, indent=2, ensure_ascii=False))
        return 0
    width = max(len(data.name) for data, _ in rows)
    for data, state in rows:
        print(f"{data.name:<{width}}  {state:<10}  {data.title}")
        print(f"{'':<{width}}  {'':<10}  licence: {data.licence}")
    return 0


def _fetch(arguments: argparse.Namespace) -> int:
    from runtun.data.catalogue import get_data_set
    from runtun.data.fetch import fetch

    for name in arguments.names:  # a wrong name is better said before the first download
        get_data_set(name)
    for name in arguments.names:
        for path in fetch(name, progress=not arguments.quiet):
            print(path)
    return 0


def _path(arguments: argparse.Namespace) -> int:
    from runtun.data.catalogue import DataNotFoundError, find_file, get_data_set

    missing = []
    data = get_data_set(arguments.name)
    for file in data.files:
        path = find_file(data.name, file.name)
        if path is None:
            missing.append(file.name)
        else:
            print(path)
    if missing:
        raise DataNotFoundError(
            f"not on this machine: {', '.join(missing)}. "
            f"`runtun data fetch {data.name}` gets what has a public address; source: {data.source}"
        )
    return 0
