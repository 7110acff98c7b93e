"""The acquisition thread where the run folder's disk is full: samples go on, and markers wait."""

from __future__ import annotations

import json
import subprocess
import sys

CODE = """
import json, resource, signal, sys, time
from pathlib import Path
from rtbci.acquisition import Acquisition
from rtbci.ring import Ring
from rtbci.runfolder import MarkerReader, RunFolder
from rtbci.types import Channel, Marker, StreamInfo

INFO = StreamInfo("test", 100.0, (Channel("C3", "eeg", "uV"),))

class Source:
    n, sent = 0, 0
    def read(self, samples, times, timeout):
        time.sleep(0.005)
        samples[:1], times[:1] = self.n, self.n / 100
        self.n += 1
        return 1
    def markers(self):
        self.sent += 1
        return [Marker(self.n / 100, f"cue {self.sent}", None, "test")] if self.sent <= 6 else []
    def now(self):
        return self.n / 100

def until(it):
    end = time.monotonic() + 20
    while not it():
        assert time.monotonic() < end
        time.sleep(0.005)

Path(sys.argv[1]).mkdir()
run = RunFolder(Path(sys.argv[1]))
ring = Ring.create(Path(sys.argv[1]) / "ring", 1000, 1)
source = Source()
acquisition = Acquisition(source, INFO, ring, run, 10.0)
reader = MarkerReader(run.markers)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))  # in the middle of a line
acquisition.start()
until(lambda: source.sent > 6 and acquisition.n_markers == 6)
during = {"problem": acquisition.marker_problem, "alive": acquisition.is_alive(), "told": len(reader.new()),
          "bytes": run.markers.stat().st_size}
had = ring.written
until(lambda: ring.written > had)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
until(lambda: acquisition.marker_problem is None)
acquisition.stop()
acquisition.join()
after = [marker.label for marker in MarkerReader(run.markers).new()]
print(json.dumps({"during": during, "after": after, "problem": acquisition.problem}))
"""


def test_markers_that_a_full_disk_does_not_take_wait_and_samples_go_on(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "run")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    during = said["during"]
    assert (during["alive"], during["bytes"], during["told"]) == (True, 100, 1)
    assert during["problem"].startswith("5 markers wait: ")
    assert during["problem"].endswith("markers.jsonl cannot be written (File too large)")
    assert said["after"] == [f"cue {k}" for k in range(1, 7)]
    assert said["problem"] is None
    assert done.stderr.count("markers cannot be written") == 1
