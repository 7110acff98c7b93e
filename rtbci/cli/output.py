"""How commands speak: people read lines, programs read one JSON object on the last line of stdout (``--json``)."""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from rtbci.errors import RtbciError

F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """Add ``--json``."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON object on the last line of stdout; the rest to stderr."
    )(function)


def example(*lines: str) -> str:
    """An epilog that shows how the command is used; click keeps the lines as they are."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def say(text: str, as_json: bool = False) -> None:
    """A line for a person: on stdout, or on stderr where stdout belongs to a program."""
    click.echo(text, err=as_json)


def finish(result: dict[str, Any], text: str, as_json: bool) -> None:
    """Print what came out: ``text`` for a person, ``result`` for a program."""
    if as_json:
        click.echo(json.dumps(result, allow_nan=False, default=str))
    else:
        click.echo(text)


def progress(as_json: bool) -> Callable[[str], None]:
    """A function that shows how long work goes on: one line that is rewritten, on a terminal only.

    With ``RTBCI_PROGRESS=lines`` in the environment: a line of stderr each time.
    """
    if os.environ.get("RTBCI_PROGRESS") == "lines":  # a window follows it
        return lambda text: click.echo(text, err=True)
    if not sys.stderr.isatty():
        return lambda text: None

    def show(text: str) -> None:
        width = shutil.get_terminal_size().columns - 1  # a longer line would break, and the break would stay
        click.echo(f"\r\033[K{text[:width]}", nl=False, err=True)

    return show


def clear_progress() -> None:
    """Wipe the line of `progress`."""
    if sys.stderr.isatty():
        click.echo("\r\033[K", nl=False, err=True)


def run_command(cli: click.Command, arguments: Sequence[str]) -> int:
    """Run ``cli``; bad input becomes one line (or ``{"error": …}``) and exit code 2."""
    as_json = "--json" in arguments
    try:
        code = cli.main(list(arguments), prog_name="rtbci", standalone_mode=False)
    except click.exceptions.Abort:
        return _refuse("interrupted", as_json, 130)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else error.format_message())
        return 2
    except click.ClickException as error:
        return _refuse(_with_usage(error), as_json)
    except RtbciError as error:
        clear_progress()
        return _refuse(str(error), as_json)
    except KeyboardInterrupt:
        return _refuse("interrupted", as_json, 130)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; there is nobody to tell
        return 1
    except Exception as error:  # noqa: BLE001 - a defect of rtbci: say so with all there is
        traceback.print_exc()
        return _refuse(f"a defect in rtbci, please report it: {type(error).__name__}: {error}", as_json, 1)
    return code if isinstance(code, int) else 0


def _with_usage(error: click.ClickException) -> str:
    text = error.format_message()
    context = getattr(error, "ctx", None)
    if context is None:
        return text
    return f"{text}{'' if text.endswith(('.', '?')) else '.'} See '{context.command_path} --help'."


def _refuse(message: str, as_json: bool, code: int = 2) -> int:
    line = " ".join(message.split())
    if as_json:
        click.echo(json.dumps({"error": line}))
    else:
        click.echo(f"rtbci: {line}", err=True)
    return code


def command(*lines: str, **settings: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """``click.command`` with ``--json`` and an example."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        make: Callable[[Callable[..., Any]], click.Command] = click.command(epilog=example(*lines), **settings)
        return make(json_option(function))

    return decorate
