"""What every test may ask for."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings

# no test asserts wall-clock time, a property test's examples neither
settings.register_profile("rtbci", deadline=None)
settings.load_profile("rtbci")

ROOT = Path(__file__).resolve().parent.parent
# LSL stays on the loopback, and each run of the tests is a lab of its own: runs side by side do not hear each other's
# markers. Must stand before liblsl is loaded; processes that tests start inherit it.
_LAB = tempfile.NamedTemporaryFile("w", prefix="rtbci-lsl-", suffix=".cfg")  # noqa: SIM115 - as long as the run
_LAB.write((ROOT / "tests" / "lsl_api.cfg").read_text().replace("rtbci-tests", f"rtbci-tests-{uuid.uuid4().hex}"))
_LAB.flush()
os.environ["LSLAPICFG"] = _LAB.name
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")


# files whose tests run a session in real time, in two lots: those of a lot run one after the other, so that no more than two
# sessions share these cores
REAL_TIME = (
    ("cli/test_demo", "cli/test_run_and_verify", "devices/", "faults/", "renderers/test_render_worker"),
    (
        "cli/test_rehearse",
        "same_path/test_adaptation",
        "same_path/test_adaptive_transforms",
        "same_path/test_live_is_replay",
        "same_path/test_networks_live",
        "same_path/test_parts_live",
        "same_path/test_retrieval_live",
        "stimulus/test_present",
        "ui/test_end_to_end",
    ),
)

# files that take a minute and more: begun last, one process would be at them when the others have nothing left
LONG = (
    "evaluation/test_evaluate",
    "evaluation/test_schedule",
    "sources/test_lsl",
    "plugins/deep/test_decoders_contract",
)


def _file(path: str) -> str:
    return path.split("::")[0].removeprefix("tests/")


def _group(path: str) -> str:
    """What is run in one process: a file of ``tests``, or all that runs in real time."""
    file = _file(path)
    for number, lot in enumerate(REAL_TIME):
        if file.startswith(lot):
            return f"real time {number}"
    return file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs in real time comes first: it takes longest, and two processes alone can do it. Then what else takes long."""

    def late(item: pytest.Item) -> int:
        if _group(item.nodeid).startswith("real time"):
            return 0
        return 1 if _file(item.nodeid).startswith(LONG) else 2

    items.sort(key=late)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """For ``-n``: a file's tests stay in one process, with the fixtures that they share, as do all that run in real time.

    (``--dist loadgroup`` is to do that by itself; xdist 3.8 changes an attribute that pytest 9.2 no longer has.)
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    config.option.loadscopereorder = False  # in the order in which they were collected
    return ByGroup(config, log)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real recordings, or a skip that says where it was looked for."""
    folder = Path(os.environ.get("RTBCI_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}; set RTBCI_TEST_DATA to their folder")
    return folder


@pytest.fixture
def stream_name(request: pytest.FixtureRequest) -> str:
    """A stream name that no other test, and no run of the tests beside this one, uses."""
    return f"{request.node.name[:40]}-{os.getpid()}-{uuid.uuid4().hex[:6]}"


@pytest.fixture(scope="session")
def all_decoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of the four bundled decoders, trained on the bundled calibration recording."""
    from rtbci import bundled
    from tests import live

    folder = tmp_path_factory.mktemp("model")
    path = live.experiment(folder, "any", "tangent", "mdm", "csp", "log-variance")
    out = folder / "all.rtbci"
    code, said, errors = live.rtbci("train", path, "--recording", bundled.calibration(), "--out", out)
    assert code == 0, errors
    assert said["model"] == str(out)
    return out


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with three classes of four pictures, in three formats."""
    from tests.bank import drawn

    return drawn.three_classes(tmp_path / "pictures")


@pytest.fixture
def make_bank(tmp_path: Path) -> Callable[..., Path]:
    """Builds a bank of a folder with ``rtbci bank build``; the bank's folder."""
    from tests.bank import drawn

    return partial(drawn.build, tmp_path)
