"""Where the pictures of a stream come from: files of a folder, or a bank's own files, or its thumbnails."""

from __future__ import annotations

from pathlib import Path

from rtbci.bank import Bank
from rtbci.bank.listing import of_folder
from rtbci.errors import BankError


class PictureFiles:
    """Pictures by their ids, as bytes of a file. ``note`` is a sentence a person should see, or "".

    Raises BankError where ``path`` is neither a folder with pictures nor a bank of them.
    """

    def __init__(self, path: Path) -> None:
        self.note = ""
        self._bank: Bank | None = None
        self._files: dict[str, Path] = {}
        if not (path / "bank.json").exists():
            self._files = {entry.id: path / entry.file for entry in of_folder(path, "picture")}
            return
        bank = Bank.open(path)
        self._numbers = {item.id: number for number, item in enumerate(bank.items)}
        self._bank = bank
        source = Path(str(bank.manifest.get("source", "")))
        self._files = {
            item.id: source / item.file for item in bank.items if item.file and (source / item.file).is_file()
        }
        if len(self._files) < len(bank.items):
            self.note = (
                f"{len(bank.items) - len(self._files)} of {len(bank.items)} pictures are shown as the bank's thumbnails: "
                f"their files are not in {source}"
            )

    def raw(self, name: str) -> bytes:
        """The file of the picture ``name``. Raises BankError where it cannot be read."""
        try:
            if name in self._files:
                return self._files[name].read_bytes()
            if self._bank is not None and name in self._numbers:
                return self._bank.thumbnail(self._numbers[name])
        except OSError as error:
            raise BankError(
                f'picture "{name}" cannot be read ({error.strerror}); the file in its place would be right'
            ) from error
        raise BankError(f'there is no picture "{name}"; the folder or bank has {len(self._files) or "none"}')
