"""Items as an embedder takes them: pictures of any format as RGB, captions as text, sounds at one rate."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SOUND_RATE = 16000
THUMBNAIL = 160
"""Pixels of a thumbnail's longer side."""
GREY = (128, 128, 128)
SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "picture": (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
    "caption": (".txt",),
    "sound": (".wav",),
}
"""Files that are items, by kind."""


class Unreadable(Exception):
    """An item that cannot be read; the message says why, in a few words."""


@dataclass(frozen=True, slots=True)
class Read:
    """An item as it was read: what an embedder takes, its thumbnail (JPEG, empty for what is no picture), and its size."""

    content: Any
    thumbnail: bytes = b""
    width: int = 0
    height: int = 0


def picture(raw: bytes) -> Read:
    """A picture (height, width, 3) uint8 RGB, turned as its camera says, on grey where it is transparent.

    Of an animation it is the first frame. Raises Unreadable.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a large picture is no bomb until Pillow refuses it
            with Image.open(io.BytesIO(raw)) as opened:
                image = ImageOps.exif_transpose(opened)
                rgb = _rgb(image)
    except Exception as error:  # readers of pictures raise what they like: struct.error, SyntaxError, …
        raise Unreadable(f"no picture that can be read: {_in_words(error)}") from error
    pixels = np.asarray(rgb)
    small = rgb.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    jpeg = io.BytesIO()
    small.save(jpeg, "JPEG", quality=85)
    return Read(pixels, jpeg.getvalue(), rgb.width, rgb.height)


def _rgb(image: Any) -> Any:
    from PIL import Image

    if image.mode.startswith("I;16") or image.mode == "I":  # Pillow would cut 16 bits off at 255
        levels = np.asarray(image, np.float64)
        image = Image.fromarray(np.clip(np.round(levels / 257.0), 0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (*GREY, 255))
        image = Image.alpha_composite(ground, image)
    return image.convert("RGB")


def caption(raw: bytes) -> Read:
    """Text without white space around it. Raises Unreadable."""
    try:
        text = raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise Unreadable(f"no UTF-8 text (byte {error.start})") from error
    if not text:
        raise Unreadable("an empty caption")
    return Read(text)


def sound(raw: bytes) -> Read:
    """Samples (n,) float32 from -1 to 1 at 16 kHz, the mean of all channels. Raises Unreadable."""
    from scipy.io import wavfile
    from scipy.signal import resample_poly

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # chunks that are not samples
            rate, samples = wavfile.read(io.BytesIO(raw))
    except Exception as error:
        raise Unreadable(f"no WAV file that can be read: {_in_words(error)}") from error
    if samples.dtype.kind == "u":  # 8 bits, around 128
        samples = (samples.astype(np.float64) - 128.0) / 128.0
    elif samples.dtype.kind == "i":
        samples = samples / float(-int(np.iinfo(samples.dtype).min))
    mono: NDArray[np.float64] = np.asarray(samples, np.float64)
    if mono.ndim == 2:
        mono = mono.mean(axis=1)
    if not mono.size or not np.isfinite(mono).all():
        raise Unreadable("no samples" if not mono.size else "samples that are no finite numbers")
    common = int(np.gcd(SOUND_RATE, rate))
    at_rate = resample_poly(mono, SOUND_RATE // common, rate // common)
    return Read(np.clip(at_rate, -1.0, 1.0).astype(np.float32))


READERS: Mapping[str, Callable[[bytes], Read]] = {"picture": picture, "caption": caption, "sound": sound}


def bytes_of(path: Path) -> bytes:
    """The file's bytes. Raises Unreadable."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or type(error).__name__) from error


def _in_words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:120] if text else type(error).__name__
