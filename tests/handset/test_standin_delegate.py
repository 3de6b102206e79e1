"""What the official tool says of delegates, read by the parser: nothing here is a made-up log."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.patience import PATIENCE_S
from support.reach import direct

from bench.handset.benchmark_tool import delegate_library
from bench.handset.running import Running
from bench.tool.parse import ToolLog, parse_bytes

DATA = Path(__file__).parent.parent / "data"
REMOTE = "/data/local/tmp/delegated"
Delegated = Callable[..., ToolLog]


@pytest.fixture(scope="module")
def delegated(handset: Running, official_binary: Path) -> Iterator[Delegated]:
    """Yields what runs the official tool with the stand-in delegate and reads its log."""
    with closing(direct(handset.serial, io_limit_s=PATIENCE_S)) as phone:
        phone.ask(f"mkdir -p {REMOTE}")
        for path in (
            official_binary,
            delegate_library(),
            DATA / "tiny.tflite",
            DATA / "tiny_split.tflite",
        ):
            phone.push(path, f"{REMOTE}/{path.name}")
        phone.ask(f"chmod 755 {REMOTE}/benchmark_model")

        def run(graph: str, options: str, *flags: str) -> ToolLog:
            words = (
                *("./benchmark_model", f"--graph={graph}.tflite", "--num_threads=1"),
                *("--num_runs=3", "--min_secs=0", "--warmup_runs=1", "--warmup_min_secs=0"),
                "--external_delegate_path=./libstandin_delegate.so",
                f"--external_delegate_options='{options}'",
            )
            done = phone.shell(f"cd {REMOTE} && {' '.join((*words, *flags))}")
            return parse_bytes(done.stdout, done.stderr, exit_status=done.exit_status)

        yield run
        phone.ask(f"rm -r {REMOTE}")


@pytest.mark.parametrize("graph", ["tiny", "tiny_split"])
def test_a_graph_that_it_takes_whole_is_its_own(delegated: Delegated, graph: str) -> None:
    log = delegated(graph, "take:all;busy_us:500", "--require_full_delegation=true")
    assert (log.ok, log.failure, log.runs) == (True, None, 3)
    assert (log.delegate, log.requested_delegates) == ("external", ("external",))
    assert log.partitions is None
    assert log.unconsumed_flags == ()
    assert log.inference_min_us is not None
    assert log.inference_min_us >= 500


@pytest.mark.parametrize(
    ("graph", "options", "kernels"),
    [
        ("tiny", "take:first;count:1", 1),
        ("tiny", "take:alternate", 2),
        ("tiny_split", "take:first;count:2", 1),
        ("tiny_split", "take:alternate", 2),
    ],
)
def test_a_part_of_a_graph_is_a_part(
    delegated: Delegated, graph: str, options: str, kernels: int
) -> None:
    log = delegated(graph, options)
    assert (log.ok, log.delegate, log.partitions) == (True, "external", kernels)


def test_a_delegate_that_takes_nothing_did_not_run(delegated: Delegated) -> None:
    log = delegated("tiny", "take:none")
    assert not log.ok
    assert log.failure is not None
    assert log.failure.startswith("delegate-not-applied:")
    assert log.delegate != "external"


@pytest.mark.parametrize("options", ["take:first", "take:none"])
def test_less_than_the_whole_fails_where_the_whole_is_required(
    delegated: Delegated, options: str
) -> None:
    log = delegated("tiny", options, "--require_full_delegation=true")
    assert (log.ok, log.runs) == (False, None)
    assert log.failure is not None
    assert log.failure.startswith("full-delegation-refused:")


@pytest.mark.parametrize(
    ("options", "failure"),
    [
        ("fail:prepare", "delegate-failed:"),
        ("fail:invoke", "invoke-failed:"),
        ("fail:create", "crashed:"),
    ],
)
def test_a_delegate_that_fails_is_named(delegated: Delegated, options: str, failure: str) -> None:
    log = delegated("tiny", options)
    assert not log.ok
    assert log.failure is not None
    assert log.failure.startswith(failure), log.failure
