"""A live energy meter for virtual handsets: files of rails that rise with known power."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from bench.handset.running import Running

DEVICES = "/sys/bus/iio/devices"
# What the power service of the phone's maker reads, whatever the shell may read.
SERVICE = "/data/system/hs/odpm"
_TICK_S = 0.05
_MODEL, _BUSY = b"\0--graph=", "CPU(BIG)"


@dataclass(frozen=True, kw_only=True)
class FakeRail:
    """A rail, the part that it supplies, and its power."""

    name: str
    subsystem: str
    power_w: float


# Of a Pixel 6: which rails its two meters count.
PIXEL_6 = {
    "s2mpg10-odpm": (
        FakeRail(name="S10M_VDD_TPU", subsystem="TPU", power_w=0.003),
        FakeRail(name="VSYS_PWR_MODEM", subsystem="Modem", power_w=0.4),
        FakeRail(name="S2M_VDD_CPUCL2", subsystem="CPU(BIG)", power_w=1.25),
        FakeRail(name="S3M_VDD_CPUCL1", subsystem="CPU(MID)", power_w=0.125),
        FakeRail(name="S4M_VDD_CPUCL0", subsystem="CPU(LITTLE)", power_w=0.0625),
        FakeRail(name="S1M_VDD_MIF", subsystem="MIF", power_w=0.25),
    ),
    "s2mpg11-odpm": (
        FakeRail(name="S2S_VDD_G3D", subsystem="GPU", power_w=0.002),
        FakeRail(name="S5S_VDDQ_MEM", subsystem="DDR", power_w=0.0625),
        FakeRail(name="VSYS_PWR_DISPLAY", subsystem="Display", power_w=0.8),
    ),
}
COMPUTES_W = 1.75  # the processor's rails and the memory's


@dataclass
class FakeMeter:
    """Lets a handset's energy counters rise while it is entered.

    Args:
        readable: whether the shell may read the files.
        served: whether the power service of the phone's maker reads them, too.
        frozen: the counters stand still.
        added_w: what the first cluster takes more while a model runs.
    """

    handset: Running
    meters: Mapping[str, tuple[FakeRail, ...]] = field(default_factory=lambda: PIXEL_6)
    readable: bool = True
    served: bool = True
    frozen: bool = False
    added_w: float = 0.0
    sampling_hz: int = 125

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)
        self._last_ms = _now_ms()
        self._energies_uws = {rail.name: 1e8 for rails in self.meters.values() for rail in rails}
        self._folders = (DEVICES, SERVICE) if self.served else (DEVICES,)

    def __enter__(self) -> "FakeMeter":
        for index, (name, rails) in enumerate(self.meters.items()):
            enabled = [f"CH{n}[{rail.name}]:{rail.subsystem}" for n, rail in enumerate(rails)]
            for folder in self._folders:
                place = self.handset.path(f"{folder}/iio:device{index}")
                place.mkdir(parents=True, exist_ok=True)
                (place / "name").write_text(f"{name}\n")
                (place / "sampling_rate").write_text(f"{self.sampling_hz}\n")
                (place / "enabled_rails").write_text("\n".join(enabled) + "\n")
        self._write()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        for folder in self._folders:
            for index in range(len(self.meters)):
                place = self.handset.path(f"{folder}/iio:device{index}")
                for path in place.iterdir():
                    path.unlink()
                place.rmdir()

    def _tick(self) -> None:
        while not self._ended.wait(_TICK_S):
            self._write()

    def _write(self) -> None:
        now_ms = _now_ms()
        passed_s = 0.0 if self.frozen else (now_ms - self._last_ms) / 1e3
        self._last_ms = now_ms
        added_w = self.added_w if self.added_w and _runs_a_model(self.handset) else 0.0
        for rails in self.meters.values():
            for rail in rails:
                power_w = rail.power_w + (added_w if rail.subsystem == _BUSY else 0.0)
                self._energies_uws[rail.name] += 1e6 * power_w * passed_s
        for index, rails in enumerate(self.meters.values()):
            lines = [f"t={now_ms}"]
            for channel, rail in enumerate(rails):
                energy_uws = self._energies_uws[rail.name]
                lines.append(f"CH{channel}(T={now_ms})[{rail.name}], {energy_uws:.0f}")
            for folder in self._folders:
                place = self.handset.path(f"{folder}/iio:device{index}/energy_value")
                may_read = self.readable or folder == SERVICE
                _replace(place, "\n".join(lines) + "\n", 0o444 if may_read else 0o400)


def _replace(path: Path, text: str, mode: int) -> None:
    """Writes a file whole, so that whoever reads it never sees half of it."""
    new = path.with_name("new")
    new.write_text(text)
    new.chmod(mode)
    new.replace(path)


def _runs_a_model(handset: Running) -> bool:
    """Returns whether the official tool runs on this handset."""
    root = handset.path("/")
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if _MODEL in path.read_bytes() and path.with_name("root").samefile(root):
                return True
        except OSError:
            continue  # it has ended
    return False


def _now_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
