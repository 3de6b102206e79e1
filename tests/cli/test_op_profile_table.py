import re
import shutil
from pathlib import Path

import pytest

from bench.cli.main import main

DATA = Path(__file__).parents[1] / "data"
LOG = DATA / "benchmark_logs" / "44_tf2.14.1_op_profile_stdout.txt"


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    """Returns a stand-in for the official tool that prints captured tables of operators."""
    folder = shutil.copytree(DATA / "stand_in", tmp_path / "tool")
    tables = LOG.read_text().partition("INFO: Profiling Info")
    (folder / "tables.txt").write_text("".join(tables[1:]))
    path = folder / "benchmark_model"
    path.write_text(
        f"{path.read_text()}\n"
        'case "$*" in *--enable_op_profiling=true*) cat "$here/tables.txt";; esac\n'
    )
    return path


def test_an_op_profile_is_a_table_of_the_longest_operators_with_their_share(
    tool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = shutil.copy(DATA / "tiny.tflite", tmp_path)
    words = ["run", "--host", "--model", str(model), "--benchmark-binary", str(tool)]
    words += ["--processes", "1", "--delegate", "none", "--no-check", "--db", str(tmp_path / "db")]
    assert main([*words, "--op-profile"]) == 0
    printed = capsys.readouterr().out
    table = printed[printed.index("operators of tiny") :]
    rows = [re.split(" {2,}", line.strip()) for line in table.splitlines()]
    assert [row[:3] for row in rows if row[-1].endswith((":0", ":1", ":2", ":3"))] == [
        ["CONV_2D", "3\u202f210", "93.5"],
        ["SUM", "167", "4.9"],
        ["TRANSPOSE", "52.0", "1.5"],
        ["FULLY_CONNECTED", "5.00", "0.1"],
    ]


def test_without_an_op_profile_there_is_no_such_table(
    tool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "--host", "--model", str(DATA / "tiny.tflite"), "--benchmark-binary", str(tool)]
    words += ["--processes", "1", "--delegate", "none", "--no-check", "--db", str(tmp_path / "db")]
    assert main(words) == 0
    assert "operators of" not in capsys.readouterr().out
