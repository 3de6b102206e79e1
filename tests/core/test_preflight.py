import subprocess
import sys
from pathlib import Path

from bench.core import preflight


def test_a_fitting_python_draws_no_complaint() -> None:
    assert preflight.complaint((3, 11), True) == ""
    assert preflight.complaint((3, 13), True) == ""


def test_each_unfitting_one_is_told_in_one_sentence_what_to_do() -> None:
    for version, venv, said in (
        ((3, 9), True, "needs Python 3.11 or newer, this is 3.9: make PYTHON="),
        ((3, 14), True, "TensorFlow has no wheel for Python 3.14 yet: make PYTHON=python3.13"),
        ((3, 11), False, "lacks its venv module: apt-get install python3.11-venv"),
    ):
        complaint = preflight.complaint(version, venv)
        assert said in complaint
        assert "\n" not in complaint


def test_it_runs_as_make_runs_it() -> None:
    done = subprocess.run(
        [sys.executable, str(Path(preflight.__file__))], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
