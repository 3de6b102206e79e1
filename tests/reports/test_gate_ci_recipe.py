"""The workflows of docs/ci.md: that they parse, who may run them, what becomes of exit codes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.gate_findings import failed, gate

from reports.gate import junit

DOCS = Path(__file__).parent.parent.parent / "docs"
DOC = (DOCS / "ci.md").read_text(encoding="utf-8")
BASELINE, GATE, NIGHTLY, GITLAB = (
    yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", DOC, re.DOTALL)
)


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def scripts() -> list[str]:
    found = [*steps(BASELINE), *steps(GATE), *NIGHTLY]
    return [step["run"] for step in found if "run" in step]


def gate_script() -> str:
    (found,) = [step["run"] for step in steps(GATE) if step.get("id") == "gate"]
    return str(found)


def commands() -> list[list[str]]:
    """Returns the words of each frill-bench command, for the parser once it knows all flags."""
    joined = "\n".join([*scripts(), *GITLAB["gate"]["script"]]).replace("\\\n", " ")
    return [
        shlex.split(line) for line in re.findall(r"^\s*(frill-bench .*)$", joined, re.MULTILINE)
    ]


@pytest.mark.parametrize("script", scripts())
def test_a_script_is_bash(script: str) -> None:
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_every_command_is_a_gate_and_the_nightly_ones_are_told() -> None:
    assert [words[1] for words in commands()] == ["gate", "gate", "gate", "history", "gate"]


@pytest.mark.parametrize("workflow", [BASELINE, GATE])
def test_no_script_pastes_an_expression(workflow: dict[str, Any]) -> None:
    assert workflow["defaults"]["run"]["shell"] == "bash"
    for step in steps(workflow):
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


def test_no_pull_request_starts_the_job_with_the_phone() -> None:
    assert set(GATE[True]) == {"push", "workflow_dispatch"}  # YAML 1.1 reads ``on`` as true
    assert GATE["permissions"] == {"contents": "read"}
    job = GATE["jobs"]["gate"]
    assert "permissions" not in job
    assert "self-hosted" in job["runs-on"]
    assert GATE["jobs"]["neutral"]["permissions"] == {"checks": "write"}
    assert GATE["jobs"]["neutral"]["runs-on"] == "ubuntu-latest"


def test_what_is_gated_is_in_a_folder_of_its_own_and_nothing_that_decides_is_in_it() -> None:
    ours, tool = (
        step["with"] for step in steps(GATE) if step.get("uses", "").startswith("actions/checkout")
    )
    assert ours["path"] == "candidate"
    assert tool["ref"].startswith("v")
    (words,) = [words for words in commands() if "candidate/zoo" in words]
    paths = {flag: words[words.index(flag) + 1] for flag in ("--baseline", "--junit", "--summary")}
    assert not [path for path in paths.values() if path.startswith(("candidate", "zoo"))]
    assert not {"--benchmark-binary", "--own-tools", "--accept-new-tool"} & set(words)
    assert "rm -rf baseline && gh release download" in "\n".join(scripts())


def test_a_phone_has_one_gate_at_a_time_and_none_is_cancelled() -> None:
    assert GATE["jobs"]["gate"]["concurrency"] == {
        "group": "phone-pixel-8", "cancel-in-progress": False, "queue": "max",
    }  # fmt: skip
    assert GITLAB["gate"]["resource_group"] == "pixel-8"


@pytest.mark.parametrize(
    ("codes", "job", "status"),
    [
        ([0], 0, "0"),
        ([1], 1, "1"),
        ([2], 2, "2"),
        ([3, 0], 0, "0"),
        ([3, 1], 1, "1"),
        ([3, 3], 0, "3"),
        ([4], 0, "4"),
        ([104], 4, "4"),
        ([5], 0, "5"),
        ([70], 70, "70"),
        ([130], 130, "130"),
    ],
)
def test_exit_codes_become_green_red_or_neutral(
    tmp_path: Path, codes: list[int], job: int, status: str
) -> None:
    stand_in = tmp_path / "bin" / "frill-bench"
    stand_in.parent.mkdir()
    stand_in.write_text(
        '#!/bin/sh\necho "$@" >> asked\ncode=$(head -n 1 codes)\nsed -i 1d codes\n'
        'if [ "$code" -gt 100 ] && [ "$code" -ne 130 ]; then\n'
        f"  cat > gate.xml <<'END'\n{junit.to_xml(gate(failed()))}END\n  exit 4\nfi\n"
        'exit "$code"\n'
    )
    (stand_in.parent / "sleep").write_text("#!/bin/sh\n")
    for program in stand_in.parent.iterdir():
        program.chmod(0o755)
    (tmp_path / "codes").write_text("".join(f"{code}\n" for code in codes))
    bash = shutil.which("bash")
    assert bash
    done = subprocess.run(
        [bash, "--noprofile", "--norc", "-eo", "pipefail", "-c", gate_script()],
        cwd=tmp_path,
        env={
            "PATH": f"{stand_in.parent}:{os.environ['PATH']}",
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": "summary.md",
        },
        check=False,
    )
    asked = (tmp_path / "asked").read_text().splitlines()
    assert done.returncode == job
    neutral = str(job == 0 and status != "0").lower()
    assert (tmp_path / "output").read_text() == f"status={status}\nneutral={neutral}\n"
    assert len(asked) == len(codes)
    assert set(asked) == {
        "gate --baseline baseline --candidate candidate/zoo --undecided fail --max-minutes 50 "
        "--junit gate.xml --summary summary.md --page gate.html"
    }


def test_gitlab_lets_pass_what_has_no_verdict() -> None:
    neutral = re.findall(r"^\s*([\d|]+)\) neutral=true", gate_script(), re.MULTILINE)[0].split("|")
    assert neutral == [str(code) for code in GITLAB["gate"]["allow_failure"]["exit_codes"]]
    assert GATE["jobs"]["neutral"]["if"] == "needs.gate.outputs.neutral == 'true'"


def test_every_exit_code_is_mapped() -> None:
    table = (DOCS / "exit-codes.md").read_text(encoding="utf-8")
    known = set(re.findall(r"^\| (\d+) \|", table, re.MULTILINE))
    mapped = re.findall(r"^\| ([\d, ]+) \|", DOC, re.MULTILINE)
    assert {code for row in mapped for code in row.split(", ")} == known


def test_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", DOC):
        assert (DOCS / target).is_file(), target
