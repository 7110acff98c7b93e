"""What Qt needs of the system, found out without Qt: a bare Debian lacks it, and Qt itself names the wrong package."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Mapping

NEEDED: Mapping[str, str] = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
}
"""Shared libraries that PySide6's QtGui loads, and the Debian package of each."""
NEEDED_BY_X: Mapping[str, str] = {
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
"""What Qt's X11 plugin loads besides."""


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _platform(environment: Mapping[str, str]) -> str:
    """The Qt platform that will be used: the variable's first choice, else what the display speaks."""
    chosen = environment.get("QT_QPA_PLATFORM", "").split(";")[0].split(":")[0]
    if chosen:
        return chosen
    if environment.get("DISPLAY"):
        return "xcb"
    return "wayland" if environment.get("WAYLAND_DISPLAY") else ""


def missing_libraries(
    environment: Mapping[str, str] = os.environ, loads: Callable[[str], bool] = _loads, platform: str = sys.platform
) -> list[str]:
    """Debian packages that Qt needs here and the system lacks, in a fixed order; empty everywhere but on Linux."""
    if not platform.startswith("linux"):
        return []
    wanted = dict(NEEDED)
    if _platform(environment) in ("xcb", ""):
        wanted.update(NEEDED_BY_X)
    return [package for library, package in wanted.items() if not loads(library)]


def has_display(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether a window can be shown; platforms without a screen (offscreen, minimal, vnc) bring their own."""
    return not platform.startswith("linux") or bool(_platform(environment))


def problem(
    environment: Mapping[str, str] = os.environ, loads: Callable[[str], bool] = _loads, platform: str = sys.platform
) -> str | None:
    """One line that says why no window can be shown and what to do, or None where one can."""
    missing = missing_libraries(environment, loads, platform)
    if missing:
        return f"Qt lacks {len(missing)} system libraries; install them: apt-get install {' '.join(missing)}"
    if not has_display(environment, platform):
        return "no display (neither DISPLAY nor WAYLAND_DISPLAY is set); set one"
    return None
