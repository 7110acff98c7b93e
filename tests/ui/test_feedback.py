"""What the participant sees: the decoder in charge, large, and never as current what is not."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage

from rtbci.rendered import Rendered
from rtbci_ui import theme
from rtbci_ui.feedback.cursor import SMOOTH_SECONDS, Cursor, targets
from rtbci_ui.feedback.scene import Mood, in_charge, scene
from rtbci_ui.feedback.window import FeedbackWindow
from rtbci_ui.run import Run
from tests.bank.drawn import build, three_classes
from tests.ui.fake_decoders import FakeDecoders
from tests.ui.fake_images import FakeImages

pytestmark = pytest.mark.usefixtures("dark")


def pixels(widget):
    """(height, width) uint32 of what the widget shows."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.bytesPerLine() // 4)
    return rows[:, : image.width()].copy()


def count(widget, colour):
    return int((pixels(widget) == theme.pixel(colour)).sum())


class Stage:
    """A session at second 60 with a window for the participant, and a clock that is set by hand."""

    def __init__(self, qtbot, folder, classes=None, kind="bars"):
        self.fake = FakeDecoders(folder / "run", ("tangent", "mdm"), classes)
        self.fake.began = time.monotonic() - 60.0
        self.fake.run.write_stream(self.fake.info, self.fake.offset)
        self.late = 0.0
        self.start = self.fake.began + 60.0
        self.run = Run(self.fake.run.path, lambda: self.start + self.late)
        self.window = FeedbackWindow(self.run, kind)
        qtbot.addWidget(self.window)
        self.window.resize(900, 600)
        self.window.show()

    def decide(self, name, evidence, *, seconds=60.0, answer=None):
        self.fake.say(name, seconds - 0.02, evidence, answer)

    def look(self, seconds=None):
        """Look at ``seconds``; the session writes until then."""
        if seconds is not None:
            self.late = seconds - 60.0
        self.fake.write_status(60.0 + self.late)
        for _ in range(3):
            self.run._looked = -1.0
            self.run.refresh()
        self.window.refresh()

    def close(self):
        self.run.close()
        self.fake.close()


@pytest.fixture
def stage(qtbot, tmp_path):
    made = Stage(qtbot, tmp_path)
    yield made
    made.close()


def test_bars_are_as_high_as_the_evidence_of_the_decoder_in_charge(stage):
    stage.decide("tangent", (0.25, 0.75))
    stage.decide("mdm", (0.9, 0.1))
    stage.look()
    seen = pixels(stage.window.bars)
    heights = [int((seen == theme.pixel(theme.class_colour(k))).any(axis=1)[:460].sum()) for k in (0, 1)]
    assert heights[1] / heights[0] == pytest.approx(3.0, rel=0.05)
    stage.fake.charge = {"decoder": "mdm", "next": None}
    stage.look()
    assert in_charge(stage.run).name == "mdm"
    assert stage.window.bars.scene.posterior == pytest.approx((0.9, 0.1))


def test_the_class_of_the_running_trial_has_a_line_around_it_until_it_ends(stage):
    stage.decide("tangent", (0.5, 0.5))
    stage.look()
    assert stage.window.bars.scene.truth == -1
    assert count(stage.window.bars, theme.STRONG) == 0
    stage.fake.mark("T2", 59.0)
    stage.look()
    assert stage.window.bars.scene.truth == 1
    assert count(stage.window.bars, theme.STRONG) > 500
    stage.decide("tangent", (0.5, 0.5), seconds=62.6)
    stage.look(62.6)
    assert stage.window.bars.scene.truth == -1


@pytest.mark.parametrize("kind", ["bars", "cursor"])
def test_what_is_too_old_is_dimmed_and_said_and_nothing_moves(stage, kind):
    stage.window.show_kind(kind)
    stage.decide("tangent", (0.1, 0.9))
    stage.look()
    view = stage.window.stack.currentWidget()
    stage.look(60.3)
    ball = stage.window.cursor_view.ball()
    colour = theme.class_colour(1)
    assert count(view, colour) > 300
    stage.look(61.0)
    assert (view.scene.mood, view.scene.words) == (Mood.PAUSED, "Paused: no fresh signal")
    assert count(view, colour) == 0
    assert count(view, theme.TEXT) > 100  # the words
    stage.look(65.0)
    assert stage.window.cursor_view.ball() == ball
    stage.decide("tangent", (0.1, 0.9), seconds=65.0)
    stage.look(65.0)
    assert view.scene.live
    assert count(view, colour) > 300


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"state": "ended"}, "The session has ended"),
        ({"state": "lost"}, "Paused: the signal is lost"),
        ({"trouble": {"tangent": {"state": "stopped"}}}, "Paused: decoding is stopped"),
    ],
)
def test_why_it_pauses_is_said_in_plain_words(stage, what, words):
    stage.decide("tangent", (0.1, 0.9))
    stage.look()
    assert scene(stage.run).live
    for name, value in what.items():
        setattr(stage.fake, name, value)
    stage.look()
    shown = stage.window.bars.scene
    assert (shown.live, shown.words) == (False, words)
    assert shown.posterior == pytest.approx((0.1, 0.9))  # what was shown stays, dimmed
    assert count(stage.window.bars, theme.class_colour(1)) == 0


def test_a_silent_session_is_not_believed(stage):
    stage.decide("tangent", (0.1, 0.9))
    stage.look()
    stage.late = 1.2
    stage.fake.say("tangent", 61.15, (0.1, 0.9))  # the worker lives, the session does not
    stage.run._looked = -1.0
    stage.run.refresh()
    stage.window.refresh()
    assert stage.window.bars.scene.words == "Paused: the session does not answer"


def test_before_the_first_decision_it_waits(qtbot, tmp_path):
    (tmp_path / "run").mkdir()
    window = FeedbackWindow(Run(tmp_path / "run"))
    qtbot.addWidget(window)
    for kind in ("bars", "cursor", "picture"):
        window.show_kind(kind)
        window.grab()
    assert window.bars.scene.words == "Waiting for the decoder"
    assert window.picture.words == "Waiting for the decoder"


def test_the_ball_goes_where_the_evidence_pulls(stage, qtbot):
    stage.window.show_kind("cursor")
    stage.decide("tangent", (0.05, 0.95))
    stage.look()
    view = stage.window.cursor_view
    assert view.ball().center().x() == pytest.approx(view.width() / 2)
    for k in range(1, 30):
        stage.decide("tangent", (0.05, 0.95), seconds=60.0 + k / 20)
        stage.look(60.0 + k / 20)
    assert view.cursor_model.position == pytest.approx((0.9, 0.0), abs=1e-3)
    expected = view.width() / 2 + 0.9 * view.reach
    white = np.flatnonzero(pixels(view)[view.height() // 2] == theme.pixel(theme.TEXT))
    assert white.mean() == pytest.approx(expected, abs=2)


def test_more_classes_than_targets_have_no_ball_and_bars_of_the_likeliest(qtbot, tmp_path):
    stage = Stage(qtbot, tmp_path, [f"picture {k}" for k in range(40)])
    shares = np.full(40, 0.5 / 39)
    shares[17] = 0.5
    stage.decide("tangent", shares, answer=17)
    stage.look()
    assert stage.window.bars.order()[0] == 17
    assert len(stage.window.bars.bars()) == 6
    stage.window.show_kind("cursor")
    assert stage.window.cursor_view.too_many
    stage.window.grab()
    stage.close()


def test_keys_switch_fill_the_screen_and_close(stage, qtbot):
    window = stage.window
    kinds = []
    window.kind_changed.connect(kinds.append)
    for key, kind in ((Qt.Key.Key_C, "cursor"), (Qt.Key.Key_P, "picture"), (Qt.Key.Key_B, "bars")):
        qtbot.keyClick(window, key)
        assert window.kind == kind
    assert kinds == ["cursor", "picture", "bars"]
    qtbot.keyClick(window, Qt.Key.Key_F)
    assert window.isFullScreen() and not window.hint.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_F)
    assert not window.isFullScreen() and window.hint.isVisible()
    with qtbot.waitSignal(window.closed):
        qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not window.isVisible()


def test_another_kind_is_refused_with_the_ones_there_are(stage):
    with pytest.raises(ValueError, match="'tunnel'; bars, cursor or picture"):
        stage.window.show_kind("tunnel")


class TestPicture:
    @pytest.fixture
    def seen(self, stage, tmp_path):
        bank = build(tmp_path, three_classes(tmp_path / "pictures"))
        images = FakeImages(stage.fake.run, "tangent", bank, 12, k=3)
        yield stage, images
        images.close()

    def test_a_decoder_without_a_bank_is_said_so(self, stage):
        stage.window.show_kind("picture")
        stage.decide("tangent", (0.5, 0.5))
        stage.look()
        assert stage.window.picture.words.startswith("No decoder looks for pictures")

    def test_the_claimed_picture_is_shown_and_an_abstention_shows_none(self, seen):
        stage, images = seen
        stage.window.show_kind("picture")
        stage.decide("tangent", (0.5, 0.5))
        images.find([2, 0, 1], [0.7, 0.2, 0.1], time=stage.fake.time(59.98))
        stage.look()
        view = stage.window.picture
        assert (view.mood, view.item) == (Mood.LIVE, 2)
        assert view.name == stage.run.retrievals["tangent"].name_of(2)
        frame = view.frames()[0].toRect()
        inside = pixels(view)[frame.top() + 40 : frame.bottom() - 40, frame.left() + 40 : frame.right() - 40]
        assert (inside != theme.pixel(theme.PANEL)).mean() > 0.5
        images.find([1, 0, 2], [0.4, 0.3, 0.3], time=stage.fake.time(60.0), answer=-1)
        stage.look(60.02)
        assert (view.item, view.name) == (-1, "not sure")
        inside = pixels(view)[frame.top() + 40 : frame.bottom() - 40, frame.left() + 40 : frame.right() - 40]
        assert (inside == theme.pixel(theme.PANEL)).all()

    def test_an_old_picture_is_dimmed(self, seen):
        stage, images = seen
        stage.window.show_kind("picture")
        images.find([2, 0, 1], [0.7, 0.2, 0.1], time=stage.fake.time(59.98))
        stage.look()
        assert stage.window.picture.mood is Mood.LIVE
        stage.look(75.0)
        assert stage.window.picture.words == "Paused: no fresh signal"

    def test_what_was_drawn_stands_beside_and_says_so(self, seen):
        stage, images = seen
        stage.window.show_kind("picture")
        images.find([2, 0, 1], [0.7, 0.2, 0.1], time=stage.fake.time(59.98), stop=500)
        drawn = np.zeros((64, 64, 3), np.uint8)
        drawn[...] = (250, 10, 200)
        images.draw(drawn, time=stage.fake.time(59.5), stop=500)
        stage.look()
        view = stage.window.picture
        assert view.drawn is not None
        assert count(view, QColor(250, 10, 200).name()) > 0.9 * view.frames()[1].width() ** 2 * 0.9
        assert not view.frames()[0].intersects(view.frames()[1])

    def test_a_picture_is_not_taken_for_one_that_is_gone(self, seen):
        """What was freed gives its address to what comes next."""
        view = seen[0].window.picture

        def drawn(shade):
            return Rendered(np.full((8, 8, 3), shade, np.uint8), "tangent", "prior", 0, 500, 1.0, 1.0, 1.1)

        for shade in range(1, 200):
            picture = drawn(shade)
            assert view._fit(picture, 8, False).toImage().pixelColor(4, 4).red() == shade
            del picture


class TestTargets:
    def test_two_stand_left_and_right(self):
        np.testing.assert_allclose(targets(("fists", "feet")), [(-1, 0), (1, 0)], atol=1e-9)

    def test_names_that_say_where_are_believed(self):
        np.testing.assert_allclose(targets(("right hand", "left hand")), [(1, 0), (-1, 0)])
        found = targets(("left hand", "right hand", "feet", "tongue"))
        np.testing.assert_allclose(found, [(-1, 0), (1, 0), (0, 1), (0, -1)])

    def test_two_at_a_right_angle_get_an_axis_instead(self):
        np.testing.assert_allclose(targets(("left hand", "feet")), [(-1, 0), (1, 0)], atol=1e-9)

    def test_rest_is_the_middle(self):
        np.testing.assert_allclose(
            targets(("fists", "feet", "idle"), frozenset({2})), [(-1, 0), (1, 0), (0, 0)], atol=1e-9
        )

    @given(n=st.integers(2, 8))
    def test_targets_stand_apart_on_the_circle(self, n):
        found = targets(tuple(f"class {k}" for k in range(n)))
        np.testing.assert_allclose(np.hypot(*found.T), 1.0)
        apart = min(np.hypot(*(found[a] - found[b])) for a in range(n) for b in range(a))
        assert apart >= 2 * np.sin(np.pi / n) - 1e-9


class TestCursor:
    @given(
        steps=st.lists(
            st.tuples(st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4), st.floats(0.0, 2.0)), max_size=20
        )
    )
    def test_it_never_leaves_the_circle(self, steps):
        ball, places = Cursor(), targets(("a", "b", "c", "d"))
        for weights, seconds in steps:
            ball.follow(np.array(weights) / sum(weights), places, seconds)
            assert np.hypot(*ball.position) <= 1.0 + 1e-9

    def test_nothing_known_of_even_targets_is_the_middle(self):
        ball = Cursor()
        ball.follow(np.full(3, 1 / 3), targets(("a", "b", "c")), 10.0)
        np.testing.assert_allclose(ball.position, 0.0, atol=1e-9)

    def test_it_follows_with_its_time_constant_however_often_it_is_asked(self):
        places, certain = targets(("a", "b")), np.array([0.0, 1.0])
        once, often = Cursor(), Cursor()
        once.follow(certain, places, SMOOTH_SECONDS)
        for _ in range(10):
            often.follow(certain, places, SMOOTH_SECONDS / 10)
        assert once.position[0] == pytest.approx(1 - np.exp(-1))
        assert often.position[0] == pytest.approx(once.position[0])
