"""The commands of several sites that train one network together."""

from __future__ import annotations

from pathlib import Path

import click

from rtbci.cli.output import clear_progress, command, example, finish, progress


@click.group(
    short_help="Train one network at several sites, without sharing recordings.",
    epilog=example("rtbci federate models site-a.rtbci site-b.rtbci --out shared.rtbci"),
)
def federate() -> None:
    """Train one network at several sites; what travels are model files, never recordings.

    \b
    By hand, a round:   every site   rtbci train experiment.toml --recording sessions/ --from shared.rtbci --out site-a.rtbci
                        one of them  rtbci federate models site-a.rtbci site-b.rtbci --out shared.rtbci
    All at once, where one machine sees the folders of all sites:
                        rtbci federate rounds experiment.toml --site A=/data/a --site B=/data/b --out shared.rtbci

    Only the shared part of a network is averaged; its input block stays with the site, whose cap and people it knows.
    """


@command(
    "rtbci federate models site-a.rtbci site-b.rtbci --out shared.rtbci",
    name="models",
    short_help="Average the shared part of models.",
)
@click.argument("given", metavar="MODEL...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Model file to write.")
@click.option("--equal", is_flag=True, help="Every model counts alike; otherwise as much as it has training windows.")
def average(given: tuple[Path, ...], out: Path, equal: bool, as_json: bool) -> None:
    """Average the shared part of MODELs of one experiment; the rest is that of the first one.

    Its confidence is that of the first one, too, though its weights are not: training from it, at a site, fits it.
    """
    from rtbci import federation

    made = federation.average(given, out, equal)
    lines = [
        f"{one.decoder}: {one.arrays} arrays averaged; "
        + ", ".join(f"{path.name} {share:.3f}" for path, share in zip(given, one.weights, strict=True))
        for one in made
    ]
    decoders = {one.decoder: {"weights": list(one.weights), "arrays": one.arrays} for one in made}
    lines.append(
        f"note: its confidence is that of {given[0].name}; 'rtbci train --from {out.name}', at a site, fits it"
    )
    finish({"model": str(out), "decoders": decoders}, "\n".join([*lines, f"{out} written"]), as_json)


@command(
    "rtbci federate rounds experiment.toml --site A=/data/a/sessions --site B=/b/run1.xdf,/b/run2.xdf --out shared.rtbci",
    name="rounds",
    short_help="Run all rounds over the sites' recordings.",
)
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option(
    "--site",
    "sites",
    multiple=True,
    required=True,
    metavar="NAME=RECORDINGS",
    help="A site and its recordings: files, sessions, folders of sessions, or BIDS folders, with commas between them.",
)
@click.option("--rounds", "n_rounds", type=click.IntRange(1), default=20, show_default=True, help="Rounds.")
@click.option("--epochs", type=click.IntRange(1), default=1, show_default=True, help="Epochs at each site in a round.")
@click.option("--equal", is_flag=True, help="Every site counts alike; otherwise as much as it has training windows.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Model file to write.")
def run_rounds(
    experiment: Path, sites: tuple[str, ...], n_rounds: int, epochs: int, equal: bool, out: Path, as_json: bool
) -> None:
    """Train at every site in turn, average, and begin the next round from that.

    OUT gets the shared part with the first site's input block; beside it each site's own model (OUT's name with the site's).
    """
    from rtbci import config, federation
    from rtbci.cli.recordings import pieces_of

    loaded = config.load(experiment)
    found = {}
    for spec in sites:
        name, separator, given = spec.partition("=")
        if not separator or not name.replace("-", "").replace("_", "").isalnum() or name in found:
            raise click.UsageError(
                f"--site {spec}: NAME=RECORDINGS would be right, each name once, such as A=sessions/."
            )
        found[name] = pieces_of(loaded, given.split(","))
    report = federation.rounds(
        loaded, found, out, n_rounds=n_rounds, epochs=epochs, equal=equal, progress=progress(as_json)
    )
    clear_progress()
    lines = [f"site {name}: {report.windows[name]} windows, {path}" for name, path in report.sites.items()]
    finish(report.as_json(), "\n".join([*lines, f"{out} written after {n_rounds} rounds"]), as_json)


federate.add_command(average)
federate.add_command(run_rounds)
