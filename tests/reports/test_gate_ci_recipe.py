"""The workflows of docs/ci.md, the actions and the template: valid, and who may run what."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.program import command_line
from support.schemas import assert_valid

ROOT = Path(__file__).parent.parent.parent
DOCS, CI = ROOT / "docs", ROOT / ".ci"
DOC = (DOCS / "ci.md").read_text(encoding="utf-8")
BASELINE, GATE, LINT, NIGHTLY, GITLAB = (
    yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", DOC, re.DOTALL)
)
ACTIONS = {
    name: yaml.safe_load((CI / name / "action.yml").read_text()) for name in ("gate", "report")
}
TEMPLATE = yaml.safe_load((CI / "gate" / "gitlab.yml").read_text())
SCRIPTS = sorted(CI.glob("*/*.sh"))
JOB = TEMPLATE[".frill-bench-gate"]


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def commands() -> list[list[str]]:
    """Returns the words of each frill-bench command of the page and of the template."""
    known = [*steps(BASELINE), *steps(GATE), *LINT, *NIGHTLY]
    joined = "\n".join([*(step.get("run", "") for step in known), *JOB["script"]])
    return [
        shlex.split(line) for line in re.findall(r"^\s*(frill-bench .*)$", joined, re.MULTILINE)
    ]


@pytest.mark.parametrize("workflow", [BASELINE, GATE])
def test_a_workflow_is_valid(workflow: dict[str, Any]) -> None:
    plain = {"on" if key is True else key: value for key, value in workflow.items()}
    plain["jobs"] = {**plain["jobs"]}
    for name, job in plain["jobs"].items():  # the schema does not know a queue yet
        known = {**job.get("concurrency", {})}
        known.pop("queue", None)
        plain["jobs"][name] = {**job, "concurrency": known} if known else job
    assert_valid(plain, "github-workflows.json")


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_is_valid(name: str) -> None:
    assert_valid(ACTIONS[name], "github-actions.json")


def test_no_script_pastes_an_expression() -> None:
    of_actions = [step for action in ACTIONS.values() for step in action["runs"]["steps"]]
    for step in (*of_actions, *steps(BASELINE), *steps(GATE)):
        assert "${{" not in step.get("run", "")


def test_the_template_and_its_use_are_valid() -> None:
    assert_valid(TEMPLATE, "gitlab-ci.json")
    assert_valid(GITLAB, "gitlab-ci.json")
    assert GITLAB["gate"]["extends"] in TEMPLATE
    assert set(GITLAB["gate"]["variables"]) <= set(JOB["variables"])
    assert (ROOT / GITLAB["include"][0]["file"].removeprefix("/")).is_file()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_bash_and_stops_at_the_first_error(script: Path) -> None:
    text = script.read_text()
    subprocess.run(["bash", "-n", script], check=True)
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in text
    assert script.stat().st_mode & 0o111
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", script], check=True)


def test_the_page_uses_the_actions_with_inputs_and_outputs_that_they_have() -> None:
    used = [
        step for step in (*steps(BASELINE), *steps(GATE)) if "frill-bench" in str(step.get("uses"))
    ]
    assert len(used) == 3
    for step in used:
        path, _, tag = step["uses"].removeprefix("OWNER/frill-bench/").partition("@")
        action = ACTIONS[Path(path).name]
        assert (ROOT / path / "action.yml").is_file()
        assert tag.startswith("v")
        required = {key for key, each in action["inputs"].items() if each.get("required")}
        assert required <= set(step["with"]) <= set(action["inputs"])
    outputs = set(re.findall(r"steps\.gate\.outputs\.(\w+)", DOC))
    assert outputs <= set(ACTIONS["gate"]["outputs"])
    for name in (*ACTIONS["gate"]["inputs"], *ACTIONS["gate"]["outputs"]):
        known = f"`{name}`" in DOC or name in (
            "save-baseline", "retry-after-s", "extras", "artifact", "token",
        )  # fmt: skip
        assert known, name


def test_an_input_reaches_its_script_as_a_variable_that_it_reads() -> None:
    for name, action in ACTIONS.items():
        for step in action["runs"]["steps"]:
            if "GITHUB_ACTION_PATH" in step.get("run", ""):
                (script,) = re.findall(r"/([a-z]+\.sh)", step["run"])
                text = (CI / name / script).read_text()
                for variable in step.get("env", {}):
                    assert variable.startswith("GH_") or variable in text, (script, variable)


def test_every_command_is_one_of_these_and_is_understood(tmp_path: Path) -> None:
    assert [words[1:3] for words in commands()] == [
        ["zoo", "lint"], ["gate", "--baseline"], ["history", "--anchor"], ["gate", "--baseline"],
    ]  # fmt: skip
    for words in commands():
        plain = [word for word in words if "$FRILL_FLAGS" not in word]
        plain = [word.replace("$FRILL_MAX_MINUTES", "1") for word in plain]
        plain = [word.replace("$FRILL_UNDECIDED", "fail") for word in plain]
        plain = plain[: plain.index("||")] if "||" in plain else plain
        done = command_line(*plain[1:], cwd=tmp_path)
        assert "usage:" not in done.stderr, done.stderr


def test_no_pull_request_starts_the_job_with_the_phone() -> None:
    assert set(GATE[True]) == {"push", "workflow_dispatch"}  # YAML 1.1 reads ``on`` as true
    assert GATE["permissions"] == {"contents": "read"}
    job, report = GATE["jobs"]["gate"], GATE["jobs"]["report"]
    assert "permissions" not in job
    assert "self-hosted" in job["runs-on"]
    assert report["permissions"] == {"checks": "write", "pull-requests": "write"}
    assert report["runs-on"] == "ubuntu-latest"
    for step in (*steps(BASELINE), *steps(GATE)):
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


def test_what_is_gated_is_in_a_folder_of_its_own_and_nothing_that_decides_is_in_it() -> None:
    checkout, gate = steps(GATE)[:2]
    assert checkout["with"]["path"] == "candidate"
    assert gate["with"]["candidate"].startswith("candidate/")
    assert set(gate["with"]) == {"candidate", "serial"}
    script = (CI / "gate" / "gate.sh").read_text()
    assert not re.search(r"--(benchmark-binary|own-tools|accept-new-tool)", script)
    assert set(re.findall(r'--(?:log|junit|page|comment) "([^"/]+)/', script)) == {"$out"}
    assert 'out="$RUNNER_TEMP/' in script


def test_a_phone_has_one_gate_at_a_time_and_none_is_cancelled() -> None:
    assert GATE["jobs"]["gate"]["concurrency"] == {
        "group": "phone-pixel-8", "cancel-in-progress": False, "queue": "max",
    }  # fmt: skip
    assert GITLAB["gate"]["resource_group"] == "pixel-8"


def test_gitlab_lets_pass_what_has_no_verdict() -> None:
    assert JOB["allow_failure"]["exit_codes"] == [3, 5]
    assert JOB["retry"]["exit_codes"] == [3]
    assert JOB["artifacts"]["reports"]["junit"] in JOB["artifacts"]["paths"]


def test_every_exit_code_is_mapped() -> None:
    table = (DOCS / "exit-codes.md").read_text(encoding="utf-8")
    known = set(re.findall(r"^\| (\d+) \|", table, re.MULTILINE))
    mapped = re.findall(r"^\| ([\d, ]+) \|", DOC, re.MULTILINE)
    assert {code for row in mapped for code in row.split(", ")} == known


def test_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", DOC):
        assert (DOCS / target).is_file(), target
