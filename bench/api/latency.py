"""Latency of files on devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.api.devices import Messages, devices_of, do
from bench.api.files import DB, Files, OnMessage, Texts, frame, ignore, paths

if TYPE_CHECKING:
    from bench.flow.device.requests import RunRequest
    from bench.flow.report.results import CaseResult, Timed
    from bench.plan.device import Kind
    from bench.plan.suite import Suite, Target
    from reports.parts.documents import DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What ``run`` measured.

    Args:
        timed: each session with the results of its cases, those that failed too. There is a session
            for each device, and another one after a reboot.
        messages: what the verb prints on the way.
    """

    timed: tuple[Timed, ...]
    messages: tuple[str, ...] = ()

    @property
    def cases(self) -> tuple[CaseResult, ...]:
        """The results of all cases."""
        return tuple(case for _, cases in self.timed for case in cases)

    @property
    def failed(self) -> tuple[CaseResult, ...]:
        """The cases with a failed process, wrong outputs or no valid process."""
        return tuple(each for each in self.cases if each.is_bad)

    def frame(self) -> DataFrame:
        """Returns a line for each case, also of files without a manifest and of failed cases.

        Latencies are in microseconds, with 95 % intervals over processes; a gap is NaN.
        """
        from bench.flow.report.case_rows import CaseRow, case_rows

        return frame(case_rows(self.timed), CaseRow)


def run(
    files: Files,
    *,
    host: bool = False,
    serial: Texts = (),
    db: str | Path = DB,
    processes: int | None = None,
    suite: str | Path | Mapping[str, Any] | None = None,
    check: bool | None = None,
    on_message: OnMessage = ignore,
) -> Run:
    """Times files on this machine, on phones, or on both, and stores every process.

    Args:
        files: .tflite files, or folders of a zoo, of which all files are timed.
        host: on this machine, by the LiteRT interpreter.
        serial: serials of phones or names of virtual handsets. With neither, on the only phone.
        processes: processes of each case, instead of the suite's (10).
        suite: a suite (YAML), or keys of one, such as ``{"threads": [1, 2], "streaming": True}``,
            over the suite that comes with the program. Its models are ``files``.
        check: compare the official tool's outputs with the interpreter's; ``None`` for files with
            a manifest.
        on_message: takes lines such as that a phone cools down.

    Raises:
        ConfigurationError: a file, a key or a device is wrong; nothing was measured.
        BenchError: a device was set aside; what was measured is stored. A case that failed is no
            error: it is in ``Run.failed``.
    """
    from bench.flow.fleet import MeasureJob
    from bench.flow.report.stored import results
    from bench.store.store import Store

    messages = Messages(on_message)
    targets = _targets(files)

    def request(kind: Kind) -> RunRequest:
        return _request(_suite(suite, kind, processes), targets, suite, messages)

    devices = devices_of(serial, host=host, request=request)
    do(devices, MeasureJob(targets=targets, check=check), db, messages)
    with Store.open(db, create=False) as store:
        timed = tuple((session, results(store, session)) for session in messages.sessions)
    return Run(timed=timed, messages=tuple(messages.lines))


def _targets(files: Files) -> tuple[Target, ...]:
    from bench.core.errors import ConfigurationError
    from bench.plan.suite import bare_target, zoo_targets

    found: dict[str, Target] = {}
    for path in paths(files):
        here = zoo_targets(path) if path.is_dir() else (bare_target(path),)
        found.update({target.sha256: target for target in here})
    if not found:
        raise ConfigurationError(
            "there is no file to measure", hint="give .tflite files, or a folder with manifests"
        )
    return tuple(found.values())


def _suite(
    given: str | Path | Mapping[str, Any] | None, kind: Kind, processes: int | None
) -> Suite:
    """Returns the suite for a kind of device."""
    from bench.core import config
    from bench.plan.device import Kind
    from bench.plan.suite import Suite, host_suite, phone_suite

    packaged = host_suite() if kind is Kind.HOST else phone_suite()
    if isinstance(given, str | Path):
        suite = config.load(Path(given), Suite)
    else:
        before, keys = config.unstructure(packaged), dict(given or {})
        if isinstance(protocol := keys.get("protocol"), Mapping):
            keys["protocol"] = {**before["protocol"], **protocol}
        suite = config.structure({**before, **keys}, Suite, source="suite=")
    if processes is None:
        return suite
    return replace(suite, protocol=replace(suite.protocol, processes=processes))


def _request(
    suite: Suite,
    targets: tuple[Target, ...],
    given: str | Path | Mapping[str, Any] | None,
    messages: Messages,
) -> RunRequest:
    from bench.core.errors import ConfigurationError
    from bench.flow.device.files import with_inputs
    from bench.flow.device.requests import RunRequest

    if suite.external_delegate is not None:
        raise ConfigurationError(
            f"suite {suite.name}: names the library {suite.external_delegate}, and a library is "
            "loaded only from a path on the command line",
            hint="measure it there: frill-bench run --external-delegate PATH",
        )
    beside = Path(given).parent if isinstance(given, str | Path) else Path()
    measured = with_inputs(targets, suite.inputs(beside), on_message=messages.add)
    return RunRequest(
        suite=suite,
        targets=measured.targets,
        value_files=measured.value_files,
        delegates_are_default=not isinstance(given, str | Path)
        and "delegates" not in (given or {}),
    )
