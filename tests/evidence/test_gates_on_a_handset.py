"""Gates on a virtual handset: sixty whose truth is known, 45 minutes, and 21 real ones, 12."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from support.gate_phone import LATENCY_US, drawn_tool, revision
from support.layers import write_layers
from support.tables import write_table

from bench.cli.main import main
from bench.flow.gate.log_file import read
from bench.gate.findings import findings_of, latency_findings
from bench.gate.log import Log
from bench.gate.records import Block, Discarded
from bench.gate.verdict import Verdict
from bench.handset.running import Running
from bench.plan.case import Protocol
from bench.store.store import Store

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(7200)]

GATES = 20
MODELS = tuple(f"student{number}" for number in range(10))
CHANGED = MODELS[5]
MOST_RUNS = 2 * (60 + 1) * len(MODELS)  # of a gate in which every model gets all its blocks
PROTOCOL = Protocol(num_runs=3, warmup_min_secs=0.5)
ROWS = 4000  # half a millisecond or more
PROCESS_S = 0.5 + 15 * 0.020  # what the simulation reckons for a process of a 20 ms model


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the user's state and phones out."""
    monkeypatch.setenv("FRILL_BENCH_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A gate that ran.

    Args:
        code: its exit code, 5 where something is undecided.
        looks_s, tool_s, rest_s: what a block takes, in the median: looking at the phone, the two
            processes as the phone ran them, and all else.
    """

    code: int
    log: Log
    wall_s: float
    looks_s: float
    tool_s: float
    rest_s: float

    @property
    def blocks(self) -> int:
        return sum(isinstance(entry, Block) for entry in self.log.entries)

    @property
    def discarded(self) -> int:
        return sum(isinstance(entry, Discarded) for entry in self.log.entries)

    @property
    def verdicts(self) -> dict[str, Verdict]:
        return {each.model.name: each.verdict for each in latency_findings(self.log)}


def gated(
    folder: Path, phone: Running, tool: Path, baseline: Path, candidate: Path, *words: str
) -> Ran:
    """Returns a gate run as users run it."""
    folder.mkdir()
    log, database = folder / "gate.jsonl", folder / "gate.db"
    started_s = time.perf_counter()
    code = main(
        ["gate", "--baseline", str(baseline), "--candidate", str(candidate), "-s", phone.serial,
         "--benchmark-binary", str(tool), "--db", str(database), "--log", str(log),
         "--undecided", "fail", *words],
    )  # fmt: skip
    wall_s = time.perf_counter() - started_s
    with Store.open(database) as store:
        found = store.invocations(store.sessions()[-1].id)
    starts_s = [datetime.fromisoformat(each.started_at).timestamp() for each in found]
    looks_s = [each.telemetry.overhead_s or 0.0 for each in found]
    all_s = [later - earlier for earlier, later in pairwise(starts_s)]
    rest_s = [
        one_s - look_s - each.wall_s
        for one_s, look_s, each in zip(all_s, looks_s, found, strict=False)
    ]
    return Ran(
        code=code,
        log=read(log),
        wall_s=wall_s,
        looks_s=2 * median(looks_s),
        tool_s=2 * median(each.wall_s for each in found),
        rest_s=2 * median(rest_s),
    )


def row(kind: str, gates: Sequence[Ran], verdicts: Sequence[str]) -> list[str]:
    """Returns a line of the table."""
    counted = Counter(verdicts)
    return [
        kind,
        str(len(gates)),
        *(str(counted[each]) for each in ("green", "red", "undecided")),
        f"{median(each.blocks for each in gates):g}",
        str(sum(each.discarded for each in gates)),
        f"{median(each.wall_s for each in gates):.0f} s",
        *(
            f"{1e3 * median(costs_s):.0f} ms"
            for costs_s in (
                [each.looks_s for each in gates],
                [each.tool_s for each in gates],
                [each.rest_s for each in gates],
            )
        ),
    ]


HEAD = [
    *("kind", "gates", "green", "red", "undecided", "blocks a gate", "discarded", "a gate takes"),
    *("looks at the phone, a block", "its two processes", "all else"),
]
COLOURS = {0: "green", 1: "red", 5: "undecided"}


@pytest.fixture(scope="module")
def revisions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("revisions")
    for number, name in enumerate(("old", "new")):
        revision(folder / name, *MODELS, number=number)
    yield folder


def kind_of_gates(phone: Running, revisions: Path, folder: Path, *, slowdown: float) -> list[Ran]:
    """Returns twenty gates of ten models of which one is slower."""
    found = []
    for number in range(GATES):
        seed = 1000 * round(100 * slowdown) + number
        slower = revisions / "new" / f"{CHANGED}.float32.tflite"
        place = folder / str(seed)
        tool = drawn_tool(
            folder / f"tool-{seed}", slowdowns={slower: slowdown}, seed=seed, runs=MOST_RUNS
        )
        words = ("--seed", str(seed))
        ran = gated(place, phone, tool, revisions / "old", revisions / "new", *words)
        tool.unlink()
        found.append(ran)
    return found


def test_sixty_gates_of_ten_models_say_what_is_so(
    handset: Running, revisions: Path, tmp_path: Path
) -> None:
    same = kind_of_gates(handset, revisions, tmp_path, slowdown=0.0)
    by_10 = kind_of_gates(handset, revisions, tmp_path, slowdown=0.10)
    by_5 = kind_of_gates(handset, revisions, tmp_path, slowdown=0.05)

    def of_changed(gates: Sequence[Ran]) -> list[str]:
        colours = {Verdict.SAME: "green", Verdict.IMPROVED: "green", Verdict.REGRESSED: "red"}
        return [colours.get(each.verdicts[CHANGED], "undecided") for each in gates]

    rows = [
        row("nothing changed", same, [COLOURS.get(each.code, "") for each in same]),
        row("one model +10 %", by_10, of_changed(by_10)),
        row("one model +5 %", by_5, of_changed(by_5)),
    ]
    everything = [*same, *by_10, *by_5]
    ours_s = median((each.looks_s + each.rest_s) / 2 for each in everything)
    tool_s = median(each.tool_s / 2 for each in everything)
    process_s = ours_s + tool_s + PROTOCOL.warmup_min_secs + PROTOCOL.num_runs * LATENCY_US / 1e6
    write_table(
        "gate-handset",
        f"Gates of {len(MODELS)} models by the whole program on a virtual handset (`make "
        "evidence`), whose tool\nsleeps for nothing and tells what a phone would have measured "
        "with the noise that the\nsimulation calls `phone`: so the truth is known. Green and red "
        "are, where one model is slower,\nthat model's; no other was ever red. A real process of "
        f"a 20 ms model, with half a second of\nwarm-up and three inferences, would take "
        f"{process_s:.2f} s; the simulation reckons {PROCESS_S:.1f} s.",
        HEAD,
        rows,
    )
    assert [each.code for each in same] == [0] * GATES
    for gates in (by_10, by_5):
        for each in gates:
            assert Verdict.REGRESSED not in {
                verdict for name, verdict in each.verdicts.items() if name != CHANGED
            }
    assert [each.code for each in by_10] == [1] * GATES
    assert {each.verdicts[CHANGED] for each in by_10} == {Verdict.REGRESSED}
    assert of_changed(by_5).count("green") <= 3
    assert process_s <= PROCESS_S


def test_the_official_tool_flags_a_layer_too_many_and_never_a_file_against_itself(
    handset: Running, official_binary: Path, tmp_path: Path
) -> None:
    once, twice = (
        write_layers(tmp_path / f"x{count}.tflite", count, rows=ROWS) for count in (1, 2)
    )
    words = ("--max-minutes", "2", "--seed")
    itself = [
        gated(tmp_path / str(seed), handset, official_binary, once, once, *words, str(seed))
        for seed in range(GATES)
    ]
    doubled = gated(tmp_path / "doubled", handset, official_binary, once, twice, *words, "0")
    write_table(
        "gate-official-tool",
        "Gates of one small real file with the official tool on a virtual handset, which has the "
        "noise of\nthe machine that it runs on, cut off after two minutes (`make evidence`).",
        HEAD,
        [
            row("a file against itself", itself, [COLOURS.get(each.code, "") for each in itself]),
            row("a layer that doubles its work", [doubled], [COLOURS.get(doubled.code, "")]),
        ],
    )
    assert 1 not in {each.code for each in itself}
    assert doubled.code == 1
    (finding,) = (each for each in findings_of(doubled.log) if each.verdict is Verdict.REGRESSED)
    assert finding.change is not None
    assert 1.5 < finding.change.value < 2.5
    assert any("FULLY_CONNECTED" in said and "dense_2" in said for said in finding.why)
