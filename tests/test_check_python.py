import runpy
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / ".ci" / "check_python.py"
complaint = runpy.run_path(str(SCRIPT))["complaint"]


def test_a_fitting_python_draws_no_complaint() -> None:
    assert complaint((3, 11), True) == ""
    assert complaint((3, 13), True) == ""


def test_each_unfitting_one_draws_one_sentence_that_says_what_to_do() -> None:
    for version, venv, message in (
        ((3, 9), True, "needs Python 3.11 or newer, this is 3.9: make PYTHON="),
        ((3, 14), True, "TensorFlow has no wheel for Python 3.14 yet: make PYTHON=python3.13"),
        ((3, 11), False, "lacks its venv module: apt-get install python3.11-venv"),
    ):
        sentence = complaint(version, venv)
        assert message in sentence
        assert "\n" not in sentence


def test_it_runs_as_make_runs_it() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
