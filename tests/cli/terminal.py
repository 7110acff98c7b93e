"""What a user meets: one command, run in this process, with its exit code, what it printed, and its JSON object."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from typing import Any

from rtbci import cli


@dataclass(frozen=True, slots=True)
class Said:
    """Exit code, stdout and stderr of one command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The object on the last line of stdout, where no other line may hold one."""
        *before, last = self.out.rstrip("\n").split("\n")
        assert not any(line.startswith("{") for line in before), self.out
        value = json.loads(last, parse_constant=_refuse)
        assert isinstance(value, dict)
        return value

    @property
    def refusal(self) -> str:
        """The one line of a refusal: exit code 2, nothing but that line on stderr, no traceback."""
        assert self.code == 2, (self.code, self.out, self.err)
        assert self.err.endswith("\n"), self.err
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("rtbci: ")
        assert "Traceback" not in self.out
        return self.err.strip().removeprefix("rtbci: ")


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def rtbci(*arguments: object) -> Said:
    """Run ``rtbci ARGUMENTS`` in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.run([str(argument) for argument in arguments])
    return Said(code, out.getvalue(), err.getvalue())
