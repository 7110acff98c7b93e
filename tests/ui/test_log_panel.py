"""The log and the notes of a session, as they are read and shown while they grow."""

import json

from rtbci_ui.log_lines import FIRST_BYTES, KEPT, LogLines


def test_lines_come_when_they_are_whole_and_once(tmp_path):
    lines = LogLines()
    assert not lines.refresh(None)
    assert not lines.refresh(tmp_path)
    log = tmp_path / "log.txt"
    log.write_text("2026 INFO rtbci: begun\n2026 WARNING rtbci: gap at sam")
    assert lines.refresh(tmp_path)
    assert [line.text for line in lines.lines] == ["2026 INFO rtbci: begun"]
    with log.open("a") as file:
        file.write("ple 12\n2026 ERROR rtbci: disk full\n")
    assert lines.refresh(tmp_path)
    assert [(line.text, line.mood) for line in lines.lines[1:]] == [
        ("2026 WARNING rtbci: gap at sample 12", "warning"),
        ("2026 ERROR rtbci: disk full", "alarm"),
    ]
    assert not lines.refresh(tmp_path)
    assert lines.total == 3


def test_notes_stand_among_the_lines(tmp_path):
    (tmp_path / "notes.jsonl").write_text(json.dumps({"time": 1.0, "text": "blinked"}) + "\nnot json\n")
    lines = LogLines()
    lines.refresh(tmp_path)
    assert [(line.text, line.mood) for line in lines.lines] == [
        ("note: blinked", "note"),
        ("notes.jsonl: cannot read 'not json'", "warning"),
    ]


def test_of_a_long_log_the_end_is_read_and_a_bounded_number_kept(tmp_path):
    text = "".join(f"2026 INFO rtbci: line {k:06d}\n" for k in range(20_000))
    (tmp_path / "log.txt").write_text(text)
    assert len(text) > 2 * FIRST_BYTES
    lines = LogLines()
    lines.refresh(tmp_path)
    assert len(lines.lines) == KEPT
    assert lines.lines[-1].text.endswith("line 019999")
    assert lines.total < 20_000


def test_the_end_of_long_notes_begins_with_a_whole_line(tmp_path):
    text = "".join(json.dumps({"time": float(k), "text": f"note {k:06d} {'x' * 200}"}) + "\n" for k in range(900))
    assert len(text) > 2 * FIRST_BYTES
    (tmp_path / "notes.jsonl").write_text(text)
    lines = LogLines()
    lines.refresh(tmp_path)
    assert {line.mood for line in lines.lines} == {"note"}
    assert 200 < lines.total == len(lines.lines) < KEPT


def test_a_disk_that_is_away_is_said_and_nothing_falls_over(tmp_path):
    """The window's other panels are looked at after this one: an error here would leave them as they were, for good."""
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "log.txt").write_text("2026 INFO rtbci: begun\n")
    lines = LogLines()
    assert lines.refresh(folder)
    (folder / "log.txt").unlink()
    folder.rmdir()
    folder.write_text("what was a folder is a file: as a disk that is pulled out, it cannot be looked into")
    assert not lines.refresh(folder)
    assert lines.problem.startswith(f"{folder / 'notes.jsonl'} cannot be read: ")
    assert [line.text for line in lines.lines] == ["2026 INFO rtbci: begun"]


def test_another_session_begins_anew(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log.txt").write_text(f"2026 INFO rtbci: {name}\n")
    lines = LogLines()
    lines.refresh(tmp_path / "one")
    lines.refresh(tmp_path / "two")
    assert [line.text for line in lines.lines] == ["2026 INFO rtbci: two"]


def test_the_panel_shows_new_lines_in_their_colours(dark, qtbot, fake, tmp_path):
    from rtbci_ui import theme
    from rtbci_ui.run import Run
    from rtbci_ui.views.log import LogPanel

    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "log.txt").write_text("2026 INFO rtbci: begun\n2026 ERROR rtbci: worker died\n")
    fake.session = kept
    fake.fill(1.0)
    run = Run(fake.run.path)
    run.refresh()
    panel = LogPanel(run)
    qtbot.addWidget(panel)
    panel.refresh()
    assert panel.text.toPlainText() == "2026 INFO rtbci: begun\n2026 ERROR rtbci: worker died"
    assert panel.where.text() == str(kept)
    block = panel.text.document().findBlockByNumber(1)
    colour = block.begin().fragment().charFormat().foreground().color().name()
    assert colour == theme.ALARM
    with (kept / "log.txt").open("a") as file:
        file.write("2026 INFO rtbci: worker is back\n")
    panel._next = 0.0
    panel.refresh()
    assert panel.text.toPlainText().endswith("worker is back")
    (kept / "log.txt").unlink()
    (kept / "log.txt").mkdir()
    panel._next = 0.0
    panel.refresh()
    assert panel.where.text().startswith(f"{kept / 'log.txt'} cannot be read: ")
    assert theme.ALARM in panel.where.styleSheet()
