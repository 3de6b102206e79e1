import functools
import ipaddress
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.smallest_program import program

from bench.core import config
from bench.core.errors import ConfigurationError, InfrastructureError
from bench.core.hashing import sha256_bytes
from bench.tool import fetch as fetch_module
from bench.tool.fetch import Fetched, Source, fetch_tool
from bench.tool.flags import Program

TOOL = program(machine=183) + b"the first night" * 50_000
NEXT = program(machine=183) + b"the second night" * 50_000
NIGHTLY = "/nightly/android_aarch64_benchmark_model"
"""Path of the only file that most tests ask for."""


@dataclass(slots=True)
class Bucket:
    """A web server over TLS, and what it answers.

    Args:
        files: content by path.
        cut_bytes: how many bytes of a file are held back after its length was told.
        elsewhere: where a path is redirected to.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut_bytes: int = 0
    elsewhere: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    def __init__(self, bucket: Bucket, *arguments: object) -> None:
        self.bucket = bucket
        super().__init__(*arguments)  # type: ignore[arg-type]  # the server's own arguments

    def do_GET(self) -> None:
        self.bucket.asked.append(self.path)
        if where := self.bucket.elsewhere.get(self.path):
            self.send_response(302)
            self.send_header("Location", where)
            self.end_headers()
            return
        content = self.bucket.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) - self.bucket.cut_bytes])

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a file with a key and a certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    alternative = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(pem)
    )
    return path


@pytest.fixture
def bucket(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = Bucket(files={NIGHTLY: TOOL})
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, made))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.address = f"https://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


Fetch = Callable[..., Path]


@pytest.fixture
def fetch(bucket: Bucket, tmp_path: Path) -> Fetch:
    sources = tmp_path / "sources.yaml"
    build = {"file": "android_aarch64_benchmark_model", "sha256": None, "min_api": 26}
    linux = {"file": "linux_x86-64_benchmark_model", "sha256": None}
    pinned = {"file": "android_arm64/benchmark_model", "sha256": sha256_bytes(TOOL)}
    content = {
        "interpreter": {
            "url": f"{bucket.address}/nightly/{{file}}",
            "version": None,
            "builds": {"arm64-v8a": build, "linux-x86_64": linux},
        },
        "compiled_model": {
            "url": f"{bucket.address}/{{version}}/{{file}}",
            "version": "2.2.0",
            "moving": ["latest", "nightly"],
            "builds": {"arm64-v8a": pinned},
        },
    }
    sources.write_text(json.dumps(content))

    def fetch(build: str = "arm64-v8a", **asked: object) -> Path:
        return fetch_tool(build, cache=tmp_path / "cache", sources=sources, **asked)  # type: ignore[arg-type]

    return fetch


def kept(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.rglob("*") if path.is_file())


def test_the_first_fetch_keeps_the_program_and_its_identity(
    bucket: Bucket, fetch: Fetch, tmp_path: Path
) -> None:
    tool = fetch()
    assert tool.read_bytes() == TOOL
    assert tool.stat().st_mode & 0o111
    record = config.load(tool.with_suffix(".json"), Fetched)
    assert (record.sha256, record.size_bytes) == (sha256_bytes(TOOL), len(TOOL))
    assert record.url == bucket.address + NIGHTLY
    assert datetime.fromisoformat(record.fetched_at).tzinfo is not None
    assert kept(tmp_path / "cache") == ["benchmark_model", "benchmark_model.json"]


def test_what_is_cached_is_not_fetched_again(bucket: Bucket, fetch: Fetch) -> None:
    assert fetch() == fetch()
    assert bucket.asked == [NIGHTLY]


def test_a_damaged_copy_is_fetched_again(fetch: Fetch) -> None:
    fetch().write_bytes(TOOL[:-1])
    assert fetch().read_bytes() == TOOL


def test_another_night_s_program_is_refused_until_it_is_accepted(
    bucket: Bucket, fetch: Fetch, tmp_path: Path
) -> None:
    tool = fetch()
    tool.unlink()
    bucket.files[NIGHTLY] = NEXT
    with pytest.raises(ConfigurationError, match=sha256_bytes(NEXT)) as refused:
        fetch()
    assert sha256_bytes(TOOL) in refused.value.message
    assert "--accept-new-tool" in refused.value.hint
    assert kept(tmp_path / "cache") == ["benchmark_model.json"]
    assert fetch(accept_new=True).read_bytes() == NEXT
    tool.unlink()
    assert fetch().read_bytes() == NEXT


def test_accepting_a_new_one_fetches_it_over_the_one_in_the_cache(
    bucket: Bucket, fetch: Fetch
) -> None:
    fetch()
    bucket.files[NIGHTLY] = NEXT
    assert fetch().read_bytes() == TOOL
    assert fetch(accept_new=True).read_bytes() == NEXT


def test_versions_are_fetched_apart_and_a_pinned_one_is_binding(
    bucket: Bucket, fetch: Fetch
) -> None:
    bucket.files["/2.2.0/android_arm64/benchmark_model"] = TOOL
    bucket.files["/2.1.5/android_arm64/benchmark_model"] = NEXT
    assert fetch(program=Program.COMPILED_MODEL).read_bytes() == TOOL
    assert fetch(program=Program.COMPILED_MODEL, version="2.1.5").read_bytes() == NEXT
    bucket.files["/2.2.0/android_arm64/benchmark_model"] = NEXT
    with pytest.raises(ConfigurationError, match="no longer the file that was pinned"):
        fetch(program=Program.COMPILED_MODEL, accept_new=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html><html>Please sign in</html>", "a web page, not a program"),
        (program(machine=40, bits=32), "the download is for armeabi-v7a"),
        (b"#!/bin/sh\n", "the download is a script"),
        (b"", "an empty file"),
    ],
)
def test_what_is_no_program_for_this_phone_is_not_kept(
    bucket: Bucket, fetch: Fetch, tmp_path: Path, content: bytes, said: str
) -> None:
    bucket.files[NIGHTLY] = content
    with pytest.raises(InfrastructureError, match=said) as raised:
        fetch()
    assert NIGHTLY in raised.value.message
    assert kept(tmp_path / "cache") == []


def test_a_download_that_ends_too_early_is_not_kept(
    bucket: Bucket, fetch: Fetch, tmp_path: Path
) -> None:
    bucket.cut_bytes = 1000
    with pytest.raises(InfrastructureError, match=rf"after {len(TOOL) - 1000} of {len(TOOL)}"):
        fetch()
    assert kept(tmp_path / "cache") == []


def test_a_version_that_is_not_there_is_said_so(fetch: Fetch) -> None:
    with pytest.raises(InfrastructureError, match=r"9\.9\.9.*answers 404") as raised:
        fetch(program=Program.COMPILED_MODEL, version="9.9.9")
    assert "version" in raised.value.hint


def test_without_a_network_the_hint_says_what_to_do(tmp_path: Path, fetch: Fetch) -> None:
    sources = tmp_path / "sources.yaml"
    nobody = json.loads(sources.read_text())
    nobody["interpreter"]["url"] = "https://127.0.0.1:1/{file}"
    sources.write_text(json.dumps(nobody))
    with pytest.raises(
        InfrastructureError, match=r"https://127\.0\.0\.1:1/android.*refused"
    ) as raised:
        fetch()
    for words in ("on a machine that reaches it", "--benchmark-binary", "handset tool"):
        assert words in raised.value.hint


def placed(fetch: Fetch) -> Path:
    """Returns where the message of a failed download says that the file may be put."""
    with pytest.raises(InfrastructureError) as raised:
        fetch()
    (there,) = re.findall(r"put the file at (\S+/benchmark_model)", raised.value.hint)
    assert raised.value.facts["path"] == there
    return Path(there)


def test_what_is_put_where_the_message_says_is_used_and_recorded_as_put_there_by_hand(
    bucket: Bucket, fetch: Fetch, tmp_path: Path
) -> None:
    del bucket.files[NIGHTLY]
    there = placed(fetch)
    assert there.is_relative_to(tmp_path / "cache")
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_bytes(TOOL)
    assert fetch() == there
    assert there.stat().st_mode & 0o111
    record = config.load(there.with_suffix(".json"), Fetched)
    assert (record.sha256, record.by_hand) == (sha256_bytes(TOOL), True)
    # Another file later is another tool: it is said, and how to accept it.
    there.write_bytes(NEXT)
    with pytest.raises(InfrastructureError, match="404") as raised:
        fetch()
    assert "remove benchmark_model.json beside it" in raised.value.hint
    there.with_suffix(".json").unlink()
    assert fetch().read_bytes() == NEXT


def test_a_web_page_that_is_put_there_is_refused_by_its_path(bucket: Bucket, fetch: Fetch) -> None:
    del bucket.files[NIGHTLY]
    there = placed(fetch)
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_bytes(b"<!DOCTYPE html><html>Please sign in</html>")
    with pytest.raises(InfrastructureError, match="a web page, not a program") as raised:
        fetch()
    assert raised.value.message.startswith(str(there))


class Refusing(BaseHTTPRequestHandler):
    """A company's proxy that lets nobody through."""

    def do_CONNECT(self) -> None:
        self.send_error(403, "Forbidden by policy")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def test_a_proxy_that_refuses_is_named_without_its_password(
    bucket: Bucket, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.delenv("no_proxy")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("https_proxy", f"http://me:secret@127.0.0.1:{proxy.server_address[1]}")
    try:
        with pytest.raises(InfrastructureError) as raised:
            fetch()
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()
    said = str(raised.value)
    assert f"the proxy http://127.0.0.1:{proxy.server_address[1]} does not let it through" in said
    assert f"get {bucket.address}{NIGHTLY}" in said
    assert "secret" not in said
    assert bucket.asked == []


def test_a_phone_older_than_the_published_builds_is_told_before_anything_is_downloaded(
    bucket: Bucket, fetch: Fetch
) -> None:
    with pytest.raises(ConfigurationError, match=r"API 26 and later.*the phone has API 25"):
        fetch(api_level=25)
    assert bucket.asked == []
    assert fetch(api_level=26).exists()


def test_a_build_for_this_machine_lies_apart_from_a_phone_s(bucket: Bucket, fetch: Fetch) -> None:
    bucket.files["/nightly/linux_x86-64_benchmark_model"] = program(machine=62)
    assert fetch("linux-x86_64") != fetch()


def test_names_in_place_of_a_version_may_move_and_a_release_may_not(
    bucket: Bucket, fetch: Fetch
) -> None:
    for version, moves in (("nightly", True), ("2.1.6", False)):
        path = f"/{version}/android_arm64/benchmark_model"
        bucket.files[path] = TOOL
        fetch(program=Program.COMPILED_MODEL, version=version).unlink()
        bucket.files[path] = NEXT
        with pytest.raises(ConfigurationError, match="fetched first") as raised:
            fetch(program=Program.COMPILED_MODEL, version=version)
        assert ("a release does not change" not in raised.value.hint) is moves


@pytest.mark.parametrize(
    ("program_asked", "builds"),
    [
        (Program.INTERPRETER, {"arm64-v8a", "armeabi-v7a", "linux-x86_64"}),
        (Program.COMPILED_MODEL, {"arm64-v8a", "linux-x86_64"}),
    ],
)
def test_what_users_have_is_in_the_packaged_list(program_asked: Program, builds: set[str]) -> None:
    listed = config.load(Path(fetch_module.__file__).with_name("official.yaml"), dict[str, Source])
    source = listed[program_asked.name.lower()]
    assert builds <= set(source.builds)
    for name, build in source.builds.items():
        assert source.url.format(file=build.file, version=source.version).startswith("https://")
        assert (build.min_api is None) is name.startswith("linux-")


def test_32_bit_arm_is_sent_to_the_program_that_has_it() -> None:
    with pytest.raises(ConfigurationError, match="--tool interpreter"):
        fetch_tool("armeabi-v7a", program=Program.COMPILED_MODEL)


def test_no_redirection_leaves_https(bucket: Bucket, fetch: Fetch, tmp_path: Path) -> None:
    plain = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, bucket))
    thread = threading.Thread(target=plain.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    bucket.elsewhere[NIGHTLY] = f"http://127.0.0.1:{plain.server_address[1]}/plain"
    bucket.files["/plain"] = TOOL
    try:
        with pytest.raises(ConfigurationError, match="https only"):
            fetch()
    finally:
        plain.shutdown()
        thread.join()
        plain.server_close()
    assert kept(tmp_path / "cache") == []


def test_a_server_that_nobody_vouches_for_is_refused(
    fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(InfrastructureError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch()


def test_a_build_that_nobody_publishes_is_named() -> None:
    with pytest.raises(ConfigurationError, match="for x86_64, only for arm64-v8a") as raised:
        fetch_tool("x86_64")
    assert "frill-bench handset tool" in raised.value.hint


@pytest.mark.parametrize(
    ("program_asked", "version", "said"),
    [
        (Program.INTERPRETER, "2.14.1", "published without versions"),
        (Program.COMPILED_MODEL, "../../other", "is not a version"),
    ],
)
def test_a_version_that_cannot_be_is_refused(
    program_asked: Program, version: str, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        fetch_tool("arm64-v8a", program=program_asked, version=version)
