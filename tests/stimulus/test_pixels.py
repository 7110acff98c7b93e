"""The pixels of each paradigm's key frames."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from PySide6.QtGui import QImage, QPainter

from rtbci import bundled
from rtbci_stimulus import shots
from rtbci_stimulus.frame import Frame
from rtbci_stimulus.painter import FramePainter
from rtbci_stimulus.paradigms import make
from rtbci_stimulus.picture_files import PictureFiles
from rtbci_stimulus.pictures import Pictures, decode
from rtbci_stimulus.scene import ACCENT, Box, Picture, Text, Wave

W, H = 960, 540
AMBER = np.round(255 * np.array(ACCENT))


def pixels(frame, background=0.35, corner="bottom left", size=(W, H), pictures=None):
    """(height, width, 3) uint8 RGB of ``frame``."""
    image = QImage(*size, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    FramePainter(background, corner, 0.06, pictures).paint(painter, *size, frame)
    painter.end()
    return np.frombuffer(image.constBits(), np.uint8).reshape(size[1], size[0], 4)[..., 2::-1].astype(int)


def middle(where):
    """Mean (x, y) of the true pixels, in units from the middle of the screen."""
    y, x = np.nonzero(where)
    return (x.mean() - (W - 1) / 2) / H, (y.mean() - (H - 1) / 2) / H


def amber(image):
    return np.abs(image - AMBER).sum(axis=2) < 60


def scene_of(schedule, label):
    return next(step.scene for step in schedule.steps if label in step.marks)


@pytest.mark.parametrize(
    ("name", "side"),
    [("left hand", (-1, 0)), ("right hand", (1, 0)), ("feet", (0, 1)), ("tongue", (0, -1))],
)
def test_arrows_point_to_their_side_of_the_cross(qapp, name, side):
    schedule = make("motor-imagery", {"classes": [name, "word"], "trials": 1}).schedule(60.0, 1)
    image = pixels(Frame(scene_of(schedule, name)))
    x, y = middle(amber(image))
    assert (np.sign(np.round(x, 2)), np.sign(np.round(y, 2))) == side
    assert image[H // 2, W // 2].tolist() == [245, 245, 245]  # the cross
    assert image[20, 20].tolist() == [89, 89, 89]  # the ground


def test_fists_have_an_arrow_to_each_side(qapp):
    schedule = make("motor-imagery", {"classes": ["both fists"], "trials": 1}).schedule(60.0, 1)
    where = amber(pixels(Frame(scene_of(schedule, "both fists"))))
    assert abs(middle(where)[0]) < 0.01
    assert where[:, : W // 2].sum() == pytest.approx(where[:, W // 2 :].sum(), rel=0.02)


@pytest.mark.parametrize("corner", ["top left", "top right", "bottom left", "bottom right"])
def test_the_patch_is_a_square_in_its_corner_white_or_black(qapp, corner):
    for light in (0.0, 1.0):
        image = pixels(Frame((), patch=light), corner=corner)
        side = round(0.06 * H)
        rows = slice(0, side) if "top" in corner else slice(H - side, H)
        columns = slice(0, side) if "left" in corner else slice(W - side, W)
        assert (image[rows, columns] == 255 * light).all()
        image[rows, columns] = 89
        assert (image == 89).all()


def test_without_a_patch_there_is_only_ground(qapp):
    assert (pixels(Frame((), patch=1.0), corner="none") == 89).all()


def test_a_flashed_row_is_bright_and_the_others_are_not(qapp):
    schedule = make("p300-matrix", {"text": "A", "flashes": 1}).schedule(60.0, 1)
    image = pixels(Frame(scene_of(schedule, "row 2")), background=0.12).max(axis=2)
    bright = (image > 240).any(axis=1)
    cell = 0.82 / 6
    rows = [round((0.5 + 0.05 + (k - 2.5) * cell) * H) for k in range(6)]
    found = [bool(bright[row - 15 : row + 15].any()) for row in rows]
    assert found == [False, True, False, False, False, False]


@pytest.mark.parametrize("k", [0, 1, 2, 5])
def test_boxes_have_the_light_of_their_frame(qapp, k):
    box = Box(0.0, 0.0, 0.2, 0.2, 0.25, Wave(10.0))
    image = pixels(Frame((box,), k, 60.0))
    assert image[H // 2, W // 2].tolist() == [round(255 * 0.5 * (1 + np.sin(2 * np.pi * 10 * k / 60)))] * 3


def test_a_picture_keeps_its_shape_in_the_middle(qapp):
    picture = QImage(200, 100, QImage.Format.Format_RGB32)
    picture.fill(0xFF00FF00)
    image = pixels(Frame((Picture("x", 0.5),)), background=0.5, pictures=lambda name: picture)
    green = (image == [0, 255, 0]).all(axis=2)
    assert (green.any(axis=0).sum(), green.any(axis=1).sum()) == (H // 2, H // 4)
    assert np.allclose(middle(green), 0.0, atol=0.002)


def test_the_picture_of_the_bank_is_what_is_seen(qapp):
    bank = bundled.pictures()
    paradigm = make("rsvp", {"pictures": str(bank), "limit": 5, "repeats": 1, "catch": 0.0})
    schedule = paradigm.schedule(60.0, 3)
    files = PictureFiles(bank)
    ready = Pictures(files.raw, schedule.pictures(), H // 2)
    try:
        for name in schedule.pictures():
            image = pixels(Frame((Picture(name, 0.5),)), 0.5, pictures=ready.image)
            shown = decode(files.raw(name), H // 2)
            expected = np.frombuffer(shown.constBits(), np.uint8).reshape(H // 2, H // 2, 4)[..., 2::-1]
            left = (W - H // 2) // 2
            seen = image[H // 4 : H // 4 + H // 2, left : left + H // 2]
            assert np.abs(seen - expected).max() <= 2
    finally:
        ready.close()


def test_pictures_are_decoded_before_they_are_due_and_only_as_many_as_are_kept(qapp):
    decoded: list[str] = []
    raw = PictureFiles(bundled.pictures())
    order = make("rsvp", {"pictures": str(bundled.pictures())}).items()[:30]

    def read(name):
        decoded.append(name)
        return raw.raw(name)

    pictures = Pictures(read, order, 64, kept_bytes=10 * 4 * 64 * 64)
    try:
        wait_until(lambda: pictures.loaded)
        assert decoded == list(order[:10])
        for name in order:
            pictures.image(name)
            wait_until(lambda name=name: set(order[order.index(name) :][:10]) <= set(decoded))
        assert pictures.late == 0
        assert len(decoded) == 30
    finally:
        pictures.close()


def test_the_thread_ends_even_where_it_was_just_about_to_look_ahead(qapp):
    class Racing(threading.Event):
        """`close` comes between the thread's look at whether it is to end and its next wait."""

        def clear(self):
            pictures._stop = True
            self.set()
            super().clear()

    pictures = Pictures(lambda name: b"no picture", ["x"], 32)
    wait_until(lambda: pictures.loaded)
    moved, pictures._moved = pictures._moved, Racing()
    moved.set()
    pictures._thread.join(timeout=10.0)
    assert not pictures._thread.is_alive()


def test_a_picture_that_cannot_be_read_is_said_and_shown_grey(qapp):
    pictures = Pictures(lambda name: b"no picture", ["x"], 32)
    try:
        assert pictures.image("x").pixel(5, 5) == 0xFF808080
        assert 'picture "x": no picture that can be read' in pictures.failure
        assert pictures.summary()["failure"] == pictures.failure
    finally:
        pictures.close()


def test_a_line_that_is_too_long_is_written_smaller_and_not_cut_off(qapp):
    image = pixels(Frame((Text("many words " * 20, size=0.05),)), corner="none")
    written = np.nonzero((image != 89).any(axis=(0, 2)))[0]
    assert written.min() > 5
    assert written.max() < W - 6


@pytest.mark.parametrize("size", [(960, 540), (1024, 768), (800, 1280), (1920, 1080)])
@pytest.mark.parametrize("use", ["motor-imagery", "p300-matrix", "ssvep", "resting"])
def test_no_screen_is_cut_off_whatever_the_shape_of_the_display(qapp, use, size):
    paradigm = make(use, {})
    for frame in shots.frames(paradigm.schedule(60.0, 1), paradigm.title):
        if any(isinstance(shape, Box) and shape.width > 1 for shape in frame.scene[:1]):
            continue  # a ground of its own
        image = pixels(Frame(frame.scene, 3), corner="none", size=size)
        edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        assert (edge == edge[0]).all()


def wait_until(condition):
    """Wait for a thread, at most as long as the test may last."""
    import time

    while not condition():
        time.sleep(0.005)
