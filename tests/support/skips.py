"""Which Debian packages run the tests that were skipped."""

from collections.abc import Sequence

# By words of a skip's reason; .ci/run installs the same.
PACKAGES = {
    "no /usr/bin/adb": "adb",
    "aarch64-linux-gnu-g++ is not on this machine": "g++-aarch64-linux-gnu",
    ": g++ is not on this machine": "g++",
    "chromium is not installed": "chromium",
    "no libusb": "libusb-1.0-0",
    "unshare is not on this machine": "util-linux",
    "makes no networks for us: [Errno 2]": "iproute2",
}


def packages_line(reasons: Sequence[str]) -> str:
    """Returns the line; empty where no package would help."""
    missing = [{PACKAGES[words] for words in PACKAGES if words in reason} for reason in reasons]
    names = " ".join(sorted(set().union(*missing)))
    count = sum(map(bool, missing))
    return f"To run {count} skipped tests: apt-get install {names}" if names else ""
