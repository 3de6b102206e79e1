"""Phones on this machine's USB ports; the only module that imports libusb."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import usb1

from bench.adb.transport.stream import lost
from bench.core.errors import ConfigurationError, DeviceError, TransientDeviceError

_ADB = (0xFF, 0x42, 0x01)  # class, subclass, protocol of adb's interface


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbPort:
    """A port that a phone is plugged into, found by libusb.

    Args:
        endpoints: the addresses to read from and to write to.
        packet_bytes: the largest packet of the endpoints.
    """

    device: Any
    interface: int
    serial: str
    endpoints: tuple[int, int]
    packet_bytes: int

    def open(self) -> Any:
        """Returns the device with adb's interface claimed; closing it releases the interface."""
        handle = self.device.open()
        try:
            with contextlib.suppress(usb1.USBErrorNotFound, usb1.USBErrorNotSupported):
                if handle.kernelDriverActive(self.interface):
                    handle.detachKernelDriver(self.interface)
            handle.claimInterface(self.interface)
        except usb1.USBError:
            handle.close()
            raise
        return handle


class UsbLink:
    """A phone on a cable, at any port: a replugged phone gets another address.

    Args:
        serial: the phone's serial number.
        ports: lists the ports of phones.

    Raises:
        ConfigurationError: no phone on USB has that serial.
    """

    def __init__(
        self, serial: str, ports: Callable[[], Sequence[UsbPort]] = lambda: usb_ports()
    ) -> None:
        self.name = serial
        self._ports = ports
        self._handle: Any = None
        port = self._find()
        if port is None:
            raise ConfigurationError(f"{serial}: gone from USB", hint="plug it in and run again")
        self._port = port
        self.packet_bytes = port.packet_bytes  # adb's own host sends an empty one after a full one

    def open(self, timeout_s: float) -> None:
        """Searches the phone again, and claims adb's interface."""
        self.close()
        port = self._find()
        if port is None:
            raise lost(self.name, "it is not on USB")
        self._port, self.packet_bytes = port, port.packet_bytes
        try:
            self._handle = port.open()
        except usb1.USBErrorBusy as error:
            raise DeviceError(
                f"{self.name}: another program, most likely an adb server, holds its USB interface",
                hint="use that server: adb devices must list the phone",
                serial=self.name,
            ) from error
        except usb1.USBErrorAccess as error:
            raise DeviceError(
                f"{self.name}: no permission to open its USB device",
                hint="install your system's udev rules for Android phones and plug it in again",
                serial=self.name,
            ) from error
        except usb1.USBError as error:
            raise lost(self.name, f"its USB device does not open: {error}") from error

    def receive(self, size: int, timeout_s: float) -> bytes:
        """Returns the bytes of one transfer; libusb needs requests of whole packets."""
        packets = -(-size // self.packet_bytes)
        endpoint = self._port.endpoints[0]
        try:
            while True:
                content = bytes(
                    self._opened().bulkRead(
                        endpoint, packets * self.packet_bytes, timeout=_milliseconds(timeout_s)
                    )
                )
                if content:  # else an empty packet, which only ends a transfer
                    return content
        except usb1.USBErrorTimeout as error:
            partial = bytes(getattr(error, "received", None) or b"")
            if partial:
                return partial
            raise TimeoutError(f"{self.name}: nothing arrived over USB") from error
        except usb1.USBError as error:
            raise self._lost(error) from error

    def send(self, content: memoryview, timeout_s: float) -> int:
        """Returns the number of bytes that one transfer took."""
        endpoint = self._port.endpoints[1]
        try:
            size: int = self._opened().bulkWrite(
                endpoint, bytes(content), timeout=_milliseconds(timeout_s)
            )
        except usb1.USBErrorTimeout as error:
            size = int(getattr(error, "transferred", None) or 0)
            if size:
                return size
            raise TimeoutError(f"{self.name}: nothing was sent over USB") from error
        except usb1.USBError as error:
            raise self._lost(error) from error
        return size

    def close(self) -> None:
        """Releases the interface."""
        if self._handle is not None:
            with contextlib.suppress(usb1.USBError):
                self._handle.close()
            self._handle = None

    def _find(self) -> UsbPort | None:
        return next((port for port in self._ports() if port.serial == self.name), None)

    def _opened(self) -> Any:
        if self._handle is None:
            raise lost(self.name, "its USB device is closed")
        return self._handle

    def _lost(self, error: Exception) -> TransientDeviceError:
        match error:
            case usb1.USBErrorNoDevice():
                return lost(self.name, "the cable was pulled")
            case usb1.USBErrorPipe():
                return lost(self.name, "its USB endpoint stalled")
            case _:
                return lost(self.name, f"USB failed: {error}")


def usb_ports() -> list[UsbPort]:
    """Returns the phones on USB with debugging on, also those that another program holds.

    Raises:
        ConfigurationError: libusb does not work on this machine.
    """
    try:
        devices = _context().getDeviceList(skip_on_error=True)
    except usb1.USBError as error:
        raise ConfigurationError(
            f"libusb does not work here: {error}", hint="use the adb server, or adb over TCP"
        ) from error
    return [port for device in devices for port in _ports(device)]


@functools.cache
def _context() -> Any:
    """Returns the libusb context, which must outlive its devices."""
    context = usb1.USBContext()
    context.open()
    return context


def _ports(device: Any) -> Iterator[UsbPort]:
    for setting in device.iterSettings():
        if (setting.getClass(), setting.getSubClass(), setting.getProtocol()) != _ADB:
            continue
        try:
            serial = device.getSerialNumber()
        except usb1.USBError:
            serial = None  # no permission; opening it raises the error
        points = {
            bool(endpoint.getAddress() & usb1.ENDPOINT_DIR_MASK): endpoint
            for endpoint in setting.iterEndpoints()
        }
        yield UsbPort(
            device=device,
            interface=setting.getNumber(),
            serial=serial or f"usb:{device.getBusNumber()}-{device.getDeviceAddress()}",
            endpoints=(points[True].getAddress(), points[False].getAddress()),
            packet_bytes=points[False].getMaxPacketSize(),
        )


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))  # 0 would wait for ever
