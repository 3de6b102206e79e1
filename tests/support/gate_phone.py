"""A tool for virtual handsets whose latencies are drawn beforehand, so that the truth is known."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from lab.noise import PROFILES, device, processes

from bench.core.hashing import sha256_file
from bench.plan.case import Mode
from models.zoo import Zoo
from support.phone_sweeps import SUITE, TINY, stand_in

LATENCY_US = 20_000
INFERENCES = 7  # of a process of a gate
# How gates measure with the official tool, quickly.
GATED = replace(
    SUITE,
    protocol=replace(SUITE.protocol, mode=Mode.BLOCK, num_runs=INFERENCES, min_secs=0.1),
)
_COUNTER = "/data/local/tmp/drawn-${0##*/}"  # a tool counts for itself
_SAID = "count=3 first=1176 curr=6773 min=1017 max=6773 avg=2988.67 std=2676"
_AVERAGE = "Inference (avg): 2988.67"
# Times lie in one line, each with a 1 before it, for a number with leading zeros would be octal.
_DIGITS = 8
_OFFSET = 10 ** (_DIGITS - 1)
# As XNNPACK's delegate prints them; a start varies by 2 % or so.
_CACHED = """\
for word in "$@"; do case $word in --xnnpack_weight_cache_file_path=*) c=${word#*=};; esac; done
echo 'INFO: Explicitly applied XNNPACK delegate, and the model graph will be completely executed \
by the delegate.'
init=$((30000 + $$ % 97 * 10))
if [ -s "$c" ]; then
init=$((20000 + $$ % 97 * 10))
echo "VERBOSE: XNNPack weight cache loaded from '$c'." >&2
elif [ -n "$c" ]; then echo weights >"$c"; fi
"""
# Nothing of it starts another program: it runs thousands of times.
_BODY = """\
read n 2>/dev/null <{counter} || n=0
echo $((n + 1)) >{counter}
times={times}
slower=1000
case $graph in
{slower}
esac
drawn() {{ drawn_us=$(((${{times:{width} * n + $1:{digits}}} - {offset}) * slower / 1000)); }}
drawn 0; min=$drawn_us
drawn {digits}; max=$drawn_us
drawn {twice}; average=$drawn_us
said="count={inferences} first=$max curr=$min min=$min max=$max avg=$average std=$((max - min))"
"""


def revision(folder: Path, *names: str, number: int) -> Zoo:
    """Returns a zoo whose files compute what those of other revisions do, and differ."""
    zoo = Zoo(folder)
    for index, name in enumerate(names):
        source = folder.parent / f"{folder.name}-{name}.tflite"
        source.write_bytes(TINY.read_bytes() + bytes(20 * number + index))
        zoo.add(source, name=name)
    return zoo


def drawn_tool(
    folder: Path,
    *,
    slowdowns: Mapping[Path, float],
    profile: str = "phone",
    seed: int = 1,
    runs: int = 200,
    cached: bool = False,
) -> Path:
    """Returns a tool that sleeps for nothing and tells what a noisy phone would have measured.

    Args:
        slowdowns: of models, by their content, in thousandths; others have none.
        profile: of the phone's noise.
        runs: how many processes it has times for; one more fails.
        cached: it knows XNNPACK's cache, which makes its start a third shorter.
    """
    rng = np.random.default_rng(seed)
    kind = PROFILES[profile]
    levels = processes(rng, kind, device(rng, kind, 1, runs), inferences=INFERENCES)[0]
    all_us = LATENCY_US * np.exp(levels)
    times_us = np.rint([all_us.min(axis=1), all_us.max(axis=1), all_us.mean(axis=1)]).astype(int).T
    folder.mkdir(exist_ok=True)
    body = (_CACHED if cached else "init=3423\n") + _BODY.format(
        counter=_COUNTER,
        times="".join(f"{_OFFSET + time_us}" for time_us in times_us.flat),
        inferences=INFERENCES,
        width=3 * _DIGITS,
        digits=_DIGITS,
        twice=2 * _DIGITS,
        offset=_OFFSET,
        slower="\n".join(
            f"*{sha256_file(model)}*) slower={1000 + round(1000 * slowdown)};;"
            for model, slowdown in slowdowns.items()
        ),
    )
    flags = ("use_xnnpack", "xnnpack_weight_cache_file_path") if cached else ()
    tool = stand_in(folder, body, flags=flags)
    said = tool.read_text().replace(_SAID, "$said").replace(_AVERAGE, "Inference (avg): $average")
    said = said.replace("Init: 3423,", "Init: $init,")
    tool.write_text(said)
    return tool
