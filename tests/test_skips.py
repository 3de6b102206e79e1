from pathlib import Path

from support.skips import PACKAGES, packages_line

CI = Path(__file__).parents[1] / ".ci" / "run"


def test_one_line_names_the_packages_by_which_skipped_tests_run() -> None:
    compiler = "aarch64-linux-gnu-g++ is not on this machine, and the benchmark tool needs it"
    reasons = [f"no arm64 handset: {compiler}", "no /usr/bin/adb", "no /usr/bin/adb"]
    line = packages_line([*reasons, "no tensorflow-datasets"])
    assert line == "To run 3 skipped tests: apt-get install adb g++-aarch64-linux-gnu"


def test_where_no_package_helps_there_is_no_line() -> None:
    assert packages_line([]) == packages_line(["programs are ELF on Linux"]) == ""


def test_ci_installs_them_all() -> None:
    assert not [name for name in PACKAGES.values() if name not in CI.read_text()]
