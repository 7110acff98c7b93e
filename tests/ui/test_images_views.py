"""Decoded images as an experimenter sees them: what is claimed, what was shown, and how much of it is to be believed."""

import os

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from rtbci.bank import Bank
from rtbci.runfolder import RunFolder
from rtbci_ui import theme
from rtbci_ui.retrieval_feed import RetrievalFeed
from rtbci_ui.run import Run
from rtbci_ui.thumbnails import Thumbnails
from rtbci_ui.views.gallery import NO_TRUTH
from rtbci_ui.views.images import ImagesView
from rtbci_ui.views.marks import colour
from rtbci_ui.views.places import places
from rtbci_ui.window import MainWindow
from tests.bank.drawn import build, three_classes
from tests.ui.fake_images import FakeImages, play

pytestmark = pytest.mark.usefixtures("dark")
SHARES = [0.62, 0.2, 0.1, 0.05, 0.03]


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bank")
    return Bank.open(build(folder, three_classes(folder / "pictures")))


def pixels(widget):
    """(height, width) uint32 of what the widget shows."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.bytesPerLine() // 4)
    return rows[:, : image.width()].copy()


def count(widget, colour):
    return int((pixels(widget) == theme.pixel(colour)).sum())


def reddish(box_pixels):
    channels = box_pixels.view(np.uint8).reshape(-1, 4).astype(int)  # blue, green, red, alpha
    return int(((channels[:, 2] > channels[:, 1] + 80) & (channels[:, 2] > channels[:, 0] + 80)).sum())


class Images:
    """A view over files that a worker would write, with its clock in the test's hands."""

    def __init__(self, qtbot, folder, bank, size=(960, 720), n_items=12):
        folder.mkdir(exist_ok=True)
        self.fake = FakeImages(RunFolder(folder), "clip", bank, n_items)
        self.feed = RetrievalFeed("clip", self.fake.run)
        self.time = 10.0
        self.view = ImagesView(self.feed, lambda: self.time)
        qtbot.addWidget(self.view)
        self.view.resize(*size)
        self.view.show()

    def look(self):
        self.feed.look()
        self.feed.refresh()
        self.view.refresh()


@pytest.fixture
def images(qtbot, tmp_path, bank):
    made = Images(qtbot, tmp_path / "run", bank.path)
    yield made
    made.fake.close()


def crop(widget, box):
    return pixels(widget)[int(box.top()) : int(box.bottom()), int(box.left()) : int(box.right())].copy()


def red_of(bank):
    return next(k for k, item in enumerate(bank.items) if item.category == "reds")


class TestGallery:
    def test_before_the_first_retrieval_nothing_is_claimed(self, images):
        images.look()
        assert images.view.gallery.verdict() == "no retrieval yet"
        assert images.view.gallery.candidates() == []
        assert images.view.gallery.truth() == (-1, NO_TRUTH)

    def test_candidates_have_rank_name_and_probability_and_the_best_is_large(self, images, bank):
        red = red_of(bank)
        others = [k for k in range(12) if bank.items[k].category == "blues"]
        images.fake.find([red, *others], SHARES, time=9.9)
        images.look()
        gallery = images.view.gallery
        assert gallery.verdict() == f"claims: {bank.items[red].id}"
        assert gallery.candidates()[0] == (1, bank.items[red].id, "62 %")
        assert gallery.candidates()[4] == (5, bank.items[others[3]].id, "3.0 %")
        assert gallery.age() == "window ended 0.1 s ago"
        where = places(gallery.width(), gallery.height(), 4, gallery.zoom)
        assert reddish(crop(gallery, where.best)) > 5000
        assert all(reddish(crop(gallery, box)) == 0 for box in where.others)

    def test_abstaining_is_said(self, images):
        images.fake.find([3, 1, 2, 0, 4], SHARES, time=9.9, answer=-1, rest=0.2)
        images.look()
        assert images.view.gallery.verdict() == "abstains"
        assert "as sure as 20 % of windows without a picture" in images.view.gallery.ground()

    def test_what_is_truly_shown_stands_beside_it_with_its_rank(self, images, bank):
        red = red_of(bank)
        others = [k for k in range(12) if bank.items[k].category == "blues"]
        images.fake.find([*others, 4], SHARES, time=9.9, truth=red, rank=7, repeats=3, marker=9.0)
        images.look()
        gallery = images.view.gallery
        assert gallery.truth() == (red, "rank 7 of 12")
        assert gallery.ground() == "3 presentations averaged"
        where = places(gallery.width(), gallery.height(), 4, gallery.zoom)
        assert reddish(crop(gallery, where.true)) > 5000
        assert count(gallery, colour(False)) > 100
        images.fake.find([red, *others], SHARES, time=9.95, truth=red, rank=1, marker=9.0)
        images.look()
        assert count(gallery, colour(True)) > 100
        assert count(gallery, colour(False)) == 0

    def test_what_is_old_is_grey_and_says_how_old(self, images, bank):
        images.fake.find([red_of(bank), 1, 2, 0, 4], SHARES, time=9.9, truth=1, rank=2, marker=9.0)
        images.look()
        images.feed.patience = 2.0
        images.time = 13.0
        images.look()
        gallery = images.view.gallery
        assert gallery.stale
        assert gallery.verdict() == "STALE"
        assert gallery.age() == "nothing newer for 3.1 s"
        where = places(gallery.width(), gallery.height(), 4, gallery.zoom)
        assert reddish(crop(gallery, where.best)) == 0
        assert count(gallery, colour(False)) == 0

    def test_after_the_end_the_last_one_is_final_and_not_stale(self, images):
        images.fake.find([3, 1, 2, 0, 4], SHARES, time=9.9)
        images.time = 99.0
        images.view.know(True)
        images.look()
        assert not images.view.gallery.stale
        assert images.view.gallery.age() == "session ended; this was the last one"

    def test_only_what_changed_is_read_again(self, images):
        images.fake.find([3, 1, 2, 0, 4], SHARES, time=9.9)
        images.look()
        pixels(images.view)
        read = images.view.thumbnails.read
        assert read == 5
        images.time = 10.3
        images.look()
        pixels(images.view)
        assert images.view.thumbnails.read == read

    @pytest.mark.parametrize("size", [(540, 280), (700, 400), (1500, 600)])
    @pytest.mark.parametrize("others", [1, 4, 9, 19])
    def test_nothing_lies_over_another_or_outside(self, size, others):
        for pictures in (True, False):
            where = places(*size, others, 1.0, pictures)
            boxes = [where.best, where.true, *where.others]
            for i, box in enumerate(boxes):
                assert box.left() >= 0 and box.right() <= size[0]
                assert box.top() >= 0 and box.bottom() <= size[1]
                assert not any(box.intersects(other) for other in boxes[i + 1 :])


class TestFilmstrip:
    def test_past_stimuli_say_what_was_shown_and_answered(self, images, bank):
        names = [item.id for item in bank.items]
        images.fake.tell(1.0, 2, 2, 1, claimed=2)
        images.fake.tell(5.0, 3, 7, 4)
        images.fake.tell(5.0, 3, 8, 2, averaged=2)
        images.look()
        assert images.view.film.texts() == [
            f"shown {names[2]}, best {names[2]}: hit, rank 1 of 12, single presentation",
            f"shown {names[3]}, best {names[8]}: miss, abstained, rank 2 of 12, 2 presentations averaged",
        ]
        assert count(images.view.film, colour(True)) > 50
        assert count(images.view.film, colour(False)) > 5
        images.time = 15.0
        images.view.refresh()
        assert images.view.film_title.text() == "past stimuli, 0:10 ago · 1 claim, 1 right · hollow: abstained"

    def test_the_newest_are_kept_at_the_right(self, images):
        for k in range(60):
            images.fake.tell(float(k), k % 12, k % 12, 1)
        images.look()
        frames = images.view.film.frames()
        assert 8 <= len(frames) < 60
        assert frames[-1].time == 59.0
        boxes = images.view.film._boxes()
        assert boxes[-1].right() <= images.view.film.width()

    def test_hits_and_misses_have_the_colours_of_the_theme_in_use(self, images, qapp):
        images.fake.tell(1.0, 2, 2, 1, claimed=2)
        images.look()
        dark = colour(True)
        theme.apply(qapp, "light")
        try:
            images.view.film.update()
            assert colour(True) != dark
            assert count(images.view.film, colour(True)) > 50
            assert count(images.view.film, dark) == 0
        finally:
            theme.apply(qapp, "dark")


class TestTallies:
    def test_no_accuracy_stands_without_its_ground(self, images):
        for k, (truth, best, rank) in enumerate([(0, 0, 1), (0, 0, 1), (1, 0, 6), (2, 5, 12)]):
            images.fake.tell(float(k), truth, best, rank)
            images.fake.tell(float(k), 0, 0, 1, kind="centre", candidates=3)
        images.look()
        tallies = images.view.tallies
        assert tallies.bank() == "made.bank · 12 pictures · 3 classes · chance top-1 8.3 % · top-5 42 %"
        item, centre = tallies.lines()
        assert (item.what, item.trials) == ("12 pictures", "n 4, single")
        assert (item.top1.value, item.top1.interval, item.top1.chance, item.top1.shuffled) == (
            "50 %",
            "15–85 %",
            "8.3 %",
            "38 %",
        )
        assert (item.top5.value, item.top5.chance) == ("50 %", "42 %")
        assert (item.median, item.chance_median) == ("3.5", "6.5")
        assert centre.what == "3 class centres"
        assert (centre.top1.chance, centre.top1.shuffled) == ("33 %", "100 %")
        assert centre.top5 is None

    def test_numbers_of_a_silent_session_say_their_age(self, images):
        images.fake.tell(1.0, 2, 2, 1)
        images.look()
        before = count(images.view.tallies, theme.TEXT)
        images.view.know(False, 4.2)
        images.view.refresh()
        assert images.view.tallies.bank().endswith("(4.2 s old)")
        assert count(images.view.tallies, theme.TEXT) == 0 < before

    def test_of_a_silent_session_nothing_keeps_its_colours(self, images):
        for k in range(6):
            images.fake.tell(float(k), k % 3, 0, 1 + k % 3, claimed=0 if k % 2 else -1)
        images.look()
        views = (images.view.film, images.view.history)
        shades = [colour(hit) for hit in (True, False)]
        assert all(count(view, shade) > 0 for view in views for shade in shades)
        images.view.know(False, 4.2)
        images.view.refresh()
        assert all(count(view, shade) == 0 for view in views for shade in shades)
        images.view.know(True, None)
        images.view.refresh()
        assert all(count(view, shade) > 0 for view in views for shade in shades)


class TestRankHistory:
    def test_ranks_stand_on_a_log_axis_with_chance_and_repeats_marked(self, images):
        images.fake.tell(1.0, 2, 2, 1, claimed=2)
        images.fake.tell(5.0, 3, 7, 10)
        images.fake.tell(9.0, 3, 7, 5)
        images.fake.tell(9.0, 3, 8, 2, averaged=2, claimed=8)
        images.look()
        history = images.view.history

        def points(**mark):
            x, y = history.points[mark["hit"], mark["averaged"], mark["abstained"]].getData()
            return x.tolist(), y.tolist()

        assert points(hit=True, averaged=False, abstained=False) == ([1.0], [0.0])
        assert points(hit=False, averaged=False, abstained=True) == ([2.0], [1.0])
        assert points(hit=False, averaged=True, abstained=False) == ([3.0], [pytest.approx(np.log10(2))])
        assert history.alone.getData()[1].tolist() == [pytest.approx(np.log10(5))]
        assert history.chance.value() == pytest.approx(np.log10(6.5))
        assert history.word.toPlainText() == "chance median 6.5"
        low, high = history.plot.getViewBox().viewRange()[1]
        assert low < 0.0 < np.log10(12) < high

    def test_of_a_long_session_the_newest_are_drawn(self, images):
        for k in range(1500):
            images.fake.tell(float(k), k % 12, k % 12, 1 + k % 2)
        for _ in range(20):
            images.look()
        history = images.view.history
        drawn = np.concatenate([points.getData()[0] for points in history.points.values()])
        assert sorted(drawn) == list(range(501, 1501))
        left, right = history.plot.getViewBox().viewRange()[0]
        assert (left, right) == (500.0, 1501.0)


class TestRendered:
    def test_without_a_renderer_there_is_no_place_for_it(self, images):
        images.look()
        assert images.view.rendered.isHidden()

    def test_a_drawn_picture_is_labelled_and_has_an_age(self, images, bank):
        images.fake.find([3, 1, 2, 0, 4], SHARES, time=8.0, stop=500, truth=7, rank=6, marker=7.0)
        red = np.zeros((32, 32, 3), np.uint8)
        red[:, :, 0] = 220
        images.fake.draw(red, time=8.0, stop=500, took=0.8, caption="a red square")
        images.fake.say(state="live", problem="", drawn=3, overtaken=2)
        images.look()
        view = images.view.rendered
        assert view.isVisible()
        assert view.age() == "of the window 2.0 s ago"
        assert view.lines() == [
            f"shown then: {bank.items[7].id}",
            "by prior, took 800 ms",
            "nearest caption: “a red square”",
            "renderer live, 3 drawn, 2 overtaken",
        ]
        assert reddish(pixels(view)) > 3000
        images.time = 40.0
        images.look()
        assert view.age() == "STALE: window 32.0 s ago"
        assert (
            reddish(pixels(view)[int(50 * view.zoom) :].copy()) == 0
        )  # the words about its age are red, the picture grey

    def test_a_renderer_in_trouble_says_so_before_it_has_drawn_anything(self, images):
        images.fake.say(state="failed", problem="no weights at /models/prior", drawn=0, overtaken=0)
        images.look()
        view = images.view.rendered
        assert view.isVisible()
        assert view.age() == "nothing drawn yet"
        assert view.lines() == ["renderer failed", "problem: no weights at /models/prior"]
        images.fake.run.renderer.write_text('{"decoder": "another", "state": "live"}')
        images.look()
        assert view.isHidden()


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_a_bank_without_pictures_is_shown_in_words(qtbot, tmp_path):
    (tmp_path / "none").mkdir()
    table = tmp_path / "captions.csv"
    table.write_text("caption,class\na zebra,animals\na lazy jazz tune,music\na horse,animals\n")
    path = build(tmp_path, tmp_path / "none", "--items", table, use="Letters", out="captions.bank")
    made = Images(qtbot, tmp_path / "run", path, n_items=3)
    made.fake.close()
    made.fake.run.retrieved("clip").unlink()
    made.fake = FakeImages(made.fake.run, "clip", path, 3, k=3)
    made.fake.find([1, 0, 2], [0.6, 0.3, 0.1], time=9.9, truth=0, rank=2, marker=9.0)
    made.fake.tell(9.0, 0, 1, 2)
    made.look()
    assert made.view.gallery.verdict() == "claims: a lazy jazz tune"
    assert [name for _, name, _ in made.view.gallery.candidates()] == ["a lazy jazz tune", "a zebra", "a horse"]
    assert made.view.tallies.bank().startswith("captions.bank · 3 captions · 2 classes · chance top-1 33 %")
    assert "top-5" not in made.view.tallies.bank()
    pixels(made.view)
    assert made.view.thumbnails.read == 0
    assert made.view.film.texts() == [
        "shown a zebra, best a lazy jazz tune: miss, abstained, rank 2 of 3, single presentation"
    ]
    made.fake.close()


def test_a_bank_that_cannot_be_opened_leaves_numbers(qtbot, tmp_path):
    made = Images(qtbot, tmp_path / "run", tmp_path / "gone.bank")
    made.fake.find([3, 1, 2, 0, 4], SHARES, time=9.9)
    made.look()
    assert made.view.gallery.verdict() == "claims: item 3"
    assert "gone.bank is no bank" in made.view.tallies.bank()
    made.fake.close()


def test_as_many_pixels_are_kept_as_were_allowed(qapp, bank):
    kept = Thumbnails(most_bytes=3 * 4 * 40 * 40)
    kept.look_at(bank)
    for item in range(12):
        assert max(kept.get(item, 40, 40).width(), kept.get(item, 40, 40).height()) == 40
    assert kept.read == 12
    assert kept._bytes <= 3 * 4 * 40 * 40
    kept.get(0, 40, 40)
    assert kept.read == 13
    assert kept.get(99, 40, 40) is None
    kept.look_at(None)
    assert kept.get(0, 40, 40) is None


class TestWindow:
    @pytest.fixture
    def seen(self, qtbot, fake, bank):
        fake.fill(8.0)
        self.run = Run(fake.run.path)
        self.window = MainWindow(self.run, lambda *_: {"ok": True})
        self.window._timer.stop()
        qtbot.addWidget(self.window)
        self.window.show()
        yield self.window
        self.run.close()

    def look(self):
        self.run._looked = -1.0
        self.window._status_due = 0.0
        self.window.tick()
        QApplication.processEvents()

    @property
    def panel(self):
        return self.window.panels["images"]

    def test_images_appear_when_a_decoder_looks_in_a_bank(self, seen, fake, bank):
        seen.docks.reveal("images")
        self.look()
        assert self.panel.view is None
        assert self.panel.nothing.isVisible()
        seen.images_alone()
        assert "there are no images" in seen.note.text()
        images = FakeImages(fake.run, "riemann", bank.path, 12)
        play(images, [fake.time(7.5)], classes=3)
        self.look()
        self.look()
        assert self.panel.view.isVisible()
        assert self.panel.view.gallery.newest.truth == self.panel.view.film.frames()[0].truth
        assert self.run.retrievals["riemann"].patience == self.run.feeds["riemann"].patience
        seen.show_images()
        self.look()
        assert seen.docks.in_sight("traces")
        assert not seen.docks.in_sight("images")
        images.close()

    def test_keys_switch_and_open_a_window_of_its_own(self, seen, fake, bank, qtbot):
        images = FakeImages(fake.run, "riemann", bank.path, 12)
        play(images, [fake.time(7.5)], classes=3)
        self.look()
        seen.activateWindow()
        qtbot.waitUntil(seen.isActiveWindow)
        qtbot.keyClick(seen, Qt.Key.Key_I)
        self.look()
        assert seen.docks.in_sight("images")
        qtbot.keyClick(seen, Qt.Key.Key_F11)
        alone = seen.extra_windows["images"]
        assert alone.isFullScreen()
        self.look()
        assert alone.view.gallery.candidates() == self.panel.view.gallery.candidates() != []
        qtbot.keyClick(alone, Qt.Key.Key_Escape)
        assert not alone.isVisible()
        seen.images_alone()
        assert alone.isVisible()
        seen.close()
        assert not alone.isVisible()
        images.close()

    def test_what_is_shown_is_of_a_decoder_that_looks_in_a_bank(self, qtbot, tmp_path, bank):
        from tests.ui.fake_session import FakeSession

        session = FakeSession(tmp_path / "two", decoders=("riemann", "clip"))
        session.fill(4.0)
        images = FakeImages(session.run, "clip", bank.path, 12)
        images.find([3, 1, 2, 0, 4], SHARES, time=session.time(3.9))
        self.run = Run(session.run.path)
        self.window = MainWindow(self.run, lambda *_: {"ok": True})
        self.window._timer.stop()
        qtbot.addWidget(self.window)
        self.window.show()
        self.window.docks.reveal("images")
        self.look()
        assert self.window.selected == "riemann"  # which finds no pictures
        assert self.panel.shown == "clip"
        assert len(self.panel.view.gallery.candidates()) == 5
        self.window.next_decoder()
        self.look()
        assert self.panel.shown == "clip"
        self.run.close()
        images.close()
        session.close()

    def test_a_silent_session_makes_images_grey(self, seen, fake, bank):
        images = FakeImages(fake.run, "riemann", bank.path, 12)
        images.find([3, 1, 2, 0, 4], SHARES, time=fake.time(8.0))
        seen.docks.reveal("images")
        self.look()
        later = self.run.monotonic() + 6.0
        self.run.monotonic = lambda: later
        self.look()
        assert self.panel.view.gallery.verdict() == "STALE"
        assert "s old)" in self.panel.view.tallies.bank()
        images.close()
