"""Sustained gates on a virtual handset that gets hot, by its own candidate or from outside."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.gate_phone import revision
from support.phone_sweeps import stand_in
from support.reach import Boot
from support.tables import write_table

from bench.cli.main import main
from bench.core.hashing import sha256_file
from bench.flow.gate.log_file import read
from bench.gate.findings import latency_findings
from bench.gate.ranks import Rank, ranks_of
from bench.gate.verdict import Finding, Verdict
from bench.handset.running import Running

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(3600)]

SKIN = "/sys/class/thermal/thermal_zone4/temp"
IDLE_C = 33.5
THROTTLES_C = 41.0  # above it every inference takes 30 % longer
COOLS_C_PER_S = 4.0
TICK_S = 0.05
MINUTES = 0.05
RAN, SLOW = "/data/local/tmp/ran", "/data/local/tmp/slow"
MODELS = ("hot", "steady")
# Prints what it measured, and leaves its model's letter for who heats the phone.
BODY = """\
case $graph in
{names}
esac
echo $letter >>{ran}
read slow <{slow}
us=$((20000 * slow / 1000))
said="count=5 first=$us curr=$us min=$us max=$us avg=$us std=0"
"""


@dataclass
class Heat:
    """Heats a handset by the processes that ran there, and lets it cool.

    Args:
        rises_c: what one process of each kind of model adds: of the candidate ``hot``, of others.
        outside_c: what each process adds whatever its model: the phone lies in the sun.
    """

    phone: Running
    rises_c: dict[str, float]
    outside_c: float = 0.0
    now_c: float = IDLE_C

    @contextmanager
    def on(self) -> Iterator[None]:
        stop = threading.Event()
        self.phone.write(RAN, "")
        self.phone.path(RAN).chmod(0o666)  # the tool is the shell's
        self._show()
        thread = threading.Thread(target=self._run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            self.phone.write(SKIN, f"{IDLE_C * 1000:.0f}")

    def _run(self, stop: threading.Event) -> None:
        seen = 0
        while not stop.wait(TICK_S):
            letters = self.phone.path(RAN).read_text().split()
            for letter in letters[seen:]:
                self.now_c += self.rises_c.get(letter, 0.2) + self.outside_c
            seen = len(letters)
            self.now_c = max(IDLE_C, self.now_c - COOLS_C_PER_S * TICK_S)
            self._show()

    def _show(self) -> None:
        self.phone.write(SKIN, f"{self.now_c * 1000:.0f}")
        self.phone.write(f"{SLOW}.new", "1300\n" if self.now_c > THROTTLES_C else "1000\n")
        self.phone.path(f"{SLOW}.new").rename(self.phone.path(SLOW))


def gated(
    phone: Running, folder: Path, heat: Heat, tool: Path, old: Path, new: Path
) -> tuple[dict[str, Finding], dict[str, Rank], int]:
    folder.mkdir()
    log = folder / "gate.jsonl"
    with heat.on():
        code = main(
            ["gate", "--baseline", str(old), "--candidate", str(new), "-s", phone.serial,
             "--benchmark-binary", str(tool), "--db", str(folder / "gate.db"), "--log", str(log),
             "--sustained", str(MINUTES), "--undecided", "fail", "--seed", "3"]
        )  # fmt: skip
    found = read(log)
    ranks = {each.model.name: each for each in ranks_of(found)}
    return {each.model.name: each for each in latency_findings(found)}, ranks, code


def test_a_throttling_candidate_is_told_from_a_warm_phone(
    boot_phone: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRILL_BENCH_STATE", str(tmp_path / "state"))
    phone = boot_phone()
    for number, name in enumerate(("old", "new")):
        revision(tmp_path / name, *MODELS, number=number)
    hot = tmp_path / "new" / "hot.float32.tflite"
    tool = stand_in(
        tmp_path,
        BODY.format(names=f"*{sha256_file(hot)}*) letter=h;;\n*) letter=o;;", ran=RAN, slow=SLOW),
    )
    text = tool.read_text()
    tool.write_text(
        text.replace(
            "count=3 first=1176 curr=6773 min=1017 max=6773 avg=2988.67 std=2676", "$said"
        ).replace("Inference (avg): 2988.67", "Inference (avg): $us")
    )
    kinds = {
        "nothing is hot": Heat(phone=phone, rises_c={}),
        "the candidate `hot` heats the phone": Heat(phone=phone, rises_c={"h": 2.0}),
        "the phone is warm from outside": Heat(phone=phone, rises_c={}, outside_c=3.0),
    }
    rows, verdicts = [], {}
    for number, (kind, heat) in enumerate(kinds.items()):
        findings, ranks, code = gated(
            phone, tmp_path / str(number), heat, tool, tmp_path / "old", tmp_path / "new"
        )
        verdicts[kind] = [findings[name].verdict for name in MODELS]
        for name in MODELS:
            found = findings[name]
            evidence = found.evidence
            assert found.change is not None
            assert evidence is not None
            assert evidence.start_ratio is not None
            rows.append(
                [
                    kind, name, f"{evidence.start_ratio.value:.3f}", f"{found.change.value:.3f}",
                    f"{ranks[name].last_us / ranks[name].first_us:.2f}", found.verdict.value,
                    str(evidence.blocks), f"{ranks[name].first}, {ranks[name].last}", str(code),
                ]
            )  # fmt: skip
    write_table(
        "gate-sustained",
        f"Sustained gates by the whole program on a virtual handset (`make evidence`), stretches "
        f"of {60 * MINUTES:.0f} s.\nAbove {THROTTLES_C:g} °C its tool reports 30 % more, whatever "
        "runs; it cools while nothing runs. So the truth is\nknown: only the candidate that heats "
        "the phone by itself is slower in its last minute.",
        [
            *("heat", "model", "ratio in the first minute", "in the last"),
            *("candidate: last over first", "verdict", "blocks", "ranks", "exit code"),
        ],
        rows,
    )
    passed, red = [Verdict.SAME, Verdict.SAME], [Verdict.REGRESSED, Verdict.SAME]
    assert [*verdicts.values()] == [passed, red, passed]
