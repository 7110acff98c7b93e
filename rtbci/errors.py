"""One exception tree; every message says what is wrong, with the value, and what would be right.

::

    RtbciError                    a person can mend it: one line, exit code 2
    ├── ConfigError               the experiment file: table, key, value, what would be right
    ├── SourceError               no such stream or recording, or one that cannot be read
    │   └── StreamLost            a live stream that went away (the session re-resolves it)
    ├── TransformError            a transform that cannot work on this stream
    ├── DecoderError              a decoder that cannot be loaded, fitted or asked
    │   └── DeviceLost            the GPU it runs on went away or has no memory left (the worker goes on on the CPU)
    ├── ModelError                a model file that cannot be read or written
    │   └── ModelMismatch         a model that does not fit the stream or the experiment
    ├── BankError                 a bank of pictures that cannot be built, read or used
    ├── RecordingError            a session folder or recording that cannot be written or read
    └── Overrun                   a reader that asked for samples the ring no longer holds
"""

from __future__ import annotations


class RtbciError(Exception):
    """Base of everything that rtbci raises on purpose."""


class ConfigError(RtbciError):
    """An experiment file that cannot be used."""


class SourceError(RtbciError):
    """A stream or recording that cannot be found or read."""


class StreamLost(SourceError):
    """A live stream went away."""


class TransformError(RtbciError):
    """A transform that cannot work on the stream it was given."""


class DecoderError(RtbciError):
    """A decoder that cannot be loaded, fitted or asked."""


class DeviceLost(DecoderError):
    """The device that a decoder runs on went away, or has no memory left for it."""


class ModelError(RtbciError):
    """A model file that cannot be read or written."""


class ModelMismatch(ModelError):
    """A model that does not fit the stream or the experiment."""


class BankError(RtbciError):
    """A bank of pictures (or captions, sounds) that cannot be built, read or used."""


class RecordingError(RtbciError):
    """A session folder or recording that cannot be written or read."""


class Overrun(RtbciError):
    """A reader asked for samples that the ring no longer holds."""

    def __init__(self, wanted: int, oldest: int) -> None:
        """Remember the index that was ``wanted`` and the ``oldest`` one that still exists."""
        super().__init__(f"sample {wanted} has been overwritten; the oldest that the ring still holds is {oldest}")
        self.wanted = wanted
        self.oldest = oldest
