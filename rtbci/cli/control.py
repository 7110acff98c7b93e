"""The command that asks a running session for something, from another terminal or a shell script."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtbci.cli.output import command, finish

if TYPE_CHECKING:
    from rtbci.runfolder import RunFolder

COMMANDS = """\b
  status                     what the session says of itself
  note TEXT                  keep a note; --marker puts it among the markers, too
  mark LABEL [TIME] [CODE]   a marker, now or at TIME (seconds on the source's clock)
  record on|off [NAME]       start a new part of the recording, or close it
  decode on|off [DECODER]    start or stop decoding, of all decoders or one
  restart DECODER            begin anew with a decoder
  charge DECODER             let this decoder's answers count, from the end of the trial on
  bad CHANNEL [on|off]       mark a channel bad, or good again (off)
  display KEY=VALUE ...      show=traces|signal|decisions|images|health|calibrate, seconds=S, decoder=NAME
  play KEY=VALUE ...         move in a recording that is played, as in: play action=seek time=90
  stop                       end the session properly
  help                       what the session understands
  {"do": ...}                any command in JSON
"""

TAKES = {
    "status": (0, 0), "stop": (0, 0), "help": (0, 0), "note": (1, 999), "mark": (1, 3), "record": (1, 2), "decode": (1, 2),
    "restart": (1, 1), "charge": (1, 1), "bad": (1, 2), "display": (1, 9), "play": (0, 99),
}  # fmt: skip
"""How many words follow each command: at least, at most."""


def _switch(word: str, what: str) -> bool:
    if word.lower() not in ("on", "off"):
        raise click.UsageError(f"{what} {word!r}: on or off would be right.")
    return word.lower() == "on"


def _number(word: str, what: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise click.UsageError(f"{what} {word!r} is no number; such as 12.5.")
    return number


def _pairs(words: Sequence[str], do: str) -> dict[str, Any]:
    """KEY=VALUE as JSON has them; what is no JSON is a text."""
    pairs: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{do} {word!r}: KEY=VALUE would be right, such as seconds=10.")
        try:
            pairs[key] = json.loads(value)
        except ValueError:
            pairs[key] = value
    return pairs


def parse(words: Sequence[str], marker: bool = False) -> dict[str, Any]:
    """The command that ``words`` of a command line mean. Raises click.UsageError that says what would be right."""
    do, rest = words[0], list(words[1:])
    if do.lstrip().startswith("{"):
        try:
            given = json.loads(" ".join(words))
        except ValueError as error:
            raise click.UsageError(f'not JSON: {error}; such as \'{{"do": "status"}}\' (in quotes).') from error
        assert isinstance(given, dict), "a brace begins an object"
        return given
    if do not in TAKES:
        raise click.UsageError(f"there is no command {do!r}; there are {', '.join(TAKES)}.")
    fewest, most = TAKES[do]
    if not fewest <= len(rest) <= most:
        line = next(line.strip() for line in COMMANDS.splitlines() if line.strip().startswith(do))
        raise click.UsageError(f"{do} takes another number of words than {len(rest)}: {line}.")
    if marker and do != "note":
        raise click.UsageError("--marker is for note alone; mark sends a marker.")
    found: dict[str, Any] = {"do": do}
    match do:
        case "note":
            found |= {"text": " ".join(rest), **({"marker": True} if marker else {})}
        case "mark":
            found["label"] = rest[0]
            if len(rest) > 1:
                found["time"] = _number(rest[1], "mark: the time")
            if len(rest) > 2:
                code = _number(rest[2], "mark: the code")
                if not code.is_integer():
                    raise click.UsageError(f"mark: the code {rest[2]!r} is no whole number; such as 7.")
                found["code"] = int(code)
        case "record" | "decode":
            found["on"] = _switch(rest[0], do)
            if len(rest) > 1:
                found["name" if do == "record" else "decoder"] = rest[1]
        case "restart" | "charge":
            found["decoder"] = rest[0]
        case "bad":
            found |= {"channel": rest[0], "bad": len(rest) < 2 or _switch(rest[1], "bad: the channel is")}
        case "display" | "play":
            found |= _pairs(rest, do)
    return found


def _run_of(session: Path) -> RunFolder:
    """The run folder of the session in folder ``session``; also takes a run folder itself."""
    from rtbci.errors import RecordingError
    from rtbci.recording.session_folder import SessionFolder
    from rtbci.runfolder import RunFolder

    if (session / "control").exists():
        return RunFolder(session)
    place = SessionFolder.open(session).read().get("run_folder")
    if not isinstance(place, str) or not Path(place).is_dir():
        raise RecordingError(f"{session}: the session does not run any more; only one that runs can be asked")
    return RunFolder(Path(place))


def _told(asked: dict[str, Any], reply: dict[str, Any]) -> str:
    """``reply`` for a person."""
    if "commands" in reply:
        takes = {
            do: ", ".join(f"{key} = {what}" for key, what in keys.items()) for do, keys in reply["commands"].items()
        }
        return "\n".join(f"{do}: {keys or 'takes nothing'}" for do, keys in takes.items())
    if "status" in reply:
        return _status_text(reply["status"])
    said = {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in reply.items()
    }
    return f"{asked.get('do')}: done" + "".join(f"\n  {key}: {text}" for key, text in said.items() if key != "ok")


def _status_text(status: dict[str, Any]) -> str:
    recording = status["recording"]
    lines = [
        f"{status['name']}: {status['state']}" + (f" ({status['message']})" if status["message"] else ""),
        f"samples    {status['samples']['received']} received, {status['samples']['lost']} lost, {status['gaps']} gaps",
        f"recording  {recording['state']}, part {recording['part']}, {recording['seconds']:.1f} s, {recording['bytes']} "
        f"bytes, {recording['path'] or 'no file'}" + (f"; {recording['problem']}" if recording["problem"] else ""),
    ]
    for name, decoder in status["decoders"].items():
        charge = status["charge"]
        role = "in charge" if name == charge["decoder"] else "next in charge" if name == charge["next"] else "in shadow"
        trials = "no trial yet"
        if decoder["trials"]:
            trials = (
                f"{decoder['trial_accuracy']:.3f} right of {decoder['trials']} trials (chance {decoder['chance']:.2f})"
            )
        lines.append(f"{name:<10} {decoder['state']}, {role}, {decoder['decoded']} decided, {trials}")
    if remote := status.get("remote"):
        said = f"; {remote['said']}" if remote["said"] else ""
        lines.append(f"remote     {remote['host']} port {remote['port']}, {remote['clients']} connected{said}")
    if status["bads"]:
        lines.append(f"bad        {', '.join(status['bads'])}")
    return "\n".join(lines)


@command(
    'rtbci control sessions/2026-11-23_21-54-03_fists-or-feet note "subject blinked a lot"',
    "rtbci control sessions/2026-11-23_21-54-03_fists-or-feet record off",
    "rtbci control sessions/2026-11-23_21-54-03_fists-or-feet mark T1",
    "rtbci control sessions/2026-11-23_21-54-03_fists-or-feet status --json",
    name="control",
    short_help="Ask a running session for something.",
)
@click.argument("session", type=click.Path(path_type=Path))
@click.argument("words", nargs=-1, required=True, metavar="COMMAND...")
@click.option("--marker", is_flag=True, help="note: put it among the markers, too, as 'note: TEXT'.")
def control(session: Path, words: tuple[str, ...], marker: bool, as_json: bool) -> int:
    """Ask a running session for something.

    SESSION is its folder; COMMAND is one of:

    COMMANDS

    Exit code 0: done; 1: the session refuses, and says why; 2: it does not run, or the command is not understood.
    """
    from rtbci.control import send

    asked = parse(words, marker)
    # a part is closed when the disk has it, and a disk may take its time
    reply = send(_run_of(session), asked, timeout=15.0)
    if problem := reply.get("error"):
        if as_json:
            finish(reply, "", True)
        else:
            click.echo(f"rtbci: {problem}", err=True)
        return 1
    finish(reply, _told(asked, reply), as_json)
    return 0


control.help = (control.help or "").replace("COMMANDS", COMMANDS)
