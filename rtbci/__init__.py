"""rtbci: real-time EEG and MEG decoding. Importing it loads the nouns, the errors and the protocols, and nothing else."""

from rtbci.errors import RtbciError
from rtbci.interfaces import Decoder, Source, Transform
from rtbci.types import Channel, Decision, Flag, Gap, Marker, StreamInfo, Window

__version__ = "0.1.0"

__all__ = [
    "Channel",
    "Decision",
    "Decoder",
    "Flag",
    "Gap",
    "Marker",
    "RtbciError",
    "Source",
    "StreamInfo",
    "Transform",
    "Window",
    "__version__",
]
