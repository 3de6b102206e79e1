import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from support.reach import Boot, direct

from bench.adb.phone import Phone
from bench.adb.transport.keys import Key, make_key
from bench.core.errors import ConfigurationError, DeviceError, InfrastructureError
from bench.handset.running import Running

Asking = Callable[[Key], Future[str]]


@pytest.fixture
def secure(boot_phone: Boot) -> Running:
    return boot_phone(secure=True)


@pytest.fixture
def key(tmp_path: Path) -> Key:
    make_key(tmp_path / "adbkey")
    return Key(tmp_path / "adbkey")


def reached(phone: Running, key: Key, prompt_limit_s: float) -> Phone:
    return direct(phone.serial, keys=[key], prompt_limit_s=prompt_limit_s)


@pytest.fixture
def ask(secure: Running) -> Iterator[Asking]:
    """Yields what connects with a key meanwhile and asks the phone for a word."""
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor())

        def asking(key: Key) -> Future[str]:
            phone = stack.enter_context(closing(reached(secure, key, prompt_limit_s=2.0)))
            return pool.submit(phone.ask, "echo welcome")

        yield asking


def test_an_unknown_key_connects_once_it_is_allowed_and_is_not_remembered(
    secure: Running, key: Key, ask: Asking
) -> None:
    waiting = ask(key)
    assert secure.answer(allow=True) == key.GetPublicKey().decode()
    assert waiting.result() == "welcome"
    assert secure.path("/data/misc/adb/adb_keys").read_text() == ""


def test_a_denied_key_is_unauthorized_and_may_ask_again(
    secure: Running, key: Key, ask: Asking
) -> None:
    denied = ask(key)
    secure.answer(allow=False)
    with pytest.raises(DeviceError, match="unauthorized"):
        denied.result()
    allowed = ask(key)
    secure.answer(allow=True)
    assert allowed.result() == "welcome"


def test_a_key_that_is_always_allowed_connects_again_by_itself(
    secure: Running, key: Key, ask: Asking
) -> None:
    waiting = ask(key)
    secure.answer(allow=True, always=True)
    assert waiting.result() == "welcome"
    with closing(reached(secure, key, prompt_limit_s=0.1)) as again:
        assert again.ask("echo again") == "again"
    assert key.GetPublicKey().decode() in secure.path("/data/misc/adb/adb_keys").read_text()


def test_a_dialog_that_was_given_up_does_not_take_the_answer_to_the_next(
    secure: Running, key: Key, ask: Asking
) -> None:
    with (
        closing(reached(secure, key, prompt_limit_s=0.1)) as impatient,
        pytest.raises(DeviceError, match="unauthorized"),
    ):
        impatient.ask("echo nobody")
    waiting = ask(key)
    while not waiting.running():
        continue
    secure.answer(allow=True)
    assert waiting.result() == "welcome"


def test_where_no_key_asks_there_is_nothing_to_answer(secure: Running, handset: Running) -> None:
    with pytest.raises(InfrastructureError, match=r"no key asked .* within 0\.1 s"):
        secure.answer(allow=True, limit_s=0.1)
    with pytest.raises(ConfigurationError, match="takes any key") as told:
        handset.answer(allow=True)
    assert "--secure" in told.value.hint
    secure.stop()
    with pytest.raises(InfrastructureError, match="cannot be asked"):
        secure.answer(allow=True)


def test_the_command_line_answers_too(secure: Running, key: Key, ask: Asking) -> None:
    def verb(*words: str) -> subprocess.CompletedProcess[str]:
        # Recorded as a user's are: in the folder "handset" of the cache.
        cache = secure.folder.parent.parent
        home = cache.parent / f"cache-{secure.name}"
        home.mkdir(exist_ok=True)
        (home / "handset").unlink(missing_ok=True)
        (home / "handset").symlink_to(cache)
        return subprocess.run(
            [sys.executable, "-P", "-m", "bench", "handset", *words],
            env={**os.environ, "FRILL_BENCH_CACHE": str(home)},
            capture_output=True,
            text=True,
        )

    waiting = ask(key)
    done = verb("allow", secure.name, "--always", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    public = key.GetPublicKey().decode()
    assert (told["schema_version"], told["allowed"], told["key"]) == (1, True, public)
    assert "the key is allowed: ..." in done.stderr
    assert waiting.result() == "welcome"
    nobody = verb("deny", secure.serial, "--wait", "0.1")
    assert nobody.returncode == 3
    assert "no key asked" in nobody.stderr
