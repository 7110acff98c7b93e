"""The panels of the window as docks: which there are, where they lie at first, and how their places are remembered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtWidgets import QDockWidget, QMainWindow, QTabBar, QTabWidget, QWidget

from rtbci_ui import theme
from rtbci_ui.preferences import Preferences
from rtbci_ui.run import Run

LAYOUT_VERSION = 2
"""Counts up when the panels change: a layout that was kept for others is not restored."""


@dataclass(frozen=True, slots=True)
class PanelKind:
    """A panel: its name in the code and for remote programs, its title, and what makes it."""

    name: str
    title: str
    make: Callable[[Run], QWidget]


def _traces(run: Run) -> QWidget:
    from rtbci_ui.traces.panel import TracesPanel

    return TracesPanel(run)


def _signal(run: Run) -> QWidget:
    from rtbci_ui.signal.panel import SignalPanel

    return SignalPanel(run)


def _images(run: Run) -> QWidget:
    from rtbci_ui.views.images_panel import ImagesPanel

    return ImagesPanel(run)


def _decisions(run: Run) -> QWidget:
    from rtbci_ui.decisions.panel import DecisionsPanel

    return DecisionsPanel(run)


def _health(run: Run) -> QWidget:
    from rtbci_ui.health.panel import HealthPanel

    return HealthPanel(run)


def _calibrate(run: Run) -> QWidget:
    from rtbci_ui.calibrate.panel import CalibratePanel

    return CalibratePanel(run)


def _log(run: Run) -> QWidget:
    from rtbci_ui.views.log import LogPanel

    return LogPanel(run)


PANELS = (
    PanelKind("traces", "Traces", _traces),
    PanelKind("signal", "Signal", _signal),
    PanelKind("images", "Images", _images),
    PanelKind("calibrate", "Calibrate", _calibrate),
    PanelKind("decisions", "Decisions", _decisions),
    PanelKind("health", "Health", _health),
    PanelKind("log", "Log", _log),
)
_LEFT = ("traces", "signal", "images", "calibrate")
_RIGHT = ("decisions", "health", "log")


class Docks(QMainWindow):
    """Holds the panels as docks: moved, tabbed, floated and closed by hand, and remembered.

    Attributes
    ----------
    panels : the panels by name.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.setWindowFlags(Qt.WindowType.Widget)
        self.setDockOptions(
            QMainWindow.DockOption.AllowNestedDocks
            | QMainWindow.DockOption.AllowTabbedDocks
            | QMainWindow.DockOption.GroupedDragging
        )
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        self.setStyleSheet(
            f"QMainWindow::separator {{ background: {theme.BACKGROUND}; width: 5px; height: 5px }}"
            f"QDockWidget::title {{ background: {theme.RAISED}; padding: 2px 8px; text-align: left }}"
        )
        self.panels: dict[str, Any] = {}
        self._docks: dict[str, QDockWidget] = {}
        for kind in PANELS:
            panel = kind.make(run)
            dock = QDockWidget(kind.title, self)
            dock.setObjectName(kind.name)
            dock.setWidget(panel)
            self.panels[kind.name] = panel
            self._docks[kind.name] = dock
        self.arrange()

    def arrange(self) -> None:
        """The layout to begin with: signals to the left, decisions over health to the right."""
        self._lay("traces", "decisions")
        for name in _LEFT[1:]:
            self.tabifyDockWidget(self._docks[_LEFT[0]], self._docks[name])
        self._below("decisions", "health")
        for name in _RIGHT[2:]:
            self.tabifyDockWidget(self._docks["health"], self._docks[name])
        for name in ("traces", "health"):
            self._docks[name].raise_()
        self._share((0.55, 0.45), ("decisions", "health"), Qt.Orientation.Vertical)

    def spread(self) -> None:
        """All panels in sight at once, beside each other: for large screens."""
        self._lay("traces", "decisions")
        self._below("traces", "signal")
        self.splitDockWidget(self._docks["signal"], self._docks["images"], Qt.Orientation.Horizontal)
        self.tabifyDockWidget(self._docks["images"], self._docks["calibrate"])
        self._docks["images"].raise_()
        self._below("decisions", "health")
        self._below("health", "log")
        self._share((0.5, 0.5), ("traces", "signal"), Qt.Orientation.Vertical)
        self._share((0.42, 0.38, 0.2), ("decisions", "health", "log"), Qt.Orientation.Vertical)

    def _lay(self, left: str, right: str) -> None:
        """Begin a layout with two columns; Qt splits a dock only where it is not a tab, so all are taken out first."""
        for dock in self._docks.values():
            dock.setFloating(False)
            self.removeDockWidget(dock)
        self.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, self._docks[left])
        self.splitDockWidget(self._docks[left], self._docks[right], Qt.Orientation.Horizontal)
        for dock in self._docks.values():
            dock.show()
        self._share((0.57, 0.43), (left, right), Qt.Orientation.Horizontal)

    def _below(self, above: str, below: str) -> None:
        self.splitDockWidget(self._docks[above], self._docks[below], Qt.Orientation.Vertical)

    def _share(self, shares: tuple[float, ...], names: tuple[str, ...], side: Qt.Orientation) -> None:
        room = max(self.width(), 1200) if side is Qt.Orientation.Horizontal else max(self.height(), 600)
        self.resizeDocks([self._docks[name] for name in names], [int(share * room) for share in shares], side)

    def _trim_titles(self) -> None:
        """A dock under a tab is named by the tab: its own title bar would take a line from the signals."""
        for dock in self._docks.values():
            tabbed = bool(self.tabifiedDockWidgets(dock)) and not dock.isFloating()
            if tabbed != (dock.titleBarWidget() is not None):
                dock.setTitleBarWidget(QWidget() if tabbed else None)  # type: ignore[arg-type]

    def _hide_ghosts(self) -> None:
        """Qt leaves tab bars of tabs that are no more wherever they were; one that is in use lies right above a dock."""
        docks = [dock.geometry() for dock in self._docks.values() if dock.isVisible() and not dock.isFloating()]
        for bar in self.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly):
            below = bar.geometry().bottom()
            used = any(abs(dock.top() - below) <= 4 and dock.left() <= bar.x() <= dock.right() for dock in docks)
            if bar.isVisible() and not used:
                bar.hide()

    def event(self, event: QEvent) -> bool:
        """Docks have been moved: see which of them are tabs now."""
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self._trim_titles()
            QTimer.singleShot(0, self, self._hide_ghosts)  # when everything has its place
        return done

    def reveal(self, name: str) -> None:
        """Open dock ``name`` and bring it to the front."""
        dock = self._docks[name]
        dock.show()
        dock.raise_()

    def in_sight(self, name: str) -> bool:
        """Whether something of panel ``name`` can be seen: one that lies under another tab, or is closed, need not look."""
        panel: QWidget = self.panels[name]
        return panel.isVisible() and not panel.visibleRegion().isEmpty()

    def toggles(self) -> list[Any]:
        """An action for each dock that shows and hides it, in order."""
        return [dock.toggleViewAction() for dock in self._docks.values()]

    def remember(self, preferences: Preferences) -> None:
        """Keep where the docks lie, and how the traces are shown."""
        preferences.keep_layout("docks", self.saveState(LAYOUT_VERSION))
        preferences.keep_shown("traces", self.panels["traces"].remember())

    def restore(self, preferences: Preferences) -> bool:
        """Put the docks where they lay; False where nothing (that fits) was kept."""
        self.panels["traces"].restore(preferences.shown("traces"))
        kept = preferences.layout("docks")
        return kept is not None and self.restoreState(kept, LAYOUT_VERSION)
