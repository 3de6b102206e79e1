"""The demo's own files on a virtual handset, joined with the demo's own scores."""

import csv
import shutil
from pathlib import Path

import pytest
from support.demo_run import Ran
from support.program import frill_bench

from bench.handset.running import Running

pytestmark = [
    pytest.mark.zoo,
    pytest.mark.audio,
    pytest.mark.journey,
    pytest.mark.timeout(1800),
]

SUITE = """
name: demo on a phone
models: ["*"]
delegates: [none]
protocol: {processes: 2, warmup_min_secs: 0.02, max_secs: 20}
"""


def at_hops(rows: list[dict[str, str]], runner: str) -> dict[tuple[str, str], dict[str, str]]:
    """Returns a runner's rows by file and hop."""
    return {
        (row["artifact_sha256"], row["audio_s_per_inference"]): row
        for row in rows
        if row["runner"] == runner
    }


def test_every_file_is_pushed_timed_by_the_official_tool_joined_and_on_the_page(
    demo: Ran, handset: Running, official_binary: Path, tmp_path: Path
) -> None:
    shutil.copy(demo.out / "results.db", tmp_path / "results.db")
    (tmp_path / "suite.yaml").write_text(SUITE)
    zoo = str(demo.out / "zoo")
    done = frill_bench(
        "run", "suite.yaml", "-s", handset.serial, "--zoo", zoo, "--db", "results.db",
        cwd=tmp_path, status=4,
    )  # fmt: skip
    assert "constant-output" in done.stderr
    frill_bench("report", "--db", "results.db", "--out", "page", cwd=tmp_path, status=0)
    with (tmp_path / "page" / "results.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    hosts = at_hops(rows, "litert-python")
    phones = at_hops(rows, "benchmark_model")
    assert len(hosts) == len(phones) == len(rows) / 2 >= 25  # eight files at three hops, and one
    for at_hop, row in phones.items():
        assert handset.name in row["device"]
        assert float(row["latency_us_median"]) > 0
        assert float(row["latency_us_per_audio_s"]) > 0
        assert row["score_mean"] == hosts[at_hop]["score_mean"] != ""
        assert row["size_bytes"] == hosts[at_hop]["size_bytes"]
        caveats = set(row["caveats"].split(";"))
        assert "virtual" in caveats
        # Its delegate is not the one that was scored, but gives the same outputs: except that the
        # handset's TensorFlow 2.14 multiplies dense layers of several scales by none of them.
        assert ("wrong_output" in caveats) is (row["format"] == "dynamic")
        assert "scored_on_host" not in caveats
    on_frontier = {row["format"] for row in phones.values() if row["on_frontier"] == "True"}
    assert on_frontier
    assert "dynamic" not in on_frontier
    page = (tmp_path / "page" / "index.html").read_text()
    assert handset.name in page
    assert "measured on a virtual handset, not on a phone" in page
