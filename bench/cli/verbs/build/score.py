"""``frill-bench score``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags, score_flags
from bench.cli.console import print_json, print_to_stderr
from bench.core import config
from bench.core.artifact import Artifact
from bench.core.errors import BenchError, ConfigurationError
from bench.core.score import Score, ScoringProtocol
from bench.core.units import counted

if TYPE_CHECKING:
    from bench.flow.build.score import SkippedHops
    from models.audio.taskset import TaskSet
    from models.embeddings.pieces import Work
    from models.zoo import Zoo


class Options(flags.VerbOptions):
    """What the parser of ``score`` sets."""

    names: list[str]
    task_set: list[str] | None
    audio: str | None
    data: Path | None
    hop: tuple[int, ...] | None
    protocol: str | None
    condition: tuple[str, ...] | None
    db: str
    zoo: Path
    on: str | None
    clips: int | None
    delegate: str | None
    benchmark_binary: Path | None
    import_path: Path | None
    scheduler: str | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``score``."""
    score_flags.add_to(parser)


def run(options: Options) -> int:
    """Scores and prints the table; returns 0, or 4 where an artifact could not be scored."""
    if options.import_path is not None:
        return _import(options, options.import_path)
    return _score(options)


def _score(options: Options) -> int:
    from models.zoo import Zoo

    zoo = Zoo(options.zoo)
    artifacts = _named(options, zoo)
    _check_conditions(options)
    if options.on is not None:
        _check_on_phone(options)
        return _on_phone(options, zoo, artifacts)
    _refuse(options, ("clips", "delegate", "benchmark_binary"), "is for phones", "add --on SERIAL")
    return _here(options, zoo, artifacts)


def _refuse(options: Options, names: Sequence[str], reason: str, hint: str) -> None:
    """Raises ``ConfigurationError`` if one of the options is given."""
    for name in names:
        if getattr(options, name) is not None:
            raise ConfigurationError(f"--{name.replace('_', '-')} {reason}", hint=hint)


def _named(options: Options, zoo: Zoo) -> list[Artifact]:
    """Returns the artifacts that were named, else all audio embeddings.

    Raises:
        ConfigurationError: one of them embeds no audio, or there are none.
    """
    from bench.flow.build.score import scorable

    named = [each for name in options.names for each in zoo.of(name)]
    for each in named:
        if not scorable([each]):
            raise ConfigurationError(
                f"{each.name}: is not an audio embedding; its role is {each.role}",
                hint="leave it out; without names all audio embeddings are scored",
            )
    artifacts = named or scorable(zoo.artifacts())
    if not artifacts:
        raise ConfigurationError(
            f"{options.zoo}: holds no audio embedding to score",
            hint="frill-bench convert NAME, or zoo add FILE",
        )
    return artifacts


def _here(options: Options, zoo: Zoo, artifacts: Sequence[Artifact]) -> int:
    from bench.cli.shown.scores import print_scores
    from bench.cli.terminal import one_bar
    from bench.flow.build.cluster import at
    from bench.flow.build.score import hops_of, own_hop, score_artifacts, skipped_hops
    from bench.store.store import Store
    from models.audio.acoustics import AcousticCondition
    from models.audio.tasks import DEFAULT
    from models.embeddings.pieces import Work
    from models.frontend import FRAME_HOP_SAMPLES

    hops = tuple(FRAME_HOP_SAMPLES * frames for frames in options.hop or ())
    chosen = partial(hops_of, hops=hops) if hops else own_hop
    skipped = skipped_hops(artifacts, hops)
    artifacts = [each for each in artifacts if chosen(each)]
    lines = [each.text for each in skipped]
    if not artifacts:
        raise ConfigurationError("; ".join(lines), hint="leave out --hop: the own hop is scored")
    for line in lines:
        print_to_stderr(line)
    scores: list[Score] = []
    failed: dict[str, BenchError] = {}
    task_sets = [_task_set(options, source) for source in _sources(options, DEFAULT)]
    where = None if options.scheduler is None else at(options.scheduler)
    with (
        Store.open(options.db) as store,
        one_bar("score") as on_progress,
        Work(where) as work,
    ):
        for tasks in task_sets:
            done, errors = score_artifacts(
                artifacts,
                zoo=zoo,
                task_set=tasks,
                store=store,
                on_progress=on_progress,
                hops=chosen,
                protocol=ScoringProtocol(options.protocol or ScoringProtocol.DEFAULT),
                conditions=[AcousticCondition(each) for each in options.condition or ()],
                work=work,
            )
            scores += done
            failed |= errors
        url = store.url
    return _end(options, artifacts, scores, failed, url, print_scores, skipped, work)


def _check_on_phone(options: Options) -> None:
    """Raises ``ConfigurationError`` for flags that are for this machine."""
    reason = "is for this machine; a phone's outputs are compared at the model's own hop"
    _refuse(options, ("hop",), reason, "leave out --hop or --on")
    _refuse(options, ("scheduler",), "is for this machine", "leave out --scheduler or --on")
    if options.protocol not in (None, ScoringProtocol.DEFAULT):
        raise ConfigurationError(
            f"--protocol {options.protocol} is for this machine; a phone's outputs are compared "
            "with the host's by the default protocol",
            hint="leave out --protocol or --on",
        )


def _check_conditions(options: Options) -> None:
    """Raises ``ConfigurationError`` for conditions that are not scored."""
    if options.condition is None:
        return
    if options.on is not None:
        raise ConfigurationError(
            "--condition is for this machine", hint="leave out --condition or --on"
        )
    if options.protocol not in (None, ScoringProtocol.DEFAULT):
        raise ConfigurationError(
            "conditions are scored by the default protocol",
            hint="leave out --condition or --protocol",
        )


def _sources(options: Options, otherwise: str) -> list[str]:
    """Returns the task sets that were asked for.

    Raises:
        ConfigurationError: they were named in two ways.
    """
    if options.task_set and options.audio:
        raise ConfigurationError(
            f"--task-set {options.task_set[0]} and --audio {options.audio} are both task sets",
            hint="give one of them, or --task-set twice",
        )
    return list(dict.fromkeys(options.task_set or [options.audio or otherwise]))


def _task_set(options: Options, source: str) -> TaskSet:
    """Returns a task set that was asked for, and prints what was understood of its audio.

    Raises:
        ConfigurationError: a public task has no --data, or another task set has it.
    """
    from bench.cli.terminal import one_bar
    from models.audio.tasks import about, task_set
    from models.public.task_sets import about_public, is_public, public_task_set

    if is_public(source) != (options.data is not None):
        raise ConfigurationError(
            f"--task-set {source} "
            + ("needs --data DIR" if is_public(source) else "takes no --data"),
            hint=f"frill-bench data explain {source}" if is_public(source) else "leave it out",
        )
    with one_bar("audio") as on_progress:
        if options.data is not None:
            tasks = public_task_set(source, options.data, on_progress=on_progress)
        else:
            tasks = task_set(source, on_progress=partial(on_progress, "audio"))
    for line in about(tasks) if options.data is None else about_public(tasks):
        print_to_stderr(line)
    return tasks


def _on_phone(options: Options, zoo: Zoo, artifacts: Sequence[Artifact]) -> int:
    from bench.cli.requests import phones_of
    from bench.cli.shown.scores import print_differences
    from bench.cli.terminal import one_bar
    from bench.flow.device.requests import ToolRequest
    from bench.flow.outputs.device_score import ScoreRequest, score_on_device
    from bench.flow.phone.phone import PhoneDevice
    from bench.flow.phone.tool import PhoneTools
    from bench.plan.case import Delegate
    from bench.store.store import Store
    from models.audio.sample import sampled
    from models.audio.tasks import QUICK

    source, *others = _sources(options, QUICK)
    if others:
        raise ConfigurationError("a phone scores one task set", hint="give --task-set once")
    request = ScoreRequest(
        artifacts=tuple(artifacts),
        zoo=zoo,
        task_set=sampled(_task_set(options, source), options.clips),
        delegate=Delegate(options.delegate) if options.delegate else None,
    )
    (phone,) = phones_of([options.on or ""])
    tools = PhoneTools(ToolRequest(binary=options.benchmark_binary))
    device = PhoneDevice(phone, request.run_request(), tools)
    with Store.open(options.db) as store:  # a bad database is an error before the phone runs
        url = store.url
    with one_bar("windows") as on_progress:
        scores, failed = score_on_device(
            device, request, options.db, on_message=print_to_stderr, on_progress=on_progress
        )
    return _end(options, artifacts, scores, failed, url, print_differences)


def _import(options: Options, path: Path) -> int:
    """Reads results of another benchmark, prints and stores them; returns 0."""
    from bench.cli.terminal import print_rows
    from bench.flow.exchange.benchmark_scores import import_scores, named_artifact, read_results
    from bench.store.store import Store
    from models.zoo import Zoo

    given = ("task_set", "audio", "data", "hop", "protocol", "condition", "scheduler", "on")
    reason, hint = "is for scores that are made here", "leave it out with --import"
    _refuse(options, (*given, "clips", "delegate", "benchmark_binary"), reason, hint)
    found = read_results(path)
    with Store.open(options.db) as store:
        known = {each.sha256: each for each in (*store.artifacts(), *Zoo(options.zoo).artifacts())}
        artifacts = list(known.values())
        wanted = named_artifact(artifacts, options.names) if options.names else None
        scores = import_scores(store, found, artifacts, wanted)
        url = store.url
    names = {each.sha256: f"{each.name}.{each.format.value}" for each in artifacts}
    if options.json:
        print_json({"imported": config.unstructure(scores)})
    else:
        rows = [
            (names[each.artifact_sha256], each.benchmark, each.task, each.place, each.metric,
             f"{each.value:.4g}")
            for each in scores
        ]  # fmt: skip
        print_rows(("model", "benchmark", "task", "split", "metric", "value"), rows)
    print_to_stderr(f"wrote {counted(len(scores), 'score')} of other benchmarks to {url}")
    return 0


def _end(
    options: Options,
    artifacts: Sequence[Artifact],
    scores: Sequence[Score],
    failed: Mapping[str, BenchError],
    url: str,
    show: Callable[[Sequence[Artifact], Sequence[Score]], None],
    skipped: Sequence[SkippedHops] = (),
    work: Work | None = None,
) -> int:
    """Prints what was scored, skipped and failed, and returns the exit code."""
    from bench.cli.shown.scores import below_floor, best_on_test, grouped

    if options.json:
        print_json(
            {
                "scores": config.unstructure(scores),
                "skipped": config.unstructure(skipped),
                "failed": {name: error.message for name, error in failed.items()},
                **({} if work is None else {"embedded": config.unstructure(work.embedded)}),
            }
        )
    else:
        for of_set in grouped(scores):
            show(artifacts, of_set)
    for line in (*below_floor(artifacts, scores), *best_on_test(artifacts, scores)):
        print_to_stderr(line)
    for error in failed.values():
        print_to_stderr(f"failed: {error}")
    if work is not None:
        print_to_stderr(work.embedded.text)
    print_to_stderr(f"wrote {len(scores)} scores to {url}")
    return 4 if failed else 0
