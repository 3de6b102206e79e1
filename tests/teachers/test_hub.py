import io
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from bench.core.errors import ConfigurationError, InfrastructureError
from models.teachers import NAMES, hub, load

UNREACHABLE = "http://127.0.0.1:9"


def test_every_published_teacher_has_two_places_and_a_width() -> None:
    for name, model in hub.PUBLISHED.items():
        assert name in NAMES
        assert model.kaggle.startswith("google/")
        assert model.tf_hub
        assert model.output in model.sizes


@pytest.fixture
def no_kagglehub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)


@pytest.mark.usefixtures("no_kagglehub")
def test_without_a_network_the_error_names_both_places_and_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError) as caught:
        hub.fetch("trillsson3", tmp_path, tf_hub=UNREACHABLE)
    for words in ("kagglehub is not installed", "google/trillsson3/1", "Connection refused"):
        assert words in caught.value.message
    assert "--model-dir" in caught.value.hint


def test_kaggle_is_asked_first_and_its_failure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kagglehub.py").write_text(
        "def model_download(handle):\n    raise OSError('403 for ' + handle)\n"
    )
    monkeypatch.delitem(sys.modules, "kagglehub", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InfrastructureError, match=r"403 for google/yamnet/tensorFlow2/yamnet; "):
        hub.fetch("yamnet", tmp_path, tf_hub=UNREACHABLE)
    monkeypatch.delitem(sys.modules, "kagglehub")


class _Hub(BaseHTTPRequestHandler):
    """Gives what lies in ``files`` by path."""

    files: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        content = self.files.get(self.path)
        self.send_response(200 if content else 404)
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def tf_hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    _Hub.files.clear()


def packed(folder: Path) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.add(folder, arcname=".")
    return stream.getvalue()


@pytest.mark.usefixtures("no_kagglehub")
def test_a_model_of_tf_hub_is_downloaded_once_from_the_first_place_that_has_it(
    tmp_path: Path, tf_hub: str
) -> None:
    (tmp_path / "made" / "variables").mkdir(parents=True)
    (tmp_path / "made" / "saved_model.pb").write_bytes(b"a graph")
    path = f"/{hub.PUBLISHED['trillsson1'].tf_hub[1]}?tf-hub-format=compressed"
    _Hub.files[path] = packed(tmp_path / "made")
    folder = hub.fetch("trillsson1", tmp_path, tf_hub=tf_hub)
    assert (folder / "saved_model.pb").read_bytes() == b"a graph"
    assert hub.fetch("trillsson1", tmp_path, tf_hub=UNREACHABLE) == folder
    assert not list((tmp_path / "models").glob(".fetch-*"))


@pytest.mark.usefixtures("no_kagglehub")
@pytest.mark.parametrize(
    "content", [b"<html>sign in</html>", packed(Path(__file__))[:200]], ids=["page", "cut off"]
)
def test_what_is_no_whole_archive_leaves_nothing_behind(
    content: bytes, tmp_path: Path, tf_hub: str
) -> None:
    _Hub.files["/google/yamnet/1?tf-hub-format=compressed"] = content
    with pytest.raises(InfrastructureError, match="yamnet: cannot be downloaded"):
        hub.fetch("yamnet", tmp_path, tf_hub=tf_hub)
    assert not list((tmp_path / "models").iterdir())


@pytest.mark.usefixtures("no_kagglehub")
@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [
        ("../../evil", tarfile.REGTYPE, ""),
        ("a/../../../evil", tarfile.REGTYPE, ""),
        ("link", tarfile.SYMTYPE, "../../.."),
        ("link", tarfile.SYMTYPE, "/etc"),
        ("link", tarfile.LNKTYPE, "/etc/passwd"),
        ("null", tarfile.CHRTYPE, ""),
        ("pipe", tarfile.FIFOTYPE, ""),
    ],
)
def test_an_archive_writes_nothing_outside_its_folder(
    name: str, kind: bytes, target: str, tmp_path: Path, tf_hub: str
) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for member in (name, f"{name}/evil") if kind == tarfile.SYMTYPE else (name,):
            info = tarfile.TarInfo(member)
            info.type = tarfile.REGTYPE if member.endswith("/evil") else kind
            info.linkname = target
            archive.addfile(info)
    _Hub.files["/google/yamnet/1?tf-hub-format=compressed"] = stream.getvalue()
    with pytest.raises(InfrastructureError, match="yamnet: cannot be downloaded"):
        hub.fetch("yamnet", tmp_path, tf_hub=tf_hub)
    assert not list(tmp_path.glob("**/evil"))
    assert not list((tmp_path / "models").iterdir())


def test_what_is_no_teacher_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="vggish: is not a teacher") as caught:
        load("vggish", cache=tmp_path)
    assert all(name in caught.value.hint for name in NAMES)
