"""``rtbci run --remote`` and the experiment's [remote] table: where a session listens, and what is refused."""

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import click
import pytest

from rtbci import cli, config
from rtbci.cli import live as command
from rtbci.cli.live import OWN_PORT, _remote
from rtbci.experiment import Experiment
from rtbci.remote import RemoteSettings
from tests.cli.terminal import rtbci

PLAIN = 'name = "a"\n[source]\nuse = "lsl"\n'
TABLE = PLAIN + '[remote]\nport = 4001\nhost = "::1"\nrcs = false\n'


def experiment(text: str, path: Path | None = None) -> Experiment:
    return config.loads(text, path)


def test_without_table_and_option_nothing_listens() -> None:
    assert _remote(experiment(PLAIN), None, None, None, None) is None


def test_an_option_alone_is_labrecorders_port() -> None:
    assert _remote(experiment(PLAIN), OWN_PORT, None, None, None) == RemoteSettings(22345, "127.0.0.1", True, None)
    assert _remote(experiment(PLAIN), 0, "0.0.0.0", False, None) == RemoteSettings(0, "0.0.0.0", False, None)


def test_the_table_alone_is_enough_and_each_option_overrides_its_key() -> None:
    asked = experiment(TABLE)
    assert _remote(asked, None, None, None, None) == RemoteSettings(4001, "::1", False, None)
    assert _remote(asked, OWN_PORT, None, None, None) == RemoteSettings(4001, "::1", False, None)
    assert _remote(asked, 0, None, None, None) == RemoteSettings(0, "::1", False, None)
    assert _remote(asked, None, "127.0.0.1", None, None) == RemoteSettings(4001, "127.0.0.1", False, None)
    assert _remote(asked, None, None, True, None) == RemoteSettings(4001, "::1", True, None)
    assert _remote(experiment(PLAIN + "[remote]\n"), None, None, None, None) == RemoteSettings()


def test_the_token_file_is_beside_the_experiment_and_its_token_is_in_nobody_elses_sight(tmp_path: Path) -> None:
    asked = experiment(TABLE + 'token_file = "keys.token"\n', tmp_path / "e.toml")
    settings = _remote(asked, None, None, None, None)
    assert settings is not None
    assert (tmp_path / "keys.token").read_text() == f"{settings.token}\n"
    assert stat.S_IMODE((tmp_path / "keys.token").stat().st_mode) == 0o600
    other = tmp_path / "other.token"
    other.write_text("sixteen-letters-")
    other.chmod(0o600)
    assert _remote(asked, None, None, None, other) == RemoteSettings(4001, "::1", False, "sixteen-letters-")


def test_options_that_say_how_to_listen_need_something_that_listens() -> None:
    for host, rcs, token_file in (("0.0.0.0", None, None), (None, False, None), (None, None, Path("x"))):
        with pytest.raises(click.UsageError, match="--remote is missing"):
            _remote(experiment(PLAIN), None, host, rcs, token_file)


@pytest.fixture
def asked_of_run(monkeypatch: pytest.MonkeyPatch) -> list[RemoteSettings | None]:
    """What ``rtbci run`` would have the session listen at, instead of a session."""
    found: list[RemoteSettings | None] = []

    def run_live(*what: object, remote: RemoteSettings | None, **how: object) -> dict[str, object]:
        found.append(remote)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_live", run_live)
    return found


def test_the_command_line_is_read_so(tmp_path: Path, asked_of_run: list[RemoteSettings | None]) -> None:
    path = tmp_path / "e.toml"
    path.write_text(TABLE)
    for words in ([], ["--remote"], ["--remote", "7"], ["--remote=0", "--rcs"], ["--no-rcs"], ["--no-remote"]):
        cli.run(["run", str(path), *words])
    assert asked_of_run == [
        RemoteSettings(4001, "::1", False),
        RemoteSettings(4001, "::1", False),
        RemoteSettings(7, "::1", False),
        RemoteSettings(0, "::1", True),
        RemoteSettings(4001, "::1", False),
        None,
    ]


def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "e.toml"
    path.write_text(PLAIN)
    assert "--remote is missing" in rtbci("run", path, "--no-rcs").refusal
    assert "65536" in rtbci("run", path, "--remote", "65536").refusal
    assert "no other option of --remote goes with it" in rtbci("run", path, "--no-remote", "--remote", "0").refusal
    path.write_text(TABLE.replace("4001", '"4001"'))
    assert '[remote] port = "4001": is no port; 0 to 65535, such as 22345' in rtbci("run", path).refusal


def test_a_table_makes_a_session_listen_and_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    path = tmp_path / "e.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path.write_text(f'name = "a"\n[source]\nuse = "synthetic"\nchannels = ["C3", "C4"]\n[remote]\nport = {port}\n')
        refusal = rtbci("run", path, "--headless").refusal
    assert f"nothing can listen on 127.0.0.1 port {port}" in refusal
    assert [file.name for file in tmp_path.iterdir()] == ["e.toml"]
    done = rtbci("run", path, "--headless", "--seconds", "0.2", "--session", tmp_path / "s", "--json")
    assert done.code == 0, done.err
    assert f"remote control: 127.0.0.1 port {port}, token " in done.err
    token = done.err.partition(f"port {port}, token ")[2].split()[0]
    assert all(token.encode() not in file.read_bytes() for file in (tmp_path / "s").rglob("*") if file.is_file())
    assert json.loads((tmp_path / "s" / "session.json").read_text())["state"] == "ended"
