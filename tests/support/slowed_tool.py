"""True builds of the official tool that differ in the speed of one kernel."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.core.hashing import sha256_value
from bench.handset.abi import Abi
from bench.handset.benchmark_tool import _Build
from bench.handset.tree import cache_lock, default_cache, prepare, recipe, scratch

SOURCE = Path(__file__).parents[1] / "data" / "slowed_kernel.cc"


class _Slowed(_Build):
    """Builds the tool once for each share, with one more source that slows a kernel."""

    __slots__ = ()
    percents: Sequence[int] = ()

    def _link(self, sysroot: Path, objects: Sequence[Path], target: Path, *flags: str) -> None:
        super()._link(sysroot, objects, target, *flags)
        for percent in self.percents if "-shared" not in flags else ():
            work = self.work / f"slower-{percent}"
            work.mkdir()
            source = work / "slowed_kernel.cc"
            source.write_text(f"#define SLOWER_PERCENT {percent}\n{SOURCE.read_text()}")
            for name in ("sysroot", "source"):
                (work / name).symlink_to(self.work / name)
            slowed = replace(self, work=work)._compile([source])
            super()._link(sysroot, [*slowed, *objects], target.with_name(f"slower-{percent}"))


def slowed_tools(*percents: int) -> list[Path]:
    """Returns true builds whose FULLY_CONNECTED takes so much longer; minutes, if not cached."""
    cache, ingredients = default_cache(), recipe()
    tree = prepare(cache, abi=Abi.X86_64)
    identity = [SOURCE.read_text(), *percents, ingredients.source_sha256]
    folder = cache / f"tool-slowed-{sha256_value(identity)[:12]}"
    if not folder.is_dir():
        kind = type("Slowed", (_Slowed,), {"__slots__": (), "percents": percents})
        with cache_lock(cache), scratch(cache) as work:
            kind(cache, work, tree, ingredients).run().replace(folder)
    return [folder / f"slower-{percent}" for percent in percents]
