"""Gates on a virtual handset: eighty whose truth is known, and 45 real ones; an hour."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from lab.simulated import NOW
from support.gate_phone import LATENCY_US, drawn_tool, revision
from support.layers import write_layers
from support.tables import write_table

from bench.cli.main import main
from bench.flow.gate import jobs
from bench.flow.gate.jobs import gate_suite
from bench.flow.gate.log_file import read
from bench.flow.phone.phone import PhoneDevice
from bench.gate.findings import findings_of, latency_findings
from bench.gate.log import Log
from bench.gate.records import Block, Discarded
from bench.gate.verdict import Verdict
from bench.handset.running import Running
from bench.plan.device import Kind
from bench.store.store import Store
from models.zoo import Zoo

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(7200)]

GATES = 20
MODELS = tuple(f"student{number}" for number in range(10))
CHANGED = MODELS[5]
MOST_RUNS = 2 * (60 + 1) * len(MODELS)  # of a gate in which every model gets all its blocks
BEFORE = 4  # gates as they were measured before
SUITE = gate_suite(Kind.PHONE, delegate=None, threads=1, ours=False)
ROWS = 4000  # half a millisecond or more for a layer
LAYERS = 40


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
    protocol = SUITE.protocol
    process_s = ours_s + tool_s + protocol.warmup_min_secs + protocol.num_runs * LATENCY_US / 1e6
    write_table(
        "gate-handset",
        f"Gates of {len(MODELS)} models by the whole program on a virtual handset (`make "
        "evidence`), whose tool\nsleeps for nothing and tells what a phone would have measured "
        "with the noise that the\nsimulation calls `phone`: so the truth is known. Green and red "
        "are, where one model is slower,\nthat model's; no other was ever red. A real process of "
        f"a 20 ms model, with its\nwarm-up and its {protocol.num_runs} inferences, would take "
        f"{process_s:.2f} s; the simulation reckons {NOW.process_s:.2f} s.",
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
    assert process_s <= NOW.process_s


def test_a_model_slower_by_a_third_is_red_after_eight_blocks_twenty_times_of_twenty(
    handset: Running, tmp_path: Path
) -> None:
    for number, name in enumerate(("old", "new")):
        revision(tmp_path / name, CHANGED, number=number)
    gates = [
        gated(
            tmp_path / str(seed),
            handset,
            drawn_tool(
                tmp_path / f"tool-{seed}",
                slowdowns={tmp_path / "new" / f"{CHANGED}.float32.tflite": 0.37},
                seed=seed,
            ),
            tmp_path / "old",
            tmp_path / "new",
            *("--seed", str(seed)),
        )
        for seed in range(GATES)
    ]
    write_table(
        "gate-obvious",
        "Gates of one model that is slower by 37 %, by the whole program on a virtual handset "
        "whose tool tells\nwhat a phone with the simulation's noise `phone` would have measured "
        "(`make evidence`).",
        HEAD,
        [row("one model +37 %", gates, [COLOURS.get(each.code, "") for each in gates])],
    )
    assert [each.code for each in gates] == [1] * GATES
    assert max(each.blocks for each in gates) <= 8


def test_twenty_gates_of_ten_unchanged_models_by_the_official_tool_take_half_the_time(
    handset: Running, official_binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoo = Zoo(tmp_path / "zoo")
    for number in range(10):
        source = write_layers(tmp_path / f"x{number}.tflite", LAYERS + number, rows=ROWS)
        zoo.add(source, name=f"layers{number}")
    same = (handset, official_binary, zoo.root, zoo.root)
    words = ("--measure-unchanged", "--max-minutes", "5", "--seed")
    order = [number % (GATES // BEFORE) == 0 for number in range(GATES)]  # spread over the run
    now, before = [], []
    together, official = PhoneDevice.run_block, dict(jobs._OFFICIAL)
    for seed, as_before in enumerate(order):
        now.append(gated(tmp_path / str(seed), *same, *words, str(seed)))
        if as_before:
            with monkeypatch.context() as patch:
                # The median of three after half a second, and the state read after each process.
                patch.setattr(jobs, "_OFFICIAL", {})
                patch.setattr(
                    PhoneDevice,
                    "run_block",
                    lambda self, cases, command=None: [
                        each for case in cases for each in together(self, [case], command)
                    ],
                )
                before.append(gated(tmp_path / f"before-{seed}", *same, *words, str(seed)))
    assert official == jobs._OFFICIAL
    write_table(
        "gate-official-ten",
        "Gates of ten real files of about 20 ms against themselves, by the official tool on a "
        "virtual handset,\nwhich has the noise of the machine that it runs on, cut off after five "
        "minutes; before and now in turn\n(`make evidence`). Before: the median of three "
        "inferences after half a second, the phone's state read\nafter each process.",
        HEAD,
        [
            row(kind, gates, [COLOURS.get(each.code, "") for each in gates])
            for kind, gates in (("before", before), ("now", now))
        ],
    )
    assert 1 not in {each.code for each in (*now, *before)}


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
