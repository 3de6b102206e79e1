"""Builds the requests to devices from the command line, once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.adb.state.settings import DeviceSettings
from bench.adb.transport.serials import Found, resolve
from bench.cli.console import print_to_stderr
from bench.cli.flags import DeviceFlags, InputFlags
from bench.core.errors import ConfigurationError
from bench.flow.device.device import Device
from bench.flow.device.files import MeasuredFiles, with_inputs
from bench.flow.device.host import HostDevice, host_sweep
from bench.flow.device.requests import PhoneRequest, RunRequest, ToolRequest
from bench.flow.phone.phone import PhoneDevice
from bench.flow.phone.tool import PhoneTools
from bench.handset.running import running
from bench.plan import inputs
from bench.plan.device import Kind
from bench.plan.suite import Target
from bench.tool.flags import Program
from device_profiles.device_profile import profiles

_PROGRAMS = {"interpreter": Program.INTERPRETER, "compiled-model": Program.COMPILED_MODEL}


def devices_of(
    options: DeviceFlags, request: Callable[[Kind], RunRequest], tool: ToolRequest
) -> list[Device]:
    """Returns the devices that the command line names, phones first.

    Args:
        request: returns the request for a kind of device.

    Raises:
        ConfigurationError: there is no phone, or more than one and none is named; or a flag does
            not apply to the device.
        DeviceError: a phone that is named cannot be used.
    """
    devices: list[Device] = []
    if options.serial or not options.host:
        tools, known = PhoneTools(tool), profiles()
        run, treatment = request(Kind.PHONE), _phone_request(options)
        devices += [
            PhoneDevice(phone, run, tools, treatment, known=known)
            for phone in phones_of(options.serial)
        ]
    elif phone_flags := _phone_flags(options):
        raise ConfigurationError(
            f"{', '.join(phone_flags)}: for phones only",
            hint="leave out, or name a phone: -s SERIAL",
        )
    if options.host:
        devices.append(HostDevice(host_sweep(request(Kind.HOST), tool)))
    return devices


def phones_of(names: Sequence[str]) -> list[Found]:
    """Returns the phones that ``-s`` names, by serial or virtual handset; or the only one.

    Raises:
        ConfigurationError: there is none, or more than one and none is named; lists the phones.
        DeviceError: a phone is there but cannot be used.
    """
    return resolve(serials_of(names))


def serials_of(names: Sequence[str]) -> list[str]:
    """Returns serials, with the names of virtual handsets replaced by theirs."""
    handsets = {each.name: each.serial for each in running()} if names else {}
    return [handsets.get(name, name) for name in names]


def tool_request(options: DeviceFlags) -> ToolRequest:
    """Returns which benchmark tool the command line asks for."""
    return ToolRequest(
        binary=options.benchmark_binary,
        program=None if options.tool is None else _PROGRAMS[options.tool],
        version=options.tool_version,
        accept_new=options.accept_new_tool,
    )


def measured_files(
    options: InputFlags, targets: Sequence[Target], suite: inputs.InputFlags | None = None
) -> MeasuredFiles:
    """Returns the files with the inputs and the signature that they are given.

    Args:
        suite: what a suite gives them; the command line goes before it.

    Raises:
        ConfigurationError: a size of an input stays open, or what is asked for fits no file.
    """
    official = inputs.official_shapes(options.input_layer, options.input_layer_shape)
    asked = inputs.parse(
        shapes=[*options.input_shape, *official],
        ranges=options.input_value_range,
        files=options.input_value_file,
        signature=options.signature,
    )
    asked = asked.over(suite or inputs.InputFlags())
    return with_inputs(targets, asked, on_message=print_to_stderr)


def _phone_request(options: DeviceFlags) -> PhoneRequest:
    return PhoneRequest(
        wait_s=options.wait_for_device,
        settings=DeviceSettings(screen=not options.keep_screen, airplane=options.airplane),
        cooldown_s=options.cooldown,
        force_unfit=options.force_unfit,
        queue_s=60 * (options.queue or 0.0),
        may_reboot=options.may_reboot,
    )


def _phone_flags(options: DeviceFlags) -> list[str]:
    flags = {
        "--airplane": options.airplane,
        "--keep-screen": options.keep_screen,
        "--force-unfit": options.force_unfit,
        "--cooldown": options.cooldown is not None,
        "--queue": options.queue is not None,
        "--may-reboot": options.may_reboot,
    }
    return [flag for flag, is_given in flags.items() if is_given]
