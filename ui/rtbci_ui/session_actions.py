"""What the menus, keys and buttons of the window do: commands to the session, and what is shown where."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QFileDialog, QMainWindow, QMessageBox, QWidget

from rtbci.errors import RtbciError
from rtbci_ui import asking
from rtbci_ui.views.header import decodes

if TYPE_CHECKING:
    from rtbci_ui.commands import Commands
    from rtbci_ui.docks import Docks
    from rtbci_ui.preferences import Preferences
    from rtbci_ui.run import Run
    from rtbci_ui.status import Status
    from rtbci_ui.views.help import HelpView


class SessionActions(QMainWindow):
    """The half of the main window that does what a person asks; the other half looks (`rtbci_ui.window`)."""

    run: Run
    commands: Commands
    docks: Docks
    panels: Mapping[str, Any]
    selected: str
    extra_windows: dict[str, Any]
    help_view: HelpView
    preferences: Preferences

    def say(self, text: str, problem: str = "") -> None:
        """Put ``text`` where it is seen."""
        raise NotImplementedError

    def select(self, name: str) -> None:
        """Show decoder ``name``."""
        raise NotImplementedError

    @property
    def _status(self) -> Status | None:
        return self.run.status

    # the session ---------------------------------------------------------------------------------------------------

    def mark(self) -> None:
        """Ask for a label, and have the session put a marker with it into the recording."""
        text = asking.for_words(self, "Mark", "Label of the marker; it gets the time at which you press OK:")
        if text:
            self.commands.ask(f"mark “{text}”", {"do": "mark", "label": text})

    def note_down(self) -> None:
        """Ask for a note, and have the session keep it with its time."""
        text = asking.for_words(self, "Note", "A note that is kept with the session and its time:")
        if text:
            self.commands.ask("note", {"do": "note", "text": text})

    def toggle_recording(self) -> None:
        """Stop recording, having asked, or start it again."""
        status = self._status
        if status is None or status.state == "ended":
            return
        if status.recording.state != "recording":
            self.commands.ask("start recording", {"do": "record", "on": True})
        elif asking.whether(self, "Stop recording?", "Acquisition and decoding go on, but nothing more is kept."):
            self.commands.ask("stop recording", {"do": "record", "on": False})

    def toggle_decoding(self) -> None:
        """Stop all decoders, having asked, or start them again."""
        status = self._status
        if status is None or status.state == "ended" or not status.decoders:
            return
        if not decodes(status):
            self.commands.ask("start decoding", {"do": "decode", "on": True})
        elif asking.whether(
            self, "Stop decoding?", "Acquisition and recording go on; decoders begin anew when started."
        ):
            self.commands.ask("stop decoding", {"do": "decode", "on": False})

    def stop_session(self) -> None:
        """Ask, then stop the session: acquisition, recording and decoders."""
        if asking.whether(self, "Stop the session?", asking.before_stopping(self._status)):
            self.commands.ask("stop session", {"do": "stop"})

    def mark_bad(self, channel: str, bad: bool) -> None:
        """Have the session keep that ``channel`` is bad, or good again; decoding is not changed by it."""
        word = "bad" if bad else "good"
        self.commands.ask(
            f"{channel} is {word}",
            {"do": "bad", "channel": channel, "bad": bad},
            lambda: self.panels["traces"].refuse_bad(channel),
        )

    # decoders ------------------------------------------------------------------------------------------------------

    def restart_decoder(self) -> None:
        """Ask, then restart the selected decoder's worker."""
        if self.selected and asking.whether(self, "Restart?", f"Restart the worker of decoder “{self.selected}”?"):
            self.commands.ask(f"restart {self.selected}", {"do": "restart", "decoder": self.selected})

    def next_decoder(self) -> None:
        """Select the next decoder."""
        names = [decoder.name for decoder in self._status.decoders] if self._status is not None else []
        if names:
            at = names.index(self.selected) if self.selected in names else -1
            self.select(names[(at + 1) % len(names)])

    def charge(self, name: str) -> None:
        """Have decoder ``name`` take over, at once or where the running trial ends."""
        self.commands.ask(f"{name} in charge", {"do": "charge", "decoder": name})

    def take_charge(self) -> None:
        """Have the selected decoder take over, or withdraw the wish."""
        self.panels["decisions"].put_in_charge()

    # what is shown -------------------------------------------------------------------------------------------------

    def show_traces(self) -> None:
        """Bring the traces to the front."""
        self.docks.reveal("traces")

    def show_signal(self) -> None:
        """Bring spectra, topographies and signal quality to the front."""
        self.docks.reveal("signal")

    def show_images(self) -> None:
        """Bring decoded images to the front, or the traces again."""
        self.docks.reveal("traces" if self.docks.in_sight("images") else "images")

    def show_decisions(self) -> None:
        """Bring the decisions to the front."""
        self.docks.reveal("decisions")

    def show_health(self) -> None:
        """Bring ages and the state of the machine to the front."""
        self.docks.reveal("health")

    def show_calibrate(self) -> None:
        """Bring the calibration to the front."""
        self.docks.reveal("calibrate")

    def show_log(self) -> None:
        """Bring the log to the front."""
        self.docks.reveal("log")

    def images_alone(self) -> None:
        """Show decoded images alone on the whole screen, or no more."""
        from rtbci_ui.views.images import ImagesWindow

        if not self.run.retrievals:
            self.say("no decoder looks in a bank: there are no images")
            return
        self._alone("images", lambda: ImagesWindow(self.run))

    def feedback(self) -> None:
        """Show the participant's feedback on the whole screen, or no more."""
        from rtbci_ui.feedback.window import FeedbackWindow

        self._alone("feedback", lambda: FeedbackWindow(self.run))

    def _alone(self, name: str, make: Any) -> None:
        window = self.extra_windows.get(name)
        if window is None:
            window = self.extra_windows[name] = make()
            window.select(self.selected)
        if window.isVisible():
            window.close()
        else:
            self._on_free_screen(window)

    def _on_free_screen(self, window: QWidget) -> None:
        """Full screen on a screen that this window does not stand on, where there is one."""
        others = [screen for screen in window.screen().virtualSiblings() if screen is not self.screen()]
        if others:
            window.setGeometry(others[0].geometry())
        window.showFullScreen()

    def full_screen(self) -> None:
        """The window over the whole screen, or as it was."""
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()

    def reset_layout(self) -> None:
        """Put all panels where they lie at first."""
        self.preferences.forget_layouts()
        self.docks.arrange()

    def spread_layout(self) -> None:
        """All panels in sight at once."""
        self.docks.spread()

    def help(self) -> None:
        """Show or hide the shortcuts."""
        self.help_view.toggle()

    # files ---------------------------------------------------------------------------------------------------------

    def screenshot(self) -> None:
        """Save a picture of the window beside the session's folder, or ask where."""
        folder = self._status.session_folder if self._status is not None else None
        name = f"{folder.name if folder else 'rtbci'}_{datetime.now():%Y%m%d-%H%M%S}.png"
        if folder is not None and folder.parent.is_dir():
            path = folder.parent / name
        else:
            given, _ = QFileDialog.getSaveFileName(self, "Save screenshot", name, "PNG (*.png)")
            if not given:
                return
            path = Path(given)
        self.save_picture(path)

    def save_picture(self, path: Path) -> bool:
        """Write a PNG of the window; say in the corner what became of it."""
        saved = self.grab().save(str(path))
        text = (
            f"screenshot: {path}"
            if saved
            else f"cannot write {path}; a path ending in .png in a writable folder would do"
        )
        self.say(text, "" if saved else text)
        return saved

    def edit_experiment(self) -> None:
        """Open the experiment form."""
        from rtbci_ui.experiment_dialog import ExperimentDialog

        begin = self._status.experiment if self._status is not None else ""
        given, _ = QFileDialog.getOpenFileName(self, "Open an experiment", begin, "Experiments (*.toml)")
        if not given:
            return
        try:
            ExperimentDialog.edit(Path(given), self)
        except RtbciError as error:
            QMessageBox.warning(self, "This experiment cannot be opened", str(error))
