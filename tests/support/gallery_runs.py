"""What the verbs show of a phone of the gallery and do with it, as in ``gallery.Expected``."""

import json
import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.adb.phone import Phone
from bench.flow.checks.machine import Finding, Level
from bench.flow.checks.phone import worth
from bench.handset.running import Running
from bench.snapshot.commands import SETTINGS
from support.gallery import OF_THE_MACHINE, Expected
from support.phone_sweeps import TINY
from support.program import command_line
from support.reach import direct

_REFUSED = re.compile(r"(?:^|; )([a-z-]+): ")
_MASK = re.compile(r"pinned with mask ([0-9a-f]+)$")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What doctor shows, in the words of ``Expected``; ``findings`` has all of them."""

    seen: Expected
    findings: dict[str, Finding]


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a run did.

    Args:
        case: of its only session; ``None`` where the phone was set aside.
        refused: settings that the phone did not let us change.
        words: what it printed on stderr.
    """

    code: int
    case: dict[str, Any] | None
    refused: tuple[str, ...]
    words: str


def examined(serial: str) -> Seen:
    """Returns what doctor shows of a phone."""
    [phone] = json.loads(command_line("doctor", "--json", "-s", serial).stdout)["phones"]
    findings = {
        each["check"]: Finding(**{**each, "level": Level(each["level"])})
        for each in phone["findings"]
    }
    own = [each for each in findings.values() if each.check not in OF_THE_MACHINE]
    facts, state = phone["facts"], phone["state"]
    pinned = _MASK.search(findings["taskset"].found)
    status = state["thermal_status"]
    seen = Expected(
        chip=facts["soc"],
        verdict=worth(own, virtual=False).verdict,
        findings={
            each.check: each.level.value
            for each in own
            if each.level in (Level.WARNING, Level.PROBLEM)
        },
        clusters=tuple((len(each["cores"]), each["max_khz"]) for each in facts["clusters"]),
        mask=pinned[1] if pinned else None,
        status=status["unavailable"] if status["value"] is None else status["value"],
        cpu_c=_rounded(state["cpu_temp_c"]["value"]),
        skin_c=_rounded(state["skin_temp_c"]["value"]),
        heat=findings["heat"].found,
        screen=state["screen"]["value"],
        page_bytes=facts["page_bytes"],
    )
    return Seen(seen=seen, findings=findings)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def ran(serial: str, tool: Path | None, database: Path) -> Ran:
    """Returns a run of two processes on a phone.

    Args:
        tool: the benchmark tool; ``None`` for the handset's official one.
    """
    words = ["--benchmark-binary", tool] if tool else []
    done = command_line(
        "run", "-s", serial, "--model", TINY, "--db", database, "--processes=2",
        "--no-conventional", "--no-check", "--cooldown=1", "--json", *words,
    )  # fmt: skip
    document = json.loads(done.stdout) if done.stdout else {"sessions": []}
    cases = [case for session in document["sessions"] for case in session["cases"]]
    refused = [
        caveat["evidence"]
        for case in cases
        for caveat in case["caveats"]
        if caveat["kind"] == "conditions_refused"
    ]
    names = sorted({name for each in refused for name in _REFUSED.findall(each)})
    return Ran(
        code=done.returncode,
        case=cases[0] if cases else None,
        refused=tuple(names),
        words=done.stderr,
    )


def settings_of(running: Running) -> dict[str, str]:
    """Returns the settings that a run changes, and whether the screen is on."""
    keys = " ".join(key.replace("/", " ") for key in SETTINGS)
    with closing(direct(running.serial)) as phone:
        values = phone.ask(
            f"set -- {keys}; while [ $# -gt 0 ]; do settings get $1 $2; shift 2; done"
        ).splitlines()
        screen = phone.ask("dumpsys power | grep mWakefulness=").strip()
    return {**dict(zip(SETTINGS, values, strict=True)), "screen": screen}


def left_running(phone: Phone) -> str:
    """Returns the processes of our folder that still run on a phone."""
    return phone.shell("pgrep -l -f '[f]rill-bench/'").text
