"""Power modes of phones' makers, which Android's own battery saver does not show."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from support.reach import direct

from bench.adb.phone import Phone
from bench.adb.state.power_modes import makers_modes
from bench.core.caveats import Caveat, CaveatKind, Effect
from bench.flow.phone.readiness import MODES, session_caveats
from bench.handset.running import Running
from bench.store.records import Event

SETTINGS = "/data/system/settings"


@pytest.fixture
def phone(handset: Running) -> Iterator[Phone]:
    with closing(direct(handset.serial)) as found:
        yield found


@pytest.mark.parametrize(
    ("maker", "setting", "value", "shown"),
    [
        ("samsung", "global/sem_enhanced_cpu_responsiveness", "1", True),
        ("samsung", "global/sem_enhanced_cpu_responsiveness", "0", False),
        ("samsung", "global/restricted_device_performance", "1,0", True),
        ("samsung", "global/restricted_device_performance", "0,1", False),
        ("Xiaomi", "system/POWER_SAVE_MODE_OPEN", "1", True),
        ("HUAWEI", "system/SmartModeStatus", "4", True),
        ("HUAWEI", "system/SmartModeStatus", "1", False),
        ("OPPO", "system/high_performance_mode_on", "1", True),
        ("Google", "global/sem_enhanced_cpu_responsiveness", "1", False),
    ],
)
def test_a_makers_mode_is_told_with_its_setting(
    handset: Running, phone: Phone, maker: str, setting: str, value: str, shown: bool
) -> None:
    path = handset.path(f"{SETTINGS}/{setting}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{value}\n")
    try:
        found = makers_modes(phone, maker)
    finally:
        path.unlink()
    key = setting.replace("/", " ")
    assert [f"({key} = {value})" in each for each in found] == [True] * shown


def test_a_phone_without_such_modes_tells_none(phone: Phone) -> None:
    assert [makers_modes(phone, maker) for maker in ("samsung", "Google", "")] == [(), (), ()]


def test_a_makers_mode_is_a_note_on_every_row_of_the_session() -> None:
    on = "enhanced processing (global sem_enhanced_cpu_responsiveness = 1)"
    (caveat,) = session_caveats([Event(kind=MODES, at="now", facts={"on": [on]})])
    assert caveat == Caveat(kind=CaveatKind.MAKERS_MODE, evidence=on)
    assert caveat.effect is Effect.NOTE
