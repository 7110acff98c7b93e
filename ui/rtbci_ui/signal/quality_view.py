"""How good each channel is: a table, the worst first, and the head."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QHBoxLayout, QHeaderView, QTableView, QVBoxLayout, QWidget

from rtbci_ui.signal.grades import SYMBOLS, WORDS, grade_colour
from rtbci_ui.signal.plots import Line
from rtbci_ui.signal.quality import Grade
from rtbci_ui.signal.quality_table import VerdictTable
from rtbci_ui.signal.quality_watch import QualityWatch
from rtbci_ui.signal.sites import UNITS, Sites
from rtbci_ui.signal.status_map import StatusMap


class QualityView(QWidget):
    """Table and head; `picked` is sent with the number of a channel that was clicked in either."""

    picked = Signal(int)

    def __init__(self, watch: QualityWatch) -> None:
        super().__init__()
        self._watch = watch
        self._sites: Sites | None = None
        self._version = -1
        self.facts = Line(dim=False)
        self.mains = QComboBox()
        self.mains.addItems(["mains: larger of 50 and 60 Hz", "mains: 50 Hz", "mains: 60 Hz"])
        self.mains.setToolTip("Which frequency line noise is looked for at")
        self.mains.currentIndexChanged.connect(self._choose_mains)
        self.table = VerdictTable()
        self.list = QTableView()
        self.list.setModel(self.table)
        self.list.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setShowGrid(False)
        self.list.setWordWrap(False)
        self.list.setToolTip("Click a column to sort by it, a row to look at its channel")
        self.list.verticalHeader().hide()
        self.list.verticalHeader().setDefaultSectionSize(20)
        header = self.list.horizontalHeader()
        header.setSortIndicator(1, Qt.SortOrder.DescendingOrder)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        metrics = self.list.fontMetrics()
        unit = max((UNITS.get(channel.kind, "µV") for channel in watch.info.channels), key=len)
        widest = (*(channel.name for channel in watch.info.channels), "channel")
        examples = {0: max(widest, key=metrics.horizontalAdvance), 1: "● good   ", 3: f"9999 {unit}", 4: f"999 {unit}"}
        for column, example in {**examples, 5: "impedance"}.items():
            header.resizeSection(column, min(metrics.horizontalAdvance(example) + 14, 160))
        self.list.setSortingEnabled(True)
        self.list.clicked.connect(self._click)
        self.map = StatusMap()
        self.map.picked.connect(self._pick)
        top = QHBoxLayout()
        top.setContentsMargins(6, 2, 6, 0)
        top.addWidget(self.facts, 1)
        top.addWidget(self.mains)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.list, 5)
        row.addWidget(self.map, 3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(top)
        layout.addLayout(row, 1)
        self.list.setColumnHidden(5, not watch.streams_impedance)

    def resizeEvent(self, event: object) -> None:
        """Where it is narrow, reasons in words come before figures."""
        self.list.setColumnHidden(3, self.width() < 760)
        self.list.setColumnHidden(4, self.width() < 860)

    def _choose_mains(self, index: int) -> None:
        self._watch.chosen = (None, 50.0, 60.0)[index]

    def show_sites(self, sites: Sites) -> None:
        """Put the channels of another kind on the head."""
        self._sites = sites
        self.map.set_positions(sites.xy, sites.names)
        self.map.setVisible(len(sites.xy) > 0)
        self._version = -1

    def show_channel(self, channel: int) -> None:
        """Mark a channel."""
        self.map.select(self._sites.of(channel) if self._sites is not None else None)
        self._mark(channel)

    def _mark(self, channel: int) -> None:
        for row, verdict in enumerate(self.table.rows):
            if verdict.channel == channel:
                self.list.selectRow(row)

    def _click(self, index: QModelIndex) -> None:
        self.picked.emit(self.table.rows[index.row()].channel)

    def _pick(self, site: int) -> None:
        if self._sites is not None:
            self.picked.emit(int(self._sites.at(site)[0]))

    def refresh(self) -> None:
        """Draw new verdicts."""
        if self._version == self._watch.version:
            return
        self._version = self._watch.version
        self.redraw()

    def redraw(self) -> None:
        """Draw the newest verdicts."""
        verdicts, watch = self._watch.verdicts, self._watch
        self.table.say(verdicts)
        counts = {grade: sum(v.grade == grade for v in verdicts) for grade in Grade}
        parts = [
            f'<span style="color:{grade_colour(g)}">{SYMBOLS[g]} {counts[g]} {WORDS[g]}</span>'
            for g in (Grade.BAD, Grade.FAIR, Grade.GOOD, Grade.UNKNOWN)
            if counts[g]
        ]
        impedance = "" if watch.streams_impedance else "impedance: not streamed"
        facts = [*parts, f"mains {watch.mains:.0f} Hz", impedance]
        if self._sites is not None and self._sites.without:
            facts.append(self._sites.missing_words())
        self.facts.say("&nbsp;&nbsp; ".join(fact for fact in facts if fact) if verdicts else "waiting for samples")
        if self._sites is None:
            return
        by_channel = {verdict.channel: verdict for verdict in verdicts}
        grades, reasons = [], []
        for site in range(len(self._sites.xy)):
            own = [by_channel[c] for c in map(int, self._sites.at(site)) if c in by_channel]
            worst = max(own, key=lambda v: v.badness, default=None)
            grades.append(worst.grade if worst is not None else Grade.UNKNOWN)
            reasons.append(worst.words if worst is not None else "not measured yet")
        self.map.say(grades, reasons)
