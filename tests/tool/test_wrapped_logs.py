"""A log reads the same however it was pasted, and as the parser of our own runs reads it."""

from __future__ import annotations

import random
from dataclasses import asdict
from pathlib import Path

import pytest
from support.pastes import WRAPPINGS

from bench.tool.parse import parse_bytes
from bench.tool.paste import PastedRun, read_paste

LOGS = Path(__file__).parent.parent / "data" / "benchmark_logs"
# Those that are in logcat's format already.
IN_LOGCAT = {
    path
    for path in LOGS.glob("*.txt")
    if b" I tflite" in path.read_bytes() or "logcat" in path.name
}
GOOD = "67_tf2.14.1_three_runs_recommended"


def text_of(path: Path) -> str:
    text = path.read_text(encoding="utf-8", errors="replace")
    return "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("# "))


def essence(runs: list[PastedRun]) -> list[object]:
    """Verdict, kind of reason, all numbers and delegates; not the words of a reason."""
    found: list[object] = []
    for run in runs:
        fields = asdict(run.log)
        code = (fields.pop("failure") or "").partition(":")[0]
        for name in ("logcat", "unconsumed_flags", "signature"):
            del fields[name]
        found.append((code, run.name, fields))
    return found


def some_logs(name: str) -> list[Path]:
    """A good log, and two others that the name of the wrapping chooses."""
    paths = [path for path in sorted(LOGS.glob("*.txt")) if path not in IN_LOGCAT]
    paths = [path for path in paths if "python_litert" not in path.name and "_02" not in path.name]
    return [LOGS / f"{GOOD}.txt", *random.Random(name).sample(paths, 2)]  # noqa: S311 - no secret


@pytest.mark.parametrize("name", WRAPPINGS)
def test_a_wrapped_log_has_the_numbers_and_the_verdict_of_the_bare_one(name: str) -> None:
    for path in some_logs(name):
        text = text_of(path)
        wrapped = WRAPPINGS[name](text)
        content = wrapped if isinstance(wrapped, bytes) else wrapped.encode()
        assert essence(read_paste(content)) == essence(read_paste(text.encode())), path.name


@pytest.mark.parametrize("path", sorted(LOGS.glob("*.txt")), ids=lambda path: path.stem[:12])
def test_a_log_of_one_run_reads_as_the_parser_of_our_own_runs_reads_it(path: Path) -> None:
    runs = read_paste(path.read_bytes())
    alone = parse_bytes(path.read_bytes())
    if not (alone.failure or "").startswith("several-runs"):
        assert [run.log for run in runs] == [alone]
    assert all(run.log.failure != alone.failure for run in runs) or len(runs) == 1
