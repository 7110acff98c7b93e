"""The XML in an XDF file: stream headers with the standard's meta-data, and footers.

Sources: XDF 1.0 specification (required fields) and its meta-data pages for EEG, MEG and markers
(https://github.com/sccn/xdf/wiki/Meta-Data): ``channels/channel/{label,unit,type,location/{X,Y,Z}}`` with locations in mm.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from xml.etree import ElementTree

from rtbci.types import Channel

Tree: TypeAlias = Mapping[str, "str | Tree | Sequence[str | Tree]"]
"""Nested elements by name; a sequence repeats the element."""

_DECLARATION = b'<?xml version="1.0"?>'  # as LabRecorder writes it; without a name of the encoding it is UTF-8
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNIT_WORDS = {"uV": "microvolts"}  # the word that the meta-data page asks for; others have none


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """What a stream of an XDF file is.

    ``channel_format`` is "float32", "double64", "int8", "int16", "int32", "int64" or "string"; ``nominal_srate`` in Hz,
    0 for irregular streams; ``created_at`` in seconds of the LSL clock, None where it is not known. ``extras`` are further
    elements of ``desc``.
    """

    name: str
    type: str
    channels: tuple[Channel, ...]
    nominal_srate: float
    channel_format: str
    source_id: str = ""
    hostname: str = ""
    uid: str = ""
    created_at: float | None = None
    extras: Tree = field(default_factory=dict)


def number(value: float) -> str:
    """``value`` as text that reads back to the same bits; whole numbers without a point, as LabRecorder writes them."""
    return repr(float(value)).removesuffix(".0")


def header_xml(header: StreamHeader) -> bytes:
    """The content of a StreamHeader chunk after the stream's number."""
    info = ElementTree.Element("info")
    fields = {
        # pyxdf and others cannot read a stream whose name is empty
        "name": header.name or header.type or "unnamed",
        "type": header.type,
        "channel_count": str(len(header.channels)),
        "nominal_srate": number(header.nominal_srate),
        "channel_format": header.channel_format,
        "source_id": header.source_id,
        "version": "1.1",  # of the LSL protocol's stream description
        **({} if header.created_at is None else {"created_at": number(header.created_at)}),
        "uid": header.uid,
        "session_id": "default",
        "hostname": header.hostname,
    }
    _add(info, fields)
    desc = ElementTree.SubElement(info, "desc")
    _add(desc, {"channels": {"channel": [_channel(channel) for channel in header.channels]}})
    _add(desc, header.extras)
    return _text(info)


def info_xml(fields: Tree) -> bytes:
    """``<info>`` with ``fields`` in it: the content of a FileHeader, and of a StreamFooter after the stream's number."""
    info = ElementTree.Element("info")
    _add(info, fields)
    return _text(info)


def footer_xml(first: float, last: float, count: int, clock_offsets: Sequence[tuple[float, float]] = ()) -> bytes:
    """The content of a StreamFooter after the stream's number.

    ``first`` and ``last`` are time stamps in seconds (left out where ``count`` is 0); ``clock_offsets`` the pairs of time
    and offset in seconds that the stream's ClockOffset chunks gave.
    """
    stamps = {"first_timestamp": number(first), "last_timestamp": number(last)} if count else {}
    offsets: list[str | Tree] = [{"time": number(time), "value": number(value)} for time, value in clock_offsets]
    return info_xml({**stamps, "sample_count": str(count), "clock_offsets": {"offset": offsets}})


def _text(info: ElementTree.Element) -> bytes:
    text: bytes = ElementTree.tostring(info, encoding="utf-8")
    return _DECLARATION + text


def _channel(channel: Channel) -> Tree:
    fields: dict[str, str | Tree | Sequence[str | Tree]] = {
        "label": channel.name,
        "unit": _UNIT_WORDS.get(channel.unit, channel.unit),
        "type": channel.kind.upper(),
    }
    if channel.position is not None:
        fields["location"] = {axis: number(1000.0 * x) for axis, x in zip("XYZ", channel.position, strict=True)}
    return fields


def _add(parent: ElementTree.Element, tree: Tree) -> None:
    for name, value in tree.items():
        items = [value] if isinstance(value, str | Mapping) else value
        for item in items:
            element = ElementTree.SubElement(parent, name)
            if isinstance(item, str):
                # one control character in a channel's name would make the whole file unreadable
                element.text = _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", item)
            else:
                _add(element, item)
