"""Files that are there whole or not at all."""

import contextlib
import os
from collections.abc import Collection
from pathlib import Path


def write_atomically(path: Path, data: bytes | memoryview) -> None:
    """Write a file so that after a crash it is there whole or not at all."""
    aside = path.with_name(f".{path.name[:40]}.{os.getpid()}.aside")
    try:
        with open(aside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        if isinstance(error, OSError):
            error.filename = str(path)  # and not the name aside, or none where the disk is full
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename itself survives a power cut
    finally:
        os.close(folder)


def write_anew(path: Path, data: bytes, *, force: bool) -> None:
    """Write a file of the user's, unless it is there with these bytes; make its folder.

    Raises:
        ValueError: it is there with other bytes, and `force` is not given.
    """
    if path.exists():
        if path.read_bytes() == data:
            return
        if not force:
            raise ValueError(f"{path}: is there with other content; give --force to replace it, or another --output")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data)


def files_below(folder: Path) -> list[Path]:
    """Return what is below a folder and is no folder, sorted; a link to a folder is listed and not followed.

    Raises:
        OSError: a folder below cannot be read; `Path.rglob` would pass over it without a word.
    """

    def refuse(error: OSError) -> None:
        raise error

    walked = [(Path(at), inner, names) for at, inner, names in os.walk(folder, onerror=refuse)]
    links = [at / name for at, inner, _ in walked for name in inner if (at / name).is_symlink()]
    return sorted([*links, *(at / name for at, _, names in walked for name in names)])


def pictures_below(folder: Path, endings: Collection[str]) -> list[Path]:
    """Return the files below a folder that have one of these endings, whatever their case; hidden ones are left out.

    A link to nothing is among them, what is in a hidden folder is not; OSError as `files_below`.

    Raises:
        ValueError: a link to a folder, whose pictures would go missing in silence.
    """
    inside = [path for path in files_below(folder) if not _is_hidden(path.relative_to(folder))]
    if link := next((path for path in inside if path.is_symlink() and path.is_dir()), None):
        raise ValueError(f"{link}: a link to a folder, which is not followed; put the folder itself there.")
    return [path for path in inside if path.suffix.lower() in endings]


def _is_hidden(path: Path) -> bool:
    """Whether a name on the way begins with a dot."""
    return any(part.startswith(".") for part in path.parts)


def all_there(pictures: list[Path]) -> list[Path]:
    """Return them, or raise a ValueError that names the first that is no file: no pair goes missing in silence."""
    if lost := next((path for path in pictures if not path.is_file()), None):
        raise ValueError(f"{lost}: a link to nothing, or no file; remove it or put the picture there.")
    return pictures
