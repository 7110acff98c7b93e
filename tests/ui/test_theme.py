"""Dark and light: what is read can be read, and classes are told apart, on both grounds."""

import pytest
from PySide6.QtGui import QColor

from rtbci_ui import theme


@pytest.fixture(params=theme.THEMES)
def themed(request, qapp):
    before = theme.name
    theme.apply(qapp, request.param)
    yield request.param
    theme.apply(qapp, before)


def luminance(colour):
    """Relative luminance (WCAG 2.1)."""
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in QColor(colour).getRgbF()[:3]]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, other):
    """Contrast ratio (WCAG 2.1)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_words_stand_out_from_what_they_stand_on(themed):
    for back in (theme.PANEL, theme.BACKGROUND, theme.RAISED):
        assert contrast(theme.TEXT, back) > 7.0
        for colour in (theme.DIM, theme.GOOD, theme.WARNING, theme.ALARM, theme.RECORDING):
            assert contrast(colour, back) > 4.4, (colour, back)
    for back in (theme.ALARM_BACK, theme.WARNING_BACK, theme.NOTICE_BACK):
        assert contrast("#ffffff", back) > 4.5


def test_classes_and_kinds_of_channels_are_seen_on_the_ground(themed):
    for colour in theme.CLASSES:
        assert contrast(colour, theme.PANEL) > 3.0
    for kind in ("eeg", "mag", "grad", "eog", "ecg", "emg", "stim", "misc"):
        for index in (0, 1):
            assert contrast(theme.channel_colour(kind, index, False), theme.BACKGROUND) > 3.0


def test_classes_differ_for_those_who_see_no_red_or_no_green(themed):
    """Machado et al. 2009, severity 1: every pair of the first six keeps a distance."""
    sights = (
        ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
        ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    )
    for sight in sights:
        seen = []
        for colour in theme.CLASSES[:6]:
            rgb = QColor(colour).getRgbF()[:3]
            seen.append([sum(w * c for w, c in zip(row, rgb, strict=True)) for row in sight])
        for i, one in enumerate(seen):
            for other in seen[:i]:
                assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 > 0.08, (one, other)


def test_a_theme_that_is_none_is_refused():
    with pytest.raises(ValueError, match="dark or light would be right"):
        theme.use("sepia")


def test_both_themes_define_the_same_names():
    assert set(theme._DARK) == set(theme._LIGHT)
    assert all(hasattr(theme, name) for name in theme._DARK)
