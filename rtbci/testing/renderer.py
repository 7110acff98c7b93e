"""The contract of a renderer: pictures of embeddings, the same for the same one, given up when nobody wants them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.bank import Bank
from rtbci.errors import BankError
from rtbci.interfaces import Captions, SeesWindows
from rtbci.testing.contract import require, require_methods
from rtbci.types import StreamInfo, Window

SEED = 20263


@dataclass(frozen=True, slots=True)
class RendererReport:
    """What `check_renderer` saw: size of the pictures in pixels, and how often ``go_on`` was asked for one."""

    width: int
    height: int
    asked: int


def check_renderer(renderer: Any, bank: Path, *, info: StreamInfo | None = None) -> RendererReport:
    """Check that ``renderer``, which was just made, draws from the bank in the folder ``bank`` as a session wants it.

    Parameters
    ----------
    info : the stream, where it `SeesWindows`.

    Raises
    ------
    ContractError
        In one sentence: what is wrong, and what would be right.
    """
    require_methods(renderer, type(renderer).__name__, ("prepare", "render"), "Renderer")
    opened = Bank.open(bank)
    before = opened.damage()
    renderer.prepare(bank)
    require(
        opened.damage() == before,
        f"prepare() changed the bank ({opened.damage()}); its own files must stay as they are",
    )
    space = getattr(renderer, "space_id", None)
    require(
        space == opened.space_id,
        f"space_id is {space!r} after prepare(); {opened.space_id!r}, that of the bank, would be right",
    )
    if isinstance(renderer, SeesWindows):
        _show(renderer, info)
    first, second = (_unit(opened.embeddings[number].astype(np.float32)) for number in (0, len(opened.items) // 2))
    counted = _Counted()
    picture = _picture(renderer, first, counted, "an item's embedding")
    require(counted.asked > 0, "render() never asked go_on(); once before it draws, and between steps, would be right")
    again = _picture(renderer, first, _Counted(), "the same embedding again")
    require(
        np.array_equal(picture, again),
        "two pictures of one embedding, one after the other, differ; noise from a fixed seed would be right",
    )
    _picture(renderer, second, _Counted(), "another item's embedding")
    noise = np.random.default_rng(SEED).standard_normal(opened.dim).astype(np.float32)
    _picture(renderer, _unit(noise), _Counted(), "an embedding that is noise")
    _check_given_up(renderer, first, counted.asked)
    if isinstance(renderer, Captions):
        said: object = renderer.caption(picture)
        require(isinstance(said, str), f"caption() gave a {type(said).__name__}; a str would be right")
    return RendererReport(picture.shape[1], picture.shape[0], counted.asked)


class _Counted:
    """A ``go_on`` that says False from question number ``until`` on."""

    def __init__(self, until: int | None = None) -> None:
        self.asked = 0
        self._until = until

    def __call__(self) -> bool:
        self.asked += 1
        return self._until is None or self.asked < self._until


def _picture(renderer: Any, embedding: NDArray[np.float32], go_on: Callable[[], bool], of: str) -> NDArray[np.uint8]:
    kept = embedding.copy()
    said: object = renderer.render(embedding, go_on)
    require(np.array_equal(kept, embedding), "render() changed the embedding that it was given; a copy would be right")
    require(said is not None, f"render() gave None for {of} though go_on() was True; a picture would be right")
    array = np.asarray(said)
    require(
        array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3 and array.size > 0,
        f"render() gave {array.shape} {array.dtype} for {of}; (height, width, 3) uint8 RGB would be right",
    )
    return array


def _check_given_up(renderer: Any, embedding: NDArray[np.float32], asked: int) -> None:
    """A picture that nobody wants any more may still be drawn, but not for many more steps, and the next one is right."""
    at_once = _Counted(until=1)
    renderer.render(embedding, at_once)
    require(
        at_once.asked <= max(2, asked // 2),
        f"render() asked go_on() {at_once.asked} times though it said False at once; None at once would be right",
    )
    _picture(renderer, embedding, _Counted(), "an embedding after one that was given up")


def _show(renderer: SeesWindows, info: StreamInfo | None) -> None:
    require(info is not None, "it sees windows, so check_renderer needs a stream; info=StreamInfo(...) would be right")
    assert info is not None
    try:
        renderer.begin(info)
    except BankError as error:
        require(False, f"begin() refused the stream ({error}); info= of one that it can draw from would be right")
    seconds: object = renderer.seconds
    require(
        isinstance(seconds, float) and seconds > 0,
        f"seconds = {seconds!r} after prepare(); a length above 0 would be right",
    )
    n_samples = max(1, round(renderer.seconds * info.rate))
    noise = np.random.default_rng(SEED).standard_normal((info.n_channels, n_samples)).astype(np.float32)
    noise.flags.writeable = False
    renderer.see(Window(noise, 0, n_samples - 1, n_samples / info.rate, n_samples / info.rate))


def _unit(embedding: NDArray[np.float32]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = (embedding / max(float(np.linalg.norm(embedding)), 1e-12)).astype(np.float32)
    return scaled
