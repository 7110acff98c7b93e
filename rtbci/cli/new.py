"""The command that begins an experiment: lists the templates, or writes one."""

from __future__ import annotations

from pathlib import Path

import click

from rtbci.cli.output import command, finish


@command(
    "rtbci new",
    "rtbci new motor-imagery",
    "rtbci new p300 speller.toml",
    name="new",
    short_help="Begin an experiment from a template.",
)
@click.argument("template", required=False)
@click.argument("file", type=click.Path(path_type=Path), required=False)
def new(template: str | None, file: Path | None, as_json: bool) -> None:
    """List the templates, or write TEMPLATE as a new experiment FILE (default: TEMPLATE.toml here).

    A template is a page of TOML with comments that say what each line does and where its values come from. A file that is
    there already is never written over.
    """
    from rtbci import templates

    if template is None:
        found = templates.templates()
        width = max(len(each.name) for each in found)
        lines = [f"{each.name:<{width}}  {each.title}" for each in found]
        result = {"templates": [{"name": t.name, "title": t.title, "about": t.about} for t in found]}
        finish(result, "\n".join([*lines, "", "rtbci new NAME FILE writes one"]), as_json)
        return
    path = Path(f"{template}.toml") if file is None else file
    made = templates.write(template, path)
    text = f"{path}: {made.title}. Its comments say what to fill in; then: rtbci check {path}, rtbci gui {path}"
    finish({"experiment": str(path), "template": template}, text, as_json)
