"""Results of other benchmarks read as scores of artifacts, apart from our own scores.

HEAR's evaluation kit, X-ARES and MTEB each write files of their own. A number keeps the names that
they give it, gets no interval that they do not give, and is stored as an event, not as a score.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.core import config
from bench.core.artifact import Artifact
from bench.core.config import near
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_bytes
from bench.core.imported_score import Benchmark, ImportedScore
from bench.store.records import Event
from bench.store.store import Store

KIND = "imported-score"  # of the events
MOST_BYTES = 16 << 20  # of one file of results
_HEAR_FILE = "test.predicted-scores.json"
_X_ARES_FILES = {"mlp_score.txt": "mlp_score", "knn_score.txt": "knn_score"}
_X_ARES_FOLDER = "checkpoints"  # ENV/TASK/checkpoints/ENCODER/mlp_score.txt
_META = "model_meta.json"  # beside MTEB's results of one model
_FOLDS = "aggregated_scores"  # of HEAR's results with several folds
_NO_METRIC = ("loss", "score")  # HEAR repeats the main metric as the score
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHORTEST_HASH = 8  # hex digits of a SHA-256 that name a file
_KNOWN = (
    f"{_HEAR_FILE} of HEAR's evaluation kit, TASK/{_X_ARES_FOLDER}/ENCODER/mlp_score.txt of "
    "X-ARES, or results/MODEL/REVISION/TASK.json of MTEB"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One number in a file of results.

    Args:
        file: that file.
        claimed: SHA-256 of the artifact, where the results name it; else ``None``.
    """

    file: Path
    claimed: str | None
    benchmark: Benchmark
    benchmark_version: str | None
    task: str
    split: str
    subset: str
    metric: str
    value: float
    deviation: float | None = None
    task_revision: str | None = None
    file_sha256: str = ""

    def of(self, artifact_sha256: str) -> ImportedScore:
        """Returns it as the score of an artifact."""
        return ImportedScore(
            artifact_sha256=artifact_sha256,
            benchmark=self.benchmark,
            benchmark_version=self.benchmark_version,
            task=self.task,
            split=self.split,
            subset=self.subset,
            metric=self.metric,
            value=self.value,
            deviation=self.deviation,
            task_revision=self.task_revision,
            file_sha256=self.file_sha256,
        )


def read_results(path: Path) -> list[Found]:
    """Returns the numbers of a file of results, or of all below a folder, in the order of names.

    Raises:
        ConfigurationError: there is none, or a file is not what its name promises.
    """
    if not path.exists():
        raise ConfigurationError(f"{path}: no such file", hint=f"give {_KNOWN}")
    files = sorted(each for each in path.rglob("*") if _may_be(each)) if path.is_dir() else [path]
    found = [number for file in files for number in _numbers(file, is_alone=not path.is_dir())]
    if not found:
        raise ConfigurationError(f"{path}: holds no results that are known", hint=f"give {_KNOWN}")
    return found


def import_scores(
    store: Store, found: Sequence[Found], artifacts: Sequence[Artifact], wanted: Artifact | None
) -> list[ImportedScore]:
    """Returns the numbers as scores; stores those that are not stored yet.

    Args:
        artifacts: those that results may name.
        wanted: the artifact that the user names; ``None`` for what the results name.

    Raises:
        ConfigurationError: results name no artifact or an unknown one, or another than the user.
    """
    by_sha256 = {each.sha256: each for each in artifacts}
    scores = [
        (each.of(artifact.sha256), artifact)
        for each, artifact in ((each, _artifact(each, by_sha256, wanted)) for each in found)
    ]
    present = {each.key: each for each in imported_scores(store)}
    with store.writing_together() as together:
        for artifact in {artifact.sha256: artifact for _, artifact in scores}.values():
            together.add_artifact(artifact)
        for score, _ in scores:
            if present.get(score.key) != score:
                at = datetime.now(UTC).isoformat()
                facts = config.unstructure(score)
                together.add_event(Event(kind=KIND, at=at, session_id=None, facts=facts))
    return [score for score, _ in scores]


def imported_scores(store: Store) -> list[ImportedScore]:
    """Returns the scores of other benchmarks; of one number the newest import."""
    newest: dict[tuple[str, ...], ImportedScore] = {}
    for event in store.events(kind=KIND):
        score = config.structure(event.facts, ImportedScore, source=f"{store.url}: {KIND}")
        newest[score.key] = score
    return list(newest.values())


def named_artifact(artifacts: Sequence[Artifact], names: Sequence[str]) -> Artifact:
    """Returns the artifact with a SHA-256 (or its beginning), NAME.FORMAT, or NAME.

    Raises:
        ConfigurationError: there is none, or not one.
    """
    if len(names) > 1:
        raise ConfigurationError(
            f"{', '.join(names)}: results are of one file", hint="name one NAME.FORMAT"
        )
    (name,) = names
    whole = {f"{each.name}.{each.format.value}": each for each in artifacts}
    if name in whole:
        return whole[name]
    begun = len(name) >= _SHORTEST_HASH
    of_name = [
        each
        for each in artifacts
        if each.name == name or (begun and each.sha256.startswith(name.lower()))
    ]
    if not of_name:
        raise ConfigurationError(
            f"neither the zoo nor the database has {name!r}{near(name, sorted(whole))}",
            hint="give NAME.FORMAT or the SHA-256 of its file; frill-bench zoo list",
        )
    if len(of_name) > 1:
        listed = ", ".join(f"{each.name}.{each.format.value}" for each in of_name)
        raise ConfigurationError(
            f"{name}: is {len(of_name)} files: {listed}", hint="name one of them"
        )
    return of_name[0]


def _artifact(found: Found, artifacts: Mapping[str, Artifact], wanted: Artifact | None) -> Artifact:
    if wanted is not None:
        if found.claimed not in (None, wanted.sha256):
            raise ConfigurationError(
                f"{found.file}: is of the file whose SHA-256 begins {str(found.claimed)[:12]}, "
                f"not of {wanted.name}.{wanted.format} ({wanted.sha256[:12]})",
                hint="leave out the name: these results name their artifact",
            )
        return wanted
    if found.claimed is None:
        raise ConfigurationError(
            f"{found.file}: {found.benchmark} does not write which file it scored",
            hint="name it: frill-bench score NAME.FORMAT --import FILE, or its SHA-256",
        )
    if found.claimed not in artifacts:
        raise ConfigurationError(
            f"{found.file}: is of a file whose SHA-256 begins {found.claimed[:12]}, which neither "
            "the zoo nor the database has",
            hint="add that file: frill-bench zoo add FILE",
        )
    return artifacts[found.claimed]


def _may_be(path: Path) -> bool:
    if not path.is_file():
        return False
    if path.name == _HEAR_FILE or path.name in _X_ARES_FILES:
        return True
    return path.suffix == ".json" and path.name != _META and (path.parent / _META).is_file()


def _numbers(path: Path, *, is_alone: bool) -> Iterator[Found]:
    """Yields the numbers of one file.

    Args:
        is_alone: the user named it, so a file of another kind is an error.
    """
    if path.stat().st_size > MOST_BYTES:
        raise _wrong(path, f"is larger than {MOST_BYTES >> 20} MiB")
    content = path.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise _wrong(path, "is not text") from error
    if path.name in _X_ARES_FILES:
        numbers = _x_ares(path, text)
    else:
        numbers = _of_json(path, text, is_alone=is_alone)
    for each in numbers:
        yield _with_hash(each, sha256_bytes(content))


def _of_json(path: Path, text: str, *, is_alone: bool) -> Iterator[Found]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(path, "is not JSON") from error
    readers: Sequence[tuple[tuple[str, ...], Callable[[Path, Any], Iterator[Found]]]] = (
        (("embedding_path", "score_mode"), _hear),
        (("task_name", "mteb_version", "scores"), _mteb),
    )
    for keys, reader in readers:
        if isinstance(document, dict) and all(key in document for key in keys):
            try:
                return iter([*reader(path, document)])
            except (KeyError, TypeError, AttributeError) as error:
                raise _wrong(path, f"lacks what its kind has: {error}") from error
    if is_alone:
        raise _wrong(path, "is of no kind that is known")
    return iter(())


def _hear(path: Path, document: Mapping[str, Any]) -> Iterator[Found]:
    """Yields HEAR's metrics: of the one split, or the mean over the folds."""
    task = Path(document["embedding_path"]).name
    splits = {name: each for name, each in document.items() if _is_split(each)}
    if _FOLDS in splits:
        splits = {_FOLDS: splits[_FOLDS]}
    for split, numbers in splits.items():
        for key in numbers:
            metric = re.fullmatch(r"test_(.+?)(_mean)?" if split == _FOLDS else r"test_(.+)()", key)
            if metric is None or metric[1] in _NO_METRIC or metric[1].endswith("_std"):
                continue
            deviation = numbers.get(f"test_{metric[1]}_std") if split == _FOLDS else None
            yield Found(
                file=path,
                claimed=None,
                benchmark=Benchmark.HEAR,
                benchmark_version=None,
                task=task,
                split=split,
                subset="",
                metric=metric[1],
                value=_number(path, numbers[key]),
                deviation=None if deviation is None else _number(path, deviation),
            )


def _is_split(value: object) -> bool:
    return isinstance(value, dict) and any(str(key).startswith("test_") for key in value)


def _mteb(path: Path, document: Mapping[str, Any]) -> Iterator[Found]:
    """Yields MTEB's main score of each split and subset."""
    for split, subsets in document["scores"].items():
        for each in subsets:
            yield Found(
                file=path,
                claimed=_claimed(path.parent / _META),
                benchmark=Benchmark.MTEB,
                benchmark_version=document["mteb_version"],
                task=str(document["task_name"]),
                split=str(split),
                subset=str(each["hf_subset"]),
                metric="main_score",
                value=_number(path, each["main_score"]),
                task_revision=document.get("dataset_revision"),
            )


def _claimed(meta: Path) -> str | None:
    """Returns the SHA-256 that our encoder gives as its revision; ``None`` of other models."""
    try:
        document = json.loads(meta.read_text())
    except (OSError, ValueError):
        return None
    revision = document.get("revision") if isinstance(document, dict) else None
    return revision if isinstance(revision, str) and _SHA256.fullmatch(revision) else None


def _x_ares(path: Path, text: str) -> Iterator[Found]:
    """Yields the one number of X-ARES' file: score and weight, a line each."""
    encoder = path.absolute().parent
    if encoder.parent.name != _X_ARES_FOLDER:
        raise _wrong(path, f"is not in TASK/{_X_ARES_FOLDER}/ENCODER, where X-ARES writes it")
    lines = text.split()
    try:
        value = float(lines[0])
    except (IndexError, ValueError) as error:
        raise _wrong(path, "does not begin with a number") from error
    yield Found(
        file=path,
        claimed=None,
        benchmark=Benchmark.X_ARES,
        benchmark_version=None,
        task=encoder.parents[1].name,
        split="",
        subset="",
        metric=_X_ARES_FILES[path.name],
        value=_number(path, value),
    )


def _number(path: Path, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong(path, f"a score is {value!r}, not a number")
    return float(value)


def _with_hash(found: Found, sha256: str) -> Found:
    return replace(found, file_sha256=sha256)


def _wrong(path: Path, problem: str) -> ConfigurationError:
    return ConfigurationError(f"{path}: {problem}", hint=f"give {_KNOWN}")
