"""The scripts of the actions, run: with a real gate, and with a stand-in for GitHub's program."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from support.gate_findings import failed, gate
from support.gate_phone import revision

from reports.gate import junit

CI = Path(__file__).parents[3] / ".ci"
# Answers of ``gh``: a pattern of its arguments, an exit status, what it prints. What it is asked
# goes to ``asked``, with the body of a comment.
GH = """#!{python}
import json, os, re, sys
words = " ".join(sys.argv[1:])
body = next((w.split("@", 1)[1] for w in sys.argv if w.startswith("body=@")), None)
text = open(body).read() if body else ""
with open("asked", "a") as asked:
    asked.write(json.dumps([words, text]) + "\\n")
for pattern, status, printed in json.load(open("answers.json")):
    if re.search(pattern, words):
        print(printed)
        sys.exit(status)
sys.exit("unexpected: " + words)
"""


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def run(script: str, here: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Returns a script's end; files of the runner are in ``here``, which is the current folder."""
    root = CI.parent
    program(here / "bin", "sleep", "#!/bin/sh\n")
    return subprocess.run(
        [CI / script.split()[0], *script.split()[1:]],
        cwd=here,
        env={
            "PATH": f"{here / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(root),
            "HOME": str(here / "home"),
            "RUNNER_TEMP": str(here / "temp"),
            "GITHUB_OUTPUT": str(here / "output"),
            "GITHUB_PATH": str(here / "path"),
            "GITHUB_STEP_SUMMARY": str(here / "summary.md"),
            "GITHUB_REPOSITORY": "OWNER/REPO",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_RUN_ID": "42",
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def outputs(here: Path) -> dict[str, str]:
    lines = (here / "output").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


INPUTS = {
    "BASELINE": "old", "CANDIDATE": "new", "UNDECIDED": "warn", "MAX_MINUTES": "1", "MARGIN": "5%",
    "DB": "~/kept/results.db", "RETRY_AFTER_S": "300", "HOST": "true",
}  # fmt: skip


def test_a_real_gate_runs_and_names_its_outputs(tmp_path: Path) -> None:
    for number, folder in enumerate(("old", "new")):
        revision(tmp_path / folder, "tiny", number=number)
    (tmp_path / "home").mkdir()
    (tmp_path / "temp").mkdir()
    ours = f'#!/bin/sh\nexec {sys.executable} -P -m bench "$@"\n'
    program(tmp_path / "bin", "frill-bench", ours)
    saved = run("gate/gate.sh", tmp_path, **INPUTS, SAVE_BASELINE="bundle")
    assert saved.returncode == 0, saved.stderr
    assert (tmp_path / "bundle" / "bundle.json").is_file()
    done = run("gate/gate.sh", tmp_path, **{**INPUTS, "MAX_MINUTES": "0.01"})
    assert done.returncode == 0, done.stderr
    found = outputs(tmp_path)
    blocks = [json.loads(line)["kind"] for line in Path(found["log"]).read_text().splitlines()]
    assert blocks.count("block") >= 1
    assert blocks[-1] == "closed"
    assert (found["status"], found["verdict"], found["neutral"]) == ("0", "passed", "false")
    for name in ("junit", "page", "comment", "log"):
        assert Path(found[name]).is_file(), name
        assert Path(found[name]).parent == Path(found["folder"])
    assert (tmp_path / "home" / "kept" / "results.db").is_file()
    assert Path(found["comment"]).read_text() == (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize(
    ("codes", "undecided", "job", "verdict", "neutral"),
    [
        ([0], "fail", 0, "passed", False),
        ([1], "fail", 1, "regressed", False),
        ([2], "fail", 2, "refused", False),
        ([3, 0], "fail", 0, "passed", False),
        ([3, 1], "fail", 1, "regressed", False),
        ([3, 3], "fail", 0, "no verdict", True),
        ([4], "fail", 0, "no verdict", True),
        ([104], "fail", 4, "failed", False),
        ([5], "fail", 0, "undecided", True),
        ([5], "slower", 5, "undecided", False),
        ([70], "fail", 70, "error", False),
        ([130], "fail", 130, "interrupted", False),
    ],
)
def test_exit_codes_become_green_red_or_neutral(
    tmp_path: Path, codes: list[int], undecided: str, job: int, verdict: str, neutral: bool
) -> None:
    stand_in = (
        '#!/bin/sh\necho "$@" >> asked\ncode=$(head -n 1 codes)\nsed -i 1d codes\n'
        'if [ "$code" -eq 104 ]; then\n'
        f"  cat > temp/frill-bench-gate/gate.xml <<'END'\n{junit.to_xml(gate(failed()))}END\n"
        '  exit 4\nfi\nexit "$code"\n'
    )
    program(tmp_path / "bin", "frill-bench", stand_in)
    (tmp_path / "codes").write_text("".join(f"{code}\n" for code in codes))
    odd = {"CANDIDATE": "$(touch pasted) `touch pasted`", "FLAGS": "--threads 2 ; touch pasted"}
    inputs = {**INPUTS, **odd, "UNDECIDED": undecided, "HOST": "false", "ANDROID_SERIAL": ""}
    done = run("gate/gate.sh", tmp_path, **inputs)
    assert done.returncode == job, done.stderr
    found = outputs(tmp_path)
    assert found["status"] == str(codes[-1] % 100 if codes[-1] == 104 else codes[-1])
    assert (found["verdict"], found["neutral"]) == (verdict, str(neutral).lower())
    asked = (tmp_path / "asked").read_text().splitlines()
    assert len(asked) == len(codes)
    assert len(set(asked)) == 1
    assert "--candidate $(touch pasted) `touch pasted` --db" in asked[0]
    assert asked[0].endswith("--threads 2 ; touch pasted")
    assert not (tmp_path / "pasted").exists()


def github(here: Path, *answers: tuple[str, int, str]) -> None:
    program(here / "bin", "gh", GH.format(python=sys.executable))
    (here / "answers.json").write_text(json.dumps(answers))


def asked(here: Path) -> list[tuple[str, str]]:
    return [tuple(json.loads(line)) for line in (here / "asked").read_text().splitlines()]


def comment(here: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    (here / "comment.md").write_text("## gate on Pixel 8: passed\n")
    known = {"COMMENT": "comment.md", "TITLE": "gate on Pixel 8", "SHA": "abc", "PULL_REQUEST": "7"}
    return run("report/comment.sh", here, **{**known, **variables})


NOBODY = ("^api user", 1, "")
MARKER = "<!-- frill-bench: gate on Pixel 8 -->"
ME = "github-actions[bot]"


def test_a_first_comment_is_posted_with_a_hidden_line(tmp_path: Path) -> None:
    github(tmp_path, NOBODY, ("--method POST", 0, ""), ("comments", 0, "1\tsomebody\thello"))
    done = comment(tmp_path)
    assert done.returncode == 0, done.stderr
    words, body = asked(tmp_path)[-1]
    assert words.startswith("api --method POST repos/OWNER/REPO/issues/7/comments ")
    assert body.startswith(f"{MARKER}\n## gate on Pixel 8: passed\n")
    assert "https://github.example/OWNER/REPO/actions/runs/42" in body


def test_the_next_gate_of_that_title_edits_it_and_no_comment_of_others(tmp_path: Path) -> None:
    listed = (
        f"1\tstranger\t{MARKER}\n2\t{ME}\t<!-- frill-bench: another -->\n3\t{ME}\t{MARKER}\r\n"
        f"4\t{ME}\t{MARKER}"
    )
    github(tmp_path, NOBODY, ("PATCH", 0, ""), ("comments", 0, listed))
    done = comment(tmp_path)
    assert done.stdout.strip() == "edited comment 3"
    assert asked(tmp_path)[-1][0].startswith(
        "api --method PATCH repos/OWNER/REPO/issues/comments/3"
    )
    own_token = (("^api user", 0, "stranger"), ("PATCH", 0, ""), ("comments", 0, listed))
    github(tmp_path, *own_token)
    assert comment(tmp_path).stdout.strip() == "edited comment 1"


def test_a_fork_that_may_not_comment_gets_a_warning_and_the_job_does_not_fail(
    tmp_path: Path,
) -> None:
    for answers in (
        [NOBODY, ("--method POST", 1, "HTTP 403"), ("comments", 0, "")],
        [NOBODY, ("comments", 1, "HTTP 403")],
    ):
        github(tmp_path, *answers)
        done = comment(tmp_path)
        assert done.returncode == 0
        assert "::warning title=no comment on the pull request::" in done.stdout
    assert comment(tmp_path, COMMENT="gone.md").returncode == 0


def test_without_its_number_the_open_pull_request_of_the_commit_is_found(tmp_path: Path) -> None:
    number = ("commits/abc/pulls", 0, "9")
    github(tmp_path, NOBODY, number, ("--method POST", 0, ""), ("comments", 0, ""))
    assert comment(tmp_path, PULL_REQUEST="").stdout.strip() == "commented on pull request 9"
    github(tmp_path, ("commits/abc/pulls", 0, ""))
    done = comment(tmp_path, PULL_REQUEST="")
    assert (done.returncode, done.stdout.strip()) == (0, "no open pull request has the commit abc")


def test_a_grey_check_is_written_and_a_refusal_is_a_warning(tmp_path: Path) -> None:
    words = {"TITLE": "gate on Pixel 8", "SHA": "abc", "STATUS": "5"}
    github(tmp_path, ("check-runs", 0, ""))
    assert run("report/neutral.sh", tmp_path, **words).returncode == 0
    assert "conclusion=neutral" in asked(tmp_path)[-1][0]
    github(tmp_path, ("check-runs", 1, "HTTP 403"))
    done = run("report/neutral.sh", tmp_path, **words)
    assert done.returncode == 0
    assert "::warning" in done.stdout


def test_the_baseline_of_a_release_is_unpacked(tmp_path: Path) -> None:
    revision(tmp_path / "baseline", "tiny", number=0)
    with tarfile.open(tmp_path / "baseline.tgz", "w:gz") as packed:
        packed.add(tmp_path / "baseline", "baseline")
    stand_in = (
        '#!/bin/sh\necho "$@" > asked\n'
        'while [ "$1" != --output ]; do shift; done\ncp baseline.tgz "$2"\n'
    )
    program(tmp_path / "bin", "gh", stand_in)
    assert run("gate/baseline.sh", tmp_path, BASELINE="release:v1").returncode == 0
    assert (tmp_path / "asked").read_text().startswith("release download v1 --pattern baseline.tgz")
    assert (Path(outputs(tmp_path)["folder"]) / "tiny.float32.tflite").is_file()
    program(tmp_path / "bin", "gh", "#!/bin/sh\nexit 1\n")
    done = run("gate/baseline.sh", tmp_path, BASELINE="release")
    assert (done.returncode, "::error::no release has baseline.tgz" in done.stdout) == (3, True)


def test_the_environment_is_made_once_for_a_set_of_versions_and_a_runner(tmp_path: Path) -> None:
    pip = '#!/bin/sh\necho "$@" >> asked\ncp /bin/true "$(dirname "$0")/frill-bench"\n'
    program(tmp_path, "a_pip", pip)
    python = (
        '#!/bin/sh\ntest "$1" = -VV && echo Python 3.12 && exit\n'
        'mkdir -p "$4/bin"\ncp a_pip "$4/bin/pip"\n'
    )
    program(tmp_path / "bin", "python3", python)
    own = {"RUNNER_ENVIRONMENT": "self-hosted", "RUNNER_NAME": "lab 1", "EXTRAS": "score"}
    assert run("gate/environment.sh place", tmp_path, **own).returncode == 0
    venv = Path(outputs(tmp_path)["venv"])
    assert re.fullmatch(r"frill-bench-os-arch-lab_1-[0-9a-f]{16}", venv.name)
    for _ in range(2):
        done = run("gate/environment.sh install", tmp_path, **own)
        assert done.returncode == 0, done.stderr
    (installed,) = (tmp_path / "asked").read_text().splitlines()
    assert installed.startswith(f"install --quiet -e {CI.parent}[score] -c ")
    assert (tmp_path / "path").read_text() == f"{venv / 'bin'}\n" * 2
    other = {**own, "EXTRAS": "host"}
    assert run("gate/environment.sh place", tmp_path, **other).returncode == 0
    assert Path(outputs(tmp_path)["venv"]) != venv
