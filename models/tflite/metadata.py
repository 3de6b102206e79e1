"""What a .tflite file's metadata shows of its input: audio at a rate, an image, or something else.

The metadata is a flatbuffer of its own in one of the file's buffers, as TensorFlow's
``metadata_schema.fbs`` (identifier M001) has it; only the few fields that are needed are read.
Files that belong to it, such as labels, are a zip after the model, which changes nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flatbuffers import number_types
from flatbuffers.table import Table

_NAME = b"TFLITE_METADATA"
_IDENTIFIER = b"M001"
# Offsets in the tables' vtables: 4 + 2 * the number of the field.
_SUBGRAPHS = 10  # ModelMetadata.subgraph_metadata
_INPUTS = 8  # SubGraphMetadata.input_tensor_metadata
_CONTENT = 10  # TensorMetadata.content
_KIND, _PROPERTIES = 4, 6  # Content.content_properties_type and content_properties
_RATE, _CHANNELS = 4, 6  # AudioProperties.sample_rate and channels
_IMAGE, _BOX, _AUDIO = 2, 3, 4  # of the union ContentProperties


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What the first input holds.

    Args:
        is_other: it is an image, several channels, or another thing.
        sample_rate_hz: of audio; ``None`` if the metadata does not show that it is.
    """

    is_other: bool = False
    sample_rate_hz: int | None = None


def input_content(graph: Any) -> Content:
    """Returns what a file's metadata shows of its first input; nothing if it has none.

    Args:
        graph: LiteRT's ``ModelT``.

    Raises:
        Exception: of any kind, where the metadata is damaged.
    """
    for entry in graph.metadata or ():
        data = graph.buffers[entry.buffer].data if entry.name == _NAME else None
        if data is not None and bytes(data[4:8]) == _IDENTIFIER:
            return _content(bytes(data))
    return Content()


def _content(data: bytes) -> Content:
    model = Table(data, int.from_bytes(data[:4], "little"))
    content: Table | None = model
    for field in (_SUBGRAPHS, _INPUTS):
        content = None if content is None else _first(content, field)
    content = None if content is None else _table(content, _CONTENT)
    if content is None:
        return Content()
    kind = content.GetSlot(_KIND, 0, number_types.Uint8Flags)
    properties = _table(content, _PROPERTIES)
    if kind == _AUDIO and properties is not None:
        rate, channels = (
            int(properties.GetSlot(field, 0, number_types.Uint32Flags))
            for field in (_RATE, _CHANNELS)
        )
        return Content(is_other=channels > 1, sample_rate_hz=rate or None)
    return Content(is_other=kind in (_IMAGE, _BOX))


def _table(table: Table, field: int) -> Table | None:
    offset = table.Offset(field)
    return None if offset == 0 else Table(table.Bytes, table.Indirect(table.Pos + offset))


def _first(table: Table, field: int) -> Table | None:
    """Returns the first table of a list of them."""
    offset = table.Offset(field)
    if offset == 0 or table.VectorLen(offset) == 0:
        return None
    return Table(table.Bytes, table.Indirect(table.Vector(offset)))
