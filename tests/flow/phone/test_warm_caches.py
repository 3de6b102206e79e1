"""A first process writes a delegate's cache, and all others of the case read it."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.phone_sweeps import SUITE, TINY, Swept, stand_in, sweep, wanted
from support.program import command_line

from bench.core.caveats import CaveatKind
from bench.core.device_state.caches import WEIGHTS, CacheFile, CacheFiles, CacheUse
from bench.core.errors import ConfigurationError
from bench.handset.running import Running
from bench.measure.outcome import Failed, Measured
from bench.plan.case import Delegate
from bench.store.store import Store
from bench.tool.parse.caches import cache_use

FOLDER = "/data/local/tmp/frill-bench"
FLAGS = ("use_xnnpack", "xnnpack_weight_cache_file_path")
GPU_FLAGS = ("use_xnnpack", "use_gpu", "delegate_serialize_dir", "delegate_serialize_token")
WARM = replace(SUITE, delegates=(Delegate.XNNPACK,), warm_cache=True)
# What TFLite prints on Android, and does: it reads the file, or writes it where there is none.
APPLIED = (
    "echo 'INFO: XNNPACK delegate created.'; echo 'INFO: Explicitly applied XNNPACK delegate, and "
    "the model graph will be completely executed by the delegate.'"
)
FILE = (
    'for word in "$@"; do case $word in --xnnpack_weight_cache_file_path=*) c=${word#*=};; esac; '
    "done\n"
)
HONEST = (
    f"{APPLIED}\n{FILE}"
    'if [ -s "$c" ]; then echo "VERBOSE: XNNPack weight cache loaded from \'$c\'." >&2\n'
    'elif [ -n "$c" ]; then echo weights >"$c"\n'
    "echo \"VERBOSE: XNNPack weight cache build for '$c' started.\" >&2; fi"
)
Sweeping = Callable[..., Swept]


@pytest.fixture
def swept(handset: Running, tmp_path: Path) -> Sweeping:
    """Returns what sweeps the tiny model with a stand-in that treats its cache so."""

    def run(body: str, flags: tuple[str, ...] = FLAGS, **suite: object) -> Swept:
        tool = stand_in(tmp_path, body, flags=flags)
        what = wanted(tool, TINY, suite=replace(WARM, **suite))  # type: ignore[arg-type]  # a field of Suite
        return sweep([handset.serial], what, tmp_path / "warm.db")

    return run


def uses(done: Swept) -> list[CacheUse | None]:
    outcomes = [each.outcome for each in done.only]
    assert not [each for each in outcomes if isinstance(each, Failed)]
    return [each.cache for each in outcomes if isinstance(each, Measured)]


def test_a_first_process_writes_the_cache_and_all_others_read_it(
    swept: Sweeping, handset: Running, tmp_path: Path
) -> None:
    done = swept(HONEST)
    assert uses(done) == [CacheUse.READ] * 2
    with Store.open(tmp_path / "warm.db") as store:
        (written,) = [each for each in store.events() if each.kind == "cache-written"]
    assert written.facts["files"] == [[WEIGHTS, len("weights\n")]]
    assert "--num_runs=1" in written.facts["command"]  # type: ignore[operator]  # JSON
    assert "build for" in str(written.facts["stderr"])
    for each in done.only:
        (cache,) = (word for word in each.command if "weight_cache" in word)
        assert cache.startswith(f"--xnnpack_weight_cache_file_path={FOLDER}/cache-")
    (case,) = done.cases[done.watch.sessions[0].id]
    assert case.cache == "read"
    (note,) = [each for each in case.caveats if each.kind is CaveatKind.WARM_CACHE]
    assert note.evidence == "the cache of 8.00 B was read by 2 (of 2 processes)"
    assert not list(handset.path(FOLDER).glob("cache-*"))


def test_without_a_warm_cache_the_tool_gets_none_and_the_case_is_another(
    swept: Sweeping,
) -> None:
    done = swept(HONEST, warm_cache=False)
    assert uses(done) == [None, None]
    assert not [word for word in done.only[0].command if "cache" in word]
    (found,) = done.cases[done.watch.sessions[0].id]
    warm = replace(found.case, warm_cache=True)
    assert (found.case.key, found.case.setup) != (warm.key, warm.setup)
    assert found.case.key != warm.key
    assert found.cache is None


@pytest.mark.parametrize(
    ("body", "use", "evidence"),
    [
        (f'{APPLIED}\n{FILE}date +%N >"$c"', CacheUse.WRITTEN, "written by 2"),
        (APPLIED, CacheUse.IGNORED, "ignored by 2"),
        (
            f'{APPLIED}\n{FILE}[ -s "$c" ] || echo weights >"$c"',
            CacheUse.UNCLEAR,
            "there and unchanged for 2, whose logs show no more",
        ),
    ],
    ids=["written again", "ignored", "unclear"],
)
def test_what_was_not_read_is_seen_by_the_files_where_the_log_is_silent(
    swept: Sweeping, body: str, use: CacheUse, evidence: str
) -> None:
    done = swept(body)
    assert uses(done) == [use] * 2
    (case,) = done.cases[done.watch.sessions[0].id]
    kinds = (CaveatKind.WARM_CACHE, CaveatKind.CACHE_NOT_READ)
    (caveat,) = [each for each in case.caveats if each.kind in kinds]
    assert evidence in caveat.evidence
    assert (caveat.kind is CaveatKind.WARM_CACHE) == (use is CacheUse.UNCLEAR)
    assert any("left none" in line for line in done.watch.lines) == (use is CacheUse.IGNORED)


def test_the_gpu_s_programs_have_a_folder_and_a_token(swept: Sweeping) -> None:
    body = (
        'for word in "$@"; do case $word in --delegate_serialize_dir=*) d=${word#*=};; '
        "--delegate_serialize_token=*) t=${word#*=};; esac; done\n"
        "echo 'INFO: Explicitly applied GPU delegate, and the model graph will be completely "
        "executed by the delegate.'\n"
        'if [ -e "$d/${t}_1.bin" ]; then echo "INFO: Found serialized data for model $t (9 B) at '
        '$d/${t}_1.bin" >&2; else echo programs >"$d/${t}_1.bin"; fi'
    )
    done = swept(body, GPU_FLAGS, delegates=(Delegate.GPU,))
    assert uses(done) == [CacheUse.READ] * 2


def test_a_tool_without_such_a_cache_is_refused_before_anything_is_measured(
    swept: Sweeping, handset: Running, tmp_path: Path
) -> None:
    lane = swept(HONEST, FLAGS[:1]).lanes[0]
    assert isinstance(lane.error, ConfigurationError)
    assert "no flag --xnnpack_weight_cache_file_path" in lane.error.message
    assert "without --warm-cache" in lane.error.hint
    words = ["--model", TINY, "--warm-cache", "--db", tmp_path / "none.db"]
    virtual = command_line("run", "-s", handset.serial, *words, status=2)
    assert "delegate=none has no cache" in virtual.stderr
    here = command_line("run", "--host", *words, status=2)
    assert "warm caches are for phones" in here.stderr


def test_a_dry_run_has_the_writing_command_first(handset: Running, tmp_path: Path) -> None:
    tool = stand_in(tmp_path, HONEST, flags=FLAGS)
    words = ["--model", TINY, "--benchmark-binary", tool, "--warm-cache", "--no-conventional"]
    done = command_line(
        "run", "-s", handset.serial, *words, "--processes", "1", "--dry-run", status=0
    )
    writing, measured = done.stdout.splitlines()
    assert "--num_runs=1 " in writing
    assert "--num_runs=3 " in measured


@pytest.mark.parametrize(
    ("text", "weights", "use"),
    [
        # As XNNPACK's delegate prints them (TFLite's weight_cache.cc), on Android.
        ("VERBOSE: XNNPack weight cache loaded from '/d/w'.", True, CacheUse.READ),
        ("VERBOSE: XNNPack weight cache build for '/d/w' started.", True, CacheUse.WRITTEN),
        ("VERBOSE: XNNPack weight cache: written to '/d/w'.", True, CacheUse.WRITTEN),
        ("ERROR: XNNPack weight cache could neither be loaded from or saved to '/d/w'. Check that "
         "this location is readable and writable.", True, CacheUse.IGNORED),
        ("VERBOSE: XNNPack weight cache not enabled.", True, CacheUse.IGNORED),
        ("INFO: Created TensorFlow Lite XNNPACK delegate for CPU.", True, None),
        # As TFLite's delegates (serialization.cc) and LiteRT's GPU accelerator print them.
        ("INFO: Found serialized data for model m (57 B) at /d/m_1.bin", False, CacheUse.READ),
        ("INFO: Found serialized data for model m (0 B) at /d/m_1.bin", False, None),
        ("I0000 delegate_kernel.cc:866] Initialized InferenceContext from serialized data.", False,
         CacheUse.READ),
        ("INFO: Wrote serialized data for model m (57 B) to /d/m_1.bin", False, CacheUse.WRITTEN),
        ("E0000 delegate_kernel.cc:9] Failed to save serialized data.", False, CacheUse.IGNORED),
        ("INFO: Found serialized data for model m (57 B) at /d/m_1.bin", True, None),
    ],
)  # fmt: skip
def test_lines_of_the_runtimes_show_what_was_done(
    text: str, weights: bool, use: CacheUse | None
) -> None:
    assert cache_use(f"INFO: STARTING!\n{text}\n", weights=weights) is use


def test_files_that_could_not_be_listed_prove_nothing() -> None:
    there = (CacheFile(name=WEIGHTS, size_bytes=3, mark="1"),)
    for before, after in ((None, there), (there, None), (None, None)):
        assert CacheFiles(before=before, after=after).use(None, weights=True) is CacheUse.UNCLEAR
    other = CacheFiles(before=there, after=there)
    assert other.use(None, weights=False) is CacheUse.IGNORED


REAL = """
import json, os, sys
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.options import CpuOptions, Options

def listed():
    return [[n, os.stat(n).st_size, f"{os.stat(n).st_ino} {os.stat(n).st_mtime_ns}"]
            for n in sorted(os.listdir())]

def run():
    before = listed()
    cpu = CpuOptions(num_threads=1, xnnpack_weight_cache_path=sys.argv[2])
    model = CompiledModel.from_file(sys.argv[1], options=Options(cpu_options=cpu))
    del model
    found.append([before, listed()])

found = []
run()
run()
with open(sys.argv[2], "r+b") as file:  # another version's, so it is written again
    file.write(bytes(64))
run()
os.remove(sys.argv[2])
print(json.dumps(found), file=sys.__stdout__)
"""


def test_real_xnnpack_leaves_the_files_by_which_its_use_is_seen(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", REAL, str(TINY), WEIGHTS],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = [
        CacheFiles(
            before=tuple(CacheFile(name=n, size_bytes=s, mark=m) for n, s, m in before),
            after=tuple(CacheFile(name=n, size_bytes=s, mark=m) for n, s, m in after),
        ).use(None, weights=True)
        for before, after in json.loads(done.stdout.splitlines()[-1])
    ]
    assert found == [CacheUse.WRITTEN, CacheUse.UNCLEAR, CacheUse.WRITTEN]
