"""What the application remembers from one start to the next."""

from pathlib import Path

from PySide6.QtCore import QByteArray

from rtbci_ui.preferences import RECENT, Preferences


def test_theme_and_layouts_come_back_with_the_next_start(tmp_path):
    before = Preferences(tmp_path / "rtbci.ini")
    assert before.theme == "dark"
    assert before.layout("docks") is None
    before.theme = "light"
    before.keep_layout("docks", QByteArray(b"\x00\x01where"))
    before.save()
    after = Preferences(tmp_path / "rtbci.ini")
    assert after.theme == "light"
    assert after.layout("docks") == QByteArray(b"\x00\x01where")
    after.forget_layouts()
    assert after.layout("docks") is None
    assert after.theme == "light"


def test_recent_experiments_are_newest_first_once_each_and_there(tmp_path):
    kept = Preferences(tmp_path / "rtbci.ini")
    files = [tmp_path / f"{k}.toml" for k in range(RECENT + 3)]
    for file in files:
        file.write_text("")
        kept.remember(file)
    kept.remember(files[5])
    kept.save()
    again = Preferences(tmp_path / "rtbci.ini").recent
    assert again[:2] == [files[5], files[-1]]
    assert len(again) == RECENT
    files[5].unlink()
    assert files[5] not in Preferences(tmp_path / "rtbci.ini").recent


def test_a_single_recent_experiment_is_one(tmp_path):
    """Qt writes a list of one as a plain string."""
    file = tmp_path / "only.toml"
    file.write_text("")
    kept = Preferences(tmp_path / "rtbci.ini")
    kept.remember(file)
    kept.save()
    assert Preferences(tmp_path / "rtbci.ini").recent == [file]


def test_the_environment_says_where_it_lies(tmp_path, monkeypatch):
    monkeypatch.setenv("RTBCI_SETTINGS", str(tmp_path / "elsewhere.ini"))
    kept = Preferences()
    kept.theme = "light"
    kept.save()
    assert "light" in Path(tmp_path / "elsewhere.ini").read_text()
