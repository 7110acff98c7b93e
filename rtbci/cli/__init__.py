"""The commands. Each module of this package holds those of one purpose and imports what they need when they run."""

from __future__ import annotations

from collections.abc import Sequence

import click

from rtbci import __version__
from rtbci.cli.again import recover, replay, verify
from rtbci.cli.bank import bank
from rtbci.cli.check import check
from rtbci.cli.control import control
from rtbci.cli.demo import demo, subject
from rtbci.cli.evaluate import evaluate
from rtbci.cli.feature_maps import feature_maps
from rtbci.cli.federate import federate
from rtbci.cli.gui import gui
from rtbci.cli.image_metrics import image_metrics
from rtbci.cli.live import attach, edit, run_session
from rtbci.cli.look import info, plugins, streams
from rtbci.cli.new import new
from rtbci.cli.output import run_command
from rtbci.cli.play import stream
from rtbci.cli.present import present
from rtbci.cli.rehearse import rehearse
from rtbci.cli.train import train


class Commands(click.Group):
    """Lists the commands in the order in which a newcomer needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands in the order in which they were added."""
        return list(self.commands)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="rtbci")
def cli() -> None:
    """Decode EEG and MEG while they are recorded, and prove afterwards what was decoded.

    \b
    See it work:       rtbci demo         rtbci demo images
    In windows:        rtbci gui
    A first file:      rtbci new motor-imagery
    What is there:     rtbci streams      rtbci info FILE      rtbci plugins list
    A session:         rtbci train EXPERIMENT --recording FILE --out MODEL
                       rtbci check EXPERIMENT --model MODEL
                       rtbci run EXPERIMENT --model MODEL
    Afterwards:        rtbci replay EXPERIMENT --model MODEL --recording FILE
                       rtbci verify SESSION
    Which decoder:     rtbci evaluate EXPERIMENT --recording FILE --recording FILE ...

    Exit codes: 0 done, 1 different or failed, 2 bad input (one line says what is wrong and what would be right).
    """


for command in (
    demo,
    gui,
    new,
    streams,
    info,
    stream,
    present,
    train,
    check,
    run_session,
    attach,
    control,
    replay,
    rehearse,
    evaluate,
    feature_maps,
    federate,
    bank,
    image_metrics,
    verify,
    recover,
    edit,
    plugins,
    subject,
):
    cli.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; return its exit code."""
    return run_command(cli, arguments)


__all__ = ["cli", "run"]
