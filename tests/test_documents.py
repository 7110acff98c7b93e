"""What the documents show works as it stands: their programs and experiments are taken from them and tried."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from rtbci import config
from rtbci.cli import cli
from rtbci.testing import check_decoder
from tests.conftest import ROOT

DOCUMENTS = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))


def _blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_the_decoder_in_twenty_lines_keeps_the_contract() -> None:
    shown = next(block for block in _blocks(ROOT / "CONTRIBUTING.md", "python") if "my_decoder.py" in block)
    made: dict[str, Any] = {}
    exec(compile(shown, "CONTRIBUTING.md", "exec"), made)
    assert check_decoder(made["NearestPower"]).accuracy > 0.9


def test_the_readme_s_experiment_is_one(tmp_path: Path) -> None:
    shown = next(block for block in _blocks(ROOT / "README.md", "toml") if block.startswith("name ="))
    experiment = config.loads(shown, tmp_path / "experiment.toml")
    assert [decoder.use for decoder in experiment.decoders] == ["tangent"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_option_that_a_document_gives_a_command_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for name, command in cli.commands.items():
        known = {word for parameter in command.params for word in (*parameter.opts, *parameter.secondary_opts)}
        for words in re.findall(rf"rtbci {name}( [^`\n|]*)", text):
            used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", words.partition("  ")[0].partition(" #")[0]))
            of_subcommands = {
                word
                for sub in getattr(command, "commands", {}).values()
                for parameter in sub.params
                for word in (*parameter.opts, *parameter.secondary_opts)
            }
            assert used <= known | of_subcommands | {"--help"}, f"rtbci {name}{words}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_links_to_is_there(document: Path) -> None:
    linked = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [link for link in linked if not (document.parent / link).exists()] == []
