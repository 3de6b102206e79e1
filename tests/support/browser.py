"""A real browser without a screen: a page, and what a script in it finds."""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.patience import PATIENCE_S

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--virtual-time-budget=4000", "--dump-dom",
)  # fmt: skip
_PROBE = """<pre id="probe"></pre><script>window.errors = [];
window.onerror = (text) => { window.errors.push(text); };
window.addEventListener("load", async () => {
  let found;
  try { found = await (async () => { %s })(); } catch (error) { window.errors.push(String(error)); }
  document.getElementById("probe").textContent = JSON.stringify({ found, errors: window.errors });
});</script>"""


def found_in(
    page: Path, script: str, folder: Path, *, width: int = 1280, fragment: str = ""
) -> Any:
    """Returns what a script returns in a page in Chromium; skips the test where there is none.

    Args:
        page: of the folder that it is copied beside, because it is changed.
        script: JavaScript; what it returns must be JSON.
        folder: for the browser's profile.
        fragment: of the address, such as ``#size=2``.
    """
    if shutil.which("chromium") is None:
        assert "browser" not in os.environ.get("FRILL_REQUIRE", "").split(",")
        pytest.skip("chromium is not installed")
    probed = folder / "probed.html"
    text = page.read_text(encoding="utf-8")
    probe = _PROBE % script
    probed.write_text(text.replace("<body>", f"<body>{probe}"), encoding="utf-8")
    done = subprocess.run(
        [
            "chromium", *_FLAGS, f"--user-data-dir={folder / 'profile'}",
            f"--window-size={width},900", f"{probed.as_uri()}{fragment}",
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )  # fmt: skip
    match = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match, done.stdout[:2000]
    result = json.loads(html.unescape(match[1]))
    assert not result["errors"], result["errors"]
    return result["found"]
