"""A tool for virtual handsets whose latencies are drawn beforehand, so that the truth is known."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from gate.noise import PROFILES, Floats, device, processes
from phone_sweeps import stand_in

from bench.core.hashing import sha256_file

LATENCY_US = 20_000
_COUNTER = "/data/local/tmp/drawn-${0##*/}"  # a tool counts for itself
_SAID = "count=3 first=1176 curr=6773 min=1017 max=6773 avg=2988.67 std=2676"
_AVERAGE = "Inference (avg): 2988.67"


def drawn_tool(
    folder: Path,
    *,
    slowdowns: Mapping[Path, float],
    profile: str = "phone",
    seed: int = 1,
    runs: int = 200,
) -> Path:
    """Returns a tool that sleeps for nothing and tells what a noisy phone would have measured.

    Args:
        slowdowns: of models, by their content; others have none.
        profile: of the phone's noise.
        runs: how many processes it has times for.
    """
    rng = np.random.default_rng(seed)
    kind = PROFILES[profile]
    levels = processes(rng, kind, device(rng, kind, 1, runs), inferences=3)[0]
    cases = "".join(
        f"*{sha256_file(model)}*) {_told(levels + np.log1p(slowdown))};;\n"
        for model, slowdown in slowdowns.items()
    )
    folder.mkdir(exist_ok=True)
    tool = stand_in(
        folder,
        f"echo >>{_COUNTER}\nn=$(stat -c %s {_COUNTER})\n"
        f"case $graph in\n{cases}*) {_told(levels)};;\nesac",
    )
    said = tool.read_text().replace(_SAID, "$said").replace(_AVERAGE, "Inference (avg): $average")
    tool.write_text(said)
    return tool


def _told(levels: Floats) -> str:
    """Returns shell that sets what the n-th process says."""
    lines = []
    for number, each in enumerate(np.rint(LATENCY_US * np.exp(levels)).astype(int), start=1):
        first, _, last = each
        average = f"{each.mean():.6g}"
        said = (
            f"count=3 first={first} curr={last} min={each.min()} max={each.max()} "
            f"avg={average} std={each.std():.0f}"
        )
        lines.append(f"{number}) average={average} said='{said}';;")
    return "case $n in\n" + "\n".join(lines) + "\nesac"
