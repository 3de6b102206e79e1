"""Every format that we write, read by other people's programs out of their packages."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support import real_models
from support.program import frill_bench
from support.tables import write_table

from bench.core.errors import InfrastructureError
from bench.core.paths import cache_dir
from bench.core.system import apt
from bench.handset.running import Running
from models.wheel import unpack
from reports.exchange.described import TABLES

pytestmark = [pytest.mark.evidence, pytest.mark.audio, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[2]
READERS = ROOT / "tests" / "data" / "readers"
# Of other projects, in an environment of their own.
PACKAGES = (
    "pandas==3.1.1", "polars==2.1.0", "duckdb==2.0.1", "pyarrow==26.0.1", "jsonschema==4.26.0",
    "scipy", "ai-edge-model-explorer==0.1.34",
)  # fmt: skip
# Its dependencies are gigabytes: what its class for perf.yaml needs comes first, then it alone.
AIHUB = ("qai-hub==0.56.0", "pydantic<=2.13.3", "pydantic_yaml==1.4.0", "ruamel.yaml==0.18.10")
AIHUB_ALONE = ("qai-hub-models==0.65.0", "qai-hub-models-cli==0.65.0")
TRACE = "@tracerbench/trace-model@8.0.0"
OF_ROWS = {
    "csv": "csv", "jsonl": "jsonl", "parquet": "parquet", "google-benchmark": "json",
    "bencher": "json", "github-action-benchmark": "json", "litert-samples": "jsonl",
    "aihub": "yaml",
}  # fmt: skip
HEAD = ("format", "read by", "what it read", "way back")
NO_WAY = "none: a row without its raw text is not evidence"
TEXT = """# Our files in other people's programs

Every format that `frill-bench export` writes, read by the other side's own code out of its package
(PyPI, npm, Debian), in environments of their own. The files are of one database: a model out of
EfficientWord-Net in four formats, timed here and scored (`frill-bench bench`), and two of the files
on a virtual handset, also streaming, sustained and with op profiles by the official tool. Written
by `make evidence`.

- Bencher, github-action-benchmark and litert-samples are in none of these registries. Bencher's
  published schema and the keys of the others are held by `tests/reports/test_exchange.py`.
- Perfetto's own reader of traces is not in its package, which downloads it: a parser of the same
  Trace Event Format has read ours.
- AI Hub's class for `perf.yaml` is imported with empty modules in the place of PyTorch and others,
  which only its models need."""


@dataclass(frozen=True)
class Written:
    """A database and what was exported of it.

    Args:
        lines: of each table, as ``export --format jsonl`` writes them.
    """

    database: Path
    folder: Path
    zoo: Path
    lines: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def written(
    handset: Running,
    official_binary: Path,
    audio_root: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Written:
    folder = tmp_path_factory.mktemp("written")
    model, front = unpack(real_models.EFFICIENTWORD, cache_dir())
    out = folder / "mine"
    frill_bench(
        "bench", model, "--frontend", front, "--out", out, "--processes", "3",
        "--task-set", "quick", status=0,
    )  # fmt: skip
    made = Written(database=out / "results.db", folder=folder, zoo=out / "zoo")
    models = [word for path in files(made) for word in ("--model", path)]
    frill_bench(
        "run", *models, "--db", made.database, "-s", handset.serial, "--processes", "2",
        "--delegate", "none", "--no-check", "--op-profile", "--streaming", "--sustained", "0.05",
        "--num-runs", "3", "--min-secs", "0", status=0,
    )  # fmt: skip
    results = ROOT / "tests" / "data" / "benchmark_results" / "hear"
    frill_bench(
        "score", "baseModel.int8", "--import", results, "--db", made.database, "--zoo", made.zoo,
        status=0,
    )  # fmt: skip
    for name, ending in OF_ROWS.items():
        export(made, "--format", name, "--out", folder / f"{name}.{ending}")
    for table in TABLES:
        for ending in ("csv", "jsonl", "parquet"):
            path = folder / f"{table}.{ending}"
            export(made, "--format", ending, "--table", table, "--out", path)
        text = (folder / f"{table}.jsonl").read_text()
        made.lines[table] = [json.loads(line) for line in text.splitlines()]
        assert made.lines[table], table
    export(made, "--format", "perfetto", "--out", folder / "trace.json")
    export(made, "--format", "model-explorer", "--out", folder / "times")
    return made


def files(made: Written) -> list[Path]:
    """Returns the files that are timed on the handset."""
    return [made.zoo / f"baseModel.{format}.tflite" for format in ("float32", "int8")]


def export(made: Written, *words: str | Path) -> None:
    frill_bench("export", "--db", made.database, *words, status=0)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Returns what makes an environment with packages, each list of them installed by itself."""
    known: dict[tuple[Sequence[str], ...], Path] = {}

    def made(*installs: Sequence[str]) -> Path:
        if installs not in known:
            folder = tmp_path_factory.mktemp("environment")
            ended([sys.executable, "-m", "venv", folder])
            for words in installs:
                ended([folder / "bin/python", "-m", "pip", "install", "--quiet", *words])
            known[installs] = folder
        return known[installs]

    return made


def ended(command: Sequence[str | Path]) -> str:
    """Returns what a program printed; skips the test where a package could not be had."""
    done = subprocess.run(command, capture_output=True, text=True, cwd="/")
    if done.returncode and ("pip" in command or "npm" in command):
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def table() -> Iterator[list[tuple[str, str, str, str]]]:
    """Yields the rows of the table, which is written once all formats have one."""
    rows: list[tuple[str, str, str, str]] = []
    yield rows
    if {row[0] for row in rows} >= {*OF_ROWS, "perfetto", "model-explorer"}:
        write_table("other_readers", TEXT, HEAD, rows)


Table = list[tuple[str, str, str, str]]


def found(environment: Path, script: str, *words: str | Path) -> Any:
    """Returns what a script printed there."""
    return json.loads(ended([environment / "bin/python", "-P", READERS / script, *words]))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_pandas_polars_duckdb_and_pyarrow_find_equal_rows(
    kind: str, written: Written, environment: Callable[..., Path], table: Table
) -> None:
    rows, cells = 0, 0
    for name, lines in written.lines.items():
        path = written.folder / f"{name}.{kind}"
        read = found(environment(PACKAGES), "tables.py", kind, path)
        for reader, records in read["rows"].items():
            assert len(records) == len(lines), reader
            for record, line in zip(records, lines, strict=True):
                check_row(record, line, kind, f"{reader}, {name}")
        rows += len(lines)
        cells += sum(len(line) - 2 for line in lines)
    by = ", ".join(f"{name} {version}" for name, version in read["versions"].items())
    what = f"{rows} rows of {len(TABLES)} tables, all {cells} values equal"
    back = "`frill-bench pick results.csv`" if kind == "csv" else NO_WAY
    table.append((kind, by, what, back))
    if kind == "jsonl":
        schema = ROOT / "reports" / "exchange" / "rows.schema.json"
        for name, lines in written.lines.items():
            path = written.folder / f"{name}.jsonl"
            checked = found(environment(PACKAGES), "schema.py", schema, path)
            assert (checked["lines"], checked["wrong"]) == (len(lines), [])
        by = f"jsonschema {checked['version']}"
        table.append((kind, by, f"{rows} lines, all valid by our schema", NO_WAY))


def check_row(record: dict[str, Any], line: dict[str, Any], kind: str, where: str) -> None:
    """Checks each value; in a CSV an empty text and none are one, and types are guessed."""
    expected = dict(line)
    if kind != "jsonl":
        expected = {name: line[name] for name in line if name not in ("schema_version", "table")}
    assert set(record) == set(expected), where
    for name, value in expected.items():
        given = record[name]
        if kind == "csv" and (value is None or isinstance(value, str)):
            given, value = ("" if text is None else str(text) for text in (given, value))
        assert given == value, f"{where}: {name} is {given!r}, not {value!r}"


def test_google_benchmark_compares_two_files(
    written: Written, environment: Callable[..., Path], table: Table, tmp_path: Path
) -> None:
    hint = "it is a package of Debian"
    try:
        deb = apt.download(["libbenchmark-tools"], folder=tmp_path, hint=hint)["libbenchmark-tools"]
    except InfrastructureError as error:
        pytest.skip(error.message)
    apt.unpack(deb, folder=tmp_path / "tools")
    old, new = written.folder / "google-benchmark.json", tmp_path / "new.json"
    document = json.loads(old.read_text())
    for entry in document["benchmarks"]:
        entry["real_time"] *= 1.25
    new.write_text(json.dumps(document))
    python = environment(PACKAGES) / "bin/python"
    compare = tmp_path / "tools/usr/share/benchmark/compare.py"
    ended([python, compare, "-d", tmp_path / "diff.json", "benchmarks", old, new])
    entries = [
        each
        for each in json.loads((tmp_path / "diff.json").read_text())
        if each["name"] != "OVERALL_GEOMEAN"
    ]
    times = {each["name"]: each["measurements"][0] for each in entries}
    timed = [line for line in written.lines["results"] if line["latency_us_median"] is not None]
    assert len(times) == len(timed)
    assert all(each["time"] == pytest.approx(0.25) for each in times.values())
    assert sorted(each["real_time"] for each in times.values()) == pytest.approx(
        sorted(line["latency_us_median"] for line in timed)
    )
    package = apt.describe(deb)
    by = f"Google Benchmark's `compare.py`, libbenchmark-tools {package.version}"
    what = f"{len(times)} benchmarks, each 25 % slower in a copy of the file that is"
    table.append(("google-benchmark", by, what, NO_WAY))


def test_ai_hub_reads_its_perf_yaml(
    written: Written, environment: Callable[..., Path], table: Table
) -> None:
    there = environment(AIHUB, ("--no-deps", *AIHUB_ALONE))
    read = found(there, "perf.py", written.folder / "aihub.yaml")
    timed = {
        (line["case_key"], line["latency_us_median"] / 1000)
        for line in written.lines["results"]
        if line["latency_us_median"] is not None
    }
    assert sorted(entry[-1] for entry in read["entries"]) == pytest.approx(
        sorted(ms for _, ms in timed)
    )
    precisions = sorted({entry[0] for entry in read["entries"]})
    devices = {entry[2] for entry in read["entries"]}
    by = f"`QAIHMModelPerf` of qai-hub-models {read['version']}"
    what = f"{len(read['entries'])} entries in {', '.join(precisions)} on {len(devices)} devices"
    table.append(("aihub", by, what, NO_WAY))


def test_a_parser_of_traces_finds_processes_threads_and_counters(
    written: Written, table: Table, tmp_path: Path
) -> None:
    ended(["npm", "install", "--ignore-scripts", "--silent", "--prefix", tmp_path, TRACE])
    script = tmp_path / "trace.cjs"
    script.write_text((READERS / "trace.cjs").read_text())
    read = json.loads(ended(["node", script, written.folder / "trace.json"]))
    events = json.loads((written.folder / "trace.json").read_text())["traceEvents"]
    lanes = [lane for track in read["tracks"] for lane in track["threads"]]
    slices = [each for lane in lanes for each in lane["slices"]]
    assert sorted([name, at, round(lasts, 3)] for name, at, lasts, _ in slices) == sorted(
        [each["name"], each["ts"], each["dur"]] for each in events if each["ph"] == "X"
    )
    assert all(each[3] for each in slices)  # none overlaps another of its lane
    counters = sum(of["counters"] for of in read["tracks"])
    assert counters == sum(each["ph"] == "C" for each in events) > 0
    what = f"{len(slices)} slices in {len(lanes)} lanes, {counters} values of counters"
    table.append(("perfetto", f"{TRACE.replace('l@', 'l ')}", what, "none: it is of runs"))


def test_model_explorer_reads_the_times_and_has_the_nodes(
    written: Written, environment: Callable[..., Path], table: Table
) -> None:
    listed = json.loads((written.folder / "times" / "provenance.json").read_text())
    assert listed
    nodes = 0
    for about in listed:
        (model,) = (path for path in files(written) if path.stem == about["model"])
        path = written.folder / "times" / about["file"]
        read = found(environment(PACKAGES), "explorer.py", model, path)
        assert set(read["values"]) <= set(read["nodes"]), about["file"]
        assert json.loads(path.read_text()).items() <= read["again"].items()
        nodes += len(read["values"])
    by = f"ai-edge-model-explorer {read['version']}: its classes, and its reader of `.tflite` files"
    what = (
        f"{len(listed)} files with the times of {nodes} operators, all of them nodes of the graph"
    )
    table.append(("model-explorer", by, what, "none: it is of op profiles"))


def test_what_is_in_no_registry_is_held_by_its_published_schema(
    written: Written, table: Table
) -> None:
    rows = written.lines["results"]
    held = "`tests/reports/test_exchange.py`"
    document = json.loads((written.folder / "bencher.json").read_text())
    metrics = sum(map(len, document.values()))
    what = f"{len(document)} benchmarks, {metrics} metrics"
    assert len(document) == len(rows)
    table.append(("bencher", f"its published schema, in {held}", what, NO_WAY))
    entries = json.loads((written.folder / "github-action-benchmark.json").read_text())
    what = f"{len(entries)} entries"
    table.append(("github-action-benchmark", f"the keys of its README, in {held}", what, NO_WAY))
    lines = (written.folder / "litert-samples.jsonl").read_text().splitlines()
    assert len(lines) == len({line["case_key"] for line in rows})
    back = "`frill-bench import` of the logs themselves"
    what = f"{len(lines)} lines"
    table.append(("litert-samples", f"the keys of its own lines, in {held}", what, back))
    table.append(("parcel", "`frill-bench merge`", "[a table of its own](parcels.md)", "`merge`"))
