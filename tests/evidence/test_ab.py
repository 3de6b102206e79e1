"""One file measured in several ways, and bisections: simulated and on a handset; ten minutes."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lab.noise import PROFILES
from lab.simulated import Simulated, gates
from support.gate_phone import drawn_tool
from support.layers import write_layers
from support.phone_sweeps import TINY
from support.slowed_tool import slowed_tools
from support.tables import table, write_texts

from bench.cli.main import main
from bench.gate.decision import Outcome
from bench.gate.history.bisection import Compared, End, Ended, next_comparison, rule_of_each
from bench.gate.rule import Rule
from bench.gate.verdict import Verdict
from bench.handset.running import Running

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(3600)]

SEED = 20261130
BISECTIONS, MORE_BISECTIONS, GATES = 20, 200, 1000
BUILDS, SIXTH = 8, 5
ROWS = 20_000  # of a file: some milliseconds
SLOWER = (0, 10, 50)  # true builds of the tool, by the time that a kernel takes longer, in %
VERDICTS = {
    Outcome.SAME: Verdict.SAME,
    Outcome.IMPROVED: Verdict.IMPROVED,
    Outcome.REGRESSED: Verdict.REGRESSED,
}
ENDS = {End.FOUND: "found", End.NOTHING: "nothing to find"}


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the user's state and phones out."""
    monkeypatch.setenv("FRILL_BENCH_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "1")
    monkeypatch.chdir(tmp_path)


def bisected(rng: np.random.Generator, profile: str, step: float) -> tuple[Ended, int, int]:
    """Returns the end of a bisection whose sixth build steps, its comparisons and its blocks."""
    costs = [1.0] * SIXTH + [1.0 + step] * (BUILDS - SIXTH)
    rule = rule_of_each(Rule(), BUILDS)
    verdicts: dict[Compared, Verdict] = {}
    blocks = 0
    while isinstance(due := next_comparison(BUILDS, verdicts), Compared):
        slowdown = costs[due.after] / costs[due.before] - 1
        one = gates(rng, PROFILES[profile], 1, slowdown=slowdown, rule=rule, models=1)
        verdicts[due] = VERDICTS.get(Outcome(int(one.outcome[0])), Verdict.UNDECIDED)
        blocks += int(one.blocks[0])
    return due, len(verdicts), blocks


def simulated_row(profile: str, step: float, number: int) -> list[str]:
    """Returns a line of the table of simulated bisections."""
    rng = np.random.default_rng([SEED, number, *profile.encode()])
    many = [bisected(rng, profile, step) for _ in range(number)]
    right = Ended(reason=End.FOUND, at=Compared(before=SIXTH - 1, after=SIXTH))
    ends = Counter(
        "the sixth" if end == right else
        "another" if end.reason is End.FOUND else ENDS.get(end.reason, "no verdict")
        for end, _, _ in many
    )  # fmt: skip
    if not step:
        assert ends == {"nothing to find": number} or ends["another"] <= number / 100
    if step >= 0.10 and profile == "phone":
        assert ends == {"the sixth": number}
    return [
        profile, f"+{100 * step:.0f} %", str(number),
        *(str(ends[each]) for each in ("the sixth", "another", "nothing to find", "no verdict")),
        f"{np.mean([count for _, count, _ in many]):.1f}",
        f"{np.mean([blocks for _, _, blocks in many]):.0f}",
    ]  # fmt: skip


def on_handset(phone: Running, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """Returns the exit code and the JSON document of a verb on a handset."""
    capsys.readouterr()
    code = main([*words, "-s", phone.serial, "--json"])
    return code, json.loads(capsys.readouterr().out)


def eight_builds(old: Path, new: Path, folder: Path) -> list[Path]:
    """Returns eight files of two builds, of which the sixth and later ones are of the new one.

    Bytes behind the program make them differ, as builds of eight days do.
    """
    builds = []
    for number in range(BUILDS):
        build = folder / f"v{number + 1}"
        build.write_bytes((new if number >= SIXTH else old).read_bytes() + b"#" * (number + 1))
        build.chmod(0o755)
        builds.append(build)
    return builds


def real_row(
    phone: Running,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    model: Path,
    builds: Sequence[Path],
    margin: str,
) -> list[str]:
    """Returns a line of the table of bisections on the handset."""
    words = ("bisect", str(model), "--tools", *map(str, builds), "--margin", margin)
    code, document = on_handset(phone, capsys, *words)
    found = document["bisection"]
    assert code == 1, json.dumps(found)
    assert [Path(each).parts[0] for each in found["step"]] == ["v5", "v6"]
    (step,) = (
        each["ratio"]
        for each in found["comparisons"]
        if [each["before"], each["after"]] == found["step"]
    )
    interval = f"{step['value']:.3f} ({step['low']:.3f} to {step['high']:.3f})"
    return [kind, margin, " to ".join(found["step"]), interval, str(len(found["comparisons"]))]


def test_a_bisection_finds_the_sixth_of_eight_builds(
    handset: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulated = [simulated_row("phone", 0.10, BISECTIONS)]
    simulated += [
        simulated_row(profile, step, MORE_BISECTIONS)
        for profile in ("locked", "phone", "hot", "bimodal", "noisyhost")
        for step in (0.0, 0.05, 0.10, 0.30)
    ]
    tiny = tmp_path / "tiny.tflite"
    tiny.write_bytes(TINY.read_bytes())
    drawn = [
        drawn_tool(tmp_path / f"v{n + 1}", slowdowns={tiny: 0.10 * (n >= SIXTH)}, seed=n)
        for n in range(BUILDS)
    ]
    layers = write_layers(tmp_path / "layers.tflite", 2, rows=ROWS)
    old, _, new = slowed_tools(*SLOWER)
    (tmp_path / "true").mkdir()
    true = eight_builds(old, new, tmp_path / "true")
    real = [
        real_row(handset, capsys, "drawn times, +10 % from the sixth", tiny, drawn, "5%"),
        real_row(
            handset, capsys, "true builds, a kernel +50 % from the sixth", layers, true, "20%"
        ),
    ]
    write_texts(
        "bisect",
        f"Bisections over {BUILDS} builds of which the sixth steps, simulated (`make evidence`): "
        "what was named, the comparisons\nand the blocks of a bisection, in the mean. All errors "
        "are divided among at most five comparisons.",
        table(
            ["noise", "step", "bisections", "the sixth", "another", "nothing to find",
             "no verdict", "comparisons", "blocks"],
            simulated,
        ),
        "By the whole program on a virtual handset. Drawn times: tools that report times of the "
        "simulated phone, with known truth.\nTrue builds: the official tool, linked with a "
        "FULLY_CONNECTED that takes half as long again.",
        table(["builds", "margin", "step", "ratio of the step", "comparisons"], real),
    )  # fmt: skip


def two_sided(profile: str, slowdown: float, models: int) -> Simulated:
    """Returns simulated comparisons by the rule of an A/B of so many pairs."""
    rule = replace(Rule(), two_sided=True).for_models(models)
    rng = np.random.default_rng([SEED, models, round(1000 * (1 + slowdown)), *profile.encode()])
    tests = models * rule.directions
    return gates(rng, PROFILES[profile], GATES * models, slowdown=slowdown, rule=rule, models=tests)


def shares(found: Simulated, models: int) -> list[str]:
    """Returns the shares of verdicts of pairs, and of comparisons with a difference."""
    different = np.isin(found.outcome, (Outcome.REGRESSED, Outcome.IMPROVED))
    return [
        *(f"{100 * found.share(each):.1f}" for each in (Outcome.REGRESSED, Outcome.IMPROVED)),
        f"{100 * found.share(Outcome.SAME):.1f}",
        f"{100 * different.reshape(-1, models).any(axis=1).mean():.2f}",
        f"{found.blocks.mean():.1f}",
    ]


def ab_row(
    phone: Running, capsys: pytest.CaptureFixture[str], kind: str, *words: str, axis: str = "models"
) -> tuple[list[str], Any]:
    """Returns a line of the table of comparisons on the handset, and its finding."""
    code, document = on_handset(phone, capsys, "ab", *words, "--max-minutes", "3")
    (found,) = document[axis]
    ratio = found["ratio"]
    interval = f"{ratio['estimate']:.3f} ({ratio['low']:.3f} to {ratio['high']:.3f})"
    cells = [kind, str(found["axis"]), found["verdict"], interval, str(found["blocks"]), str(code)]
    return cells, found


def test_ways_to_measure_one_file_are_told_apart(
    handset: Running,
    official_binary: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    simulated = []
    for profile in PROFILES:
        for slowdown in (0.0, 0.05, 0.10, -0.10):
            for models in (1, 9) if not slowdown else (1,):
                found = two_sided(profile, slowdown, models)
                cells = shares(found, models)
                simulated.append([profile, f"{100 * slowdown:+.0f} %", str(models), *cells])
                assert slowdown or float(cells[3]) <= 1.0
                assert found.share(Outcome.SAME) <= 0.05 or abs(slowdown) < 0.05
    layers = str(write_layers(tmp_path / "layers.tflite", 2, rows=ROWS))
    _, by_10, by_50 = slowed_tools(*SLOWER)
    official = ("--benchmark-binary", str(official_binary))
    drawn = drawn_tool(tmp_path / "drawn", slowdowns={}, profile="phone", cached=True)
    first = ("--side", f"tool={official_binary}", "--side")
    rows, found = [], {}
    threads = ("--side", "threads=1", "--side", "threads=2", *official)
    caches = ("--side", "cache=off", "--side", "cache=on", "--benchmark-binary", str(drawn))
    for name, words, axis in (
        ("two true builds, a kernel +50 %", (*first, f"tool={by_50}"), "models"),
        ("two true builds, a kernel +10 %", (*first, f"tool={by_10}"), "models"),
        ("one thread, two threads", threads, "models"),
        ("no cache, a cache", caches, "initialisations"),
    ):
        cells, found[name] = ab_row(handset, capsys, name, layers, *words, axis=axis)
        rows.append(cells)
    write_texts(
        "ab",
        f"Comparisons of one file on two sides by the two-sided rule, simulated, {GATES} of each "
        "kind (`make evidence`): shares\nof pairs in %, comparisons that show any difference in % "
        "(at most 1 where there is none), blocks of a pair in the mean.",
        table(
            ["noise", "second side", "pairs", "slower", "faster", "no difference",
             "any difference", "blocks"],
            simulated,
        ),
        "By the whole program on a virtual handset, which has the noise of the machine that it "
        "runs on. True builds: the official tool,\nlinked with a FULLY_CONNECTED that takes "
        "longer. The cache is that of a stand-in, whose start takes two thirds with one.",
        table(["sides", "axis", "verdict of the second", "ratio", "blocks", "exit code"], rows),
    )  # fmt: skip
    assert found["two true builds, a kernel +50 %"]["verdict"] == "regressed"
    assert found["two true builds, a kernel +10 %"]["verdict"] != "same"
    assert found["no cache, a cache"]["verdict"] == "improved"
