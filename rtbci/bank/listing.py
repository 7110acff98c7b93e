"""Which items there are: files of a folder with its sub-folders as classes, or the rows of a CSV file."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rtbci.bank.reading import SUFFIXES
from rtbci.errors import BankError

COLUMNS = ("file", "class", "id", "caption")


@dataclass(frozen=True, slots=True)
class Entry:
    """An item before it is read.

    Attributes
    ----------
    id : what markers call it. category : its class, or "". file : path below the folder, or "" for a caption of a CSV file.
    caption : what it shows, or, of a caption, the caption itself where it stands in no file.
    """

    id: str
    category: str
    file: str
    caption: str = ""


def of_folder(folder: Path, kind: str) -> list[Entry]:
    """Files of ``kind`` in ``folder``, in order of their names; the first sub-folder is the class.

    The id is the path without its suffix, such as ``faces/face01``, or with it where two files share that. Hidden files and
    folders are left out. Raises BankError for a folder that cannot be read or holds none.
    """
    if not folder.is_dir():
        raise BankError(f"{folder} is no folder; a folder of {kind}s ({', '.join(SUFFIXES[kind])}) would be right")
    found = sorted(
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES[kind]
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
    if not found:
        raise BankError(f"{folder} holds no {kind}s; files that end in {', '.join(SUFFIXES[kind])} would be right")
    bare = Counter(path.with_suffix("").as_posix() for path in found)
    return [
        Entry(
            path.with_suffix("").as_posix() if bare[path.with_suffix("").as_posix()] == 1 else path.as_posix(),
            path.parts[0] if len(path.parts) > 1 else "",
            path.as_posix(),
        )
        for path in found
    ]


def of_table(table: Path, folder: Path, kind: str) -> list[Entry]:
    """Rows of a CSV file with a header: ``file``, below ``folder``, and if wanted ``class``, ``id`` and ``caption``.

    Captions may do without files. Raises BankError with the line that is wrong.
    """
    try:
        text = table.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BankError(f"{table} cannot be read ({error.strerror}); a CSV file would be right") from error
    except UnicodeDecodeError as error:
        raise BankError(f"{table} is no UTF-8 text (byte {error.start}); a CSV file would be right") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    header = [str(name).strip() for name in reader.fieldnames or ()]
    reader.fieldnames = header
    needed = "caption" if kind == "caption" and "file" not in header else "file"
    if needed not in header:
        raise BankError(
            f"{table} has the columns {', '.join(header) or 'none'}; {needed}, and if wanted "
            f"{', '.join(name for name in COLUMNS if name != needed)}, would be right"
        )
    entries: list[Entry] = []
    seen: dict[str, int] = {}
    for row in reader:
        line = reader.line_num
        file, category, name, caption = ((row.get(column) or "").strip() for column in COLUMNS)
        if not file and not (kind == "caption" and caption):
            raise BankError(f"{table}, line {line}: no {needed}; one in every line would be right")
        if file and (Path(file).is_absolute() or ".." in Path(file).parts):
            raise BankError(
                f'{table}, line {line}: file "{file}" is not below {folder}; a relative path would be right'
            )
        name = name or (Path(file).with_suffix("").as_posix() if file else f"caption{len(entries) + 1}")
        if name in seen:
            raise BankError(
                f'{table}, line {line}: id "{name}" is that of line {seen[name]}; each once would be right (column id)'
            )
        seen[name] = line
        entries.append(Entry(name, category, file, caption))
    if not entries:
        raise BankError(f"{table} has no rows; one for each item would be right")
    return entries
