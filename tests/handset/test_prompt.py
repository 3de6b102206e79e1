from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from support.patience import PATIENCE_S, stretched
from support.reach import direct
from support.usb_debugging import answer

from bench.adb.phone import Phone
from bench.adb.transport.keys import Key, make_key
from bench.core.errors import DeviceError
from bench.handset.running import Running

Asking = Callable[..., Future[str]]


@pytest.fixture
def key(tmp_path: Path) -> Key:
    make_key(tmp_path / "adbkey")
    return Key(tmp_path / "adbkey")


def reached(phone: Running, key: Key, prompt_limit_s: float) -> Phone:
    return direct(phone.serial, keys=[key], prompt_limit_s=prompt_limit_s)


@pytest.fixture
def ask(secure_phone: Running) -> Iterator[Asking]:
    """Yields what connects with a key meanwhile and asks the phone for a word."""
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor())

        def asking(key: Key, prompt_limit_s: float = PATIENCE_S) -> Future[str]:
            phone = stack.enter_context(closing(reached(secure_phone, key, prompt_limit_s)))
            return pool.submit(phone.ask, "echo welcome")

        yield asking


def test_an_unknown_key_connects_once_it_is_allowed_and_is_not_remembered(
    secure_phone: Running, key: Key, ask: Asking
) -> None:
    waiting = ask(key)
    assert answer(secure_phone, allow=True) == key.GetPublicKey().decode()
    assert waiting.result() == "welcome"
    assert not secure_phone.path("/data/misc/adb/adb_keys").exists()


def test_a_denied_key_is_unauthorized_and_may_ask_again(
    secure_phone: Running, key: Key, ask: Asking
) -> None:
    denied = ask(key, stretched(2.0))
    answer(secure_phone, allow=False)
    with pytest.raises(DeviceError, match="unauthorized"):
        denied.result()
    allowed = ask(key)
    answer(secure_phone, allow=True)
    assert allowed.result() == "welcome"


def test_a_key_that_is_always_allowed_connects_again_by_itself(
    secure_phone: Running, key: Key, ask: Asking
) -> None:
    waiting = ask(key)
    answer(secure_phone, allow=True, always=True)
    assert waiting.result() == "welcome"
    with closing(reached(secure_phone, key, prompt_limit_s=0.1)) as again:
        assert again.ask("echo again") == "again"
    assert key.GetPublicKey().decode() in secure_phone.path("/data/misc/adb/adb_keys").read_text()


def test_a_dialog_that_was_given_up_does_not_take_the_answer_to_the_next(
    secure_phone: Running, key: Key, ask: Asking
) -> None:
    with (
        closing(reached(secure_phone, key, prompt_limit_s=0.1)) as impatient,
        pytest.raises(DeviceError, match="unauthorized"),
    ):
        impatient.ask("echo nobody")
    waiting = ask(key)
    while not waiting.running():
        continue
    answer(secure_phone, allow=True)
    assert waiting.result() == "welcome"
