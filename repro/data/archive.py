"""Unpacking a zip or tar that may be hostile: every entry is looked at first, one that is refused refuses them all."""

import errno
import filecmp
import glob
import gzip
import io
import os
import shutil
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

READ = 2**20  # bytes copied at a time, and the most that a tar's own header may hold
BLOCK = 512  # of a tar
PAPERS = ("readme", "license", "licence", "attribution")  # files of an archive that others of its publisher have, too
OTHERS = {  # how archives of other kinds begin
    b"Rar!\x1a\x07": ("a RAR", "unrar x"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z", "7z x"),
    b"\xfd7zXZ": ("an xz", "tar xf"),
    b"BZh": ("a bzip2", "tar xf"),
}
UNWRITABLE = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EEXIST, errno.ENOTDIR
)  # fmt: skip
BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold. `ratio` is bytes unpacked over bytes packed, beyond the first `free` bytes."""

    entries: int = 200_000
    bytes: int = 100 * 2**30
    ratio: int = 100
    free: int = 2**20


@dataclass(frozen=True)
class _Entry:
    """One regular file: where it goes, relative to the folder, and how to read it."""

    parts: tuple[str, ...]
    size: int
    member: zipfile.ZipInfo | tarfile.TarInfo


def unpack(archive: Path, folder: Path, *, strip: Collection[str] = (), limits: Limits = Limits()) -> list[Path]:
    """Write the regular files of `archive` under `folder` and return their paths; all of them or none.

    Targets are computed here from checked names, modes and owners of the archive are passed over. The files are
    written beside `folder` first and moved at the end. One that is there already with the same bytes is kept.

    Args:
        archive: zip, tar or tar.gz, told apart by their bytes.
        folder: is made where it is missing.
        strip: a single top folder of one of these names (any case) is left away, since it would be `folder` itself.
        limits: beyond them the archive is refused.

    Raises:
        ValueError: not an archive, damaged, or an entry that is a link, a device, encrypted, there twice, has a name
            that leads elsewhere, or is over the limits; or another file is where one should go, or the disk is full.
    """
    try:
        with _opened(archive) as (entries, copy):
            listed = _checked(archive, entries, limits)
            listed = _stripped(listed, {name.casefold() for name in strip})
            _require_room(archive, folder.resolve(), sum(entry.size for entry in listed))
            return _write(archive, folder, listed, copy)
    except ValueError as error:  # a ValueError of the libraries, about a header, has no sentence of ours
        raise error if str(archive) in str(error) or str(folder) in str(error) else _damaged(archive, error) from None
    except BROKEN as error:
        raise (_unwritten if _is_of_the_folder(archive, error) else _damaged)(archive, error) from None


def _is_of_the_folder(archive: Path, error: Exception) -> bool:
    """Whether the system refused to write: no room, no permission, a file where a folder should be."""
    return isinstance(error, OSError) and error.errno in UNWRITABLE and error.filename != str(archive)


def _unwritten(archive: Path, error: OSError) -> ValueError:
    where = f"{error.filename}: " if error.filename else ""
    return ValueError(
        f"{archive}: cannot be unpacked ({where}{error.strerror}); nothing was written, make room or name another "
        "folder."
    )


def _damaged(archive: Path, error: Exception) -> ValueError:
    reason = " ".join(str(error).replace(str(archive), "it").split()) or type(error).__name__
    return ValueError(f"{archive}: cannot be unpacked ({reason}); nothing was written, get the archive again.")


@contextmanager
def _opened(archive: Path):
    """The archive's members, one by one, and a function that copies one of them to an open file."""
    if not archive.is_file():
        raise ValueError(f"{archive}: no such file; name the archive that was downloaded.")
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            yield map(_zip_member, file.infolist()), lambda member, to: _copy(file.open(member), to, member.file_size)
        return
    with open(archive, "rb") as raw:
        start = raw.read(6)
        raw.seek(0)
        for begin, (kind, program) in OTHERS.items():
            if start.startswith(begin):
                raise ValueError(
                    f"{archive}: {kind} archive, which is not read here; unpack it with its own program ({program}), "
                    "and name the folder with --data."
                )
        stream = _Careful(gzip.GzipFile(fileobj=raw) if start[:2] == b"\x1f\x8b" else raw)
        with tarfile.open(fileobj=stream, mode="r:") as file:
            yield _tar_members(file, stream), lambda member, to: _copy(file.extractfile(member), to, member.size)


class _Careful(io.RawIOBase):
    """A stream that refuses to read much at once: a tar's extended headers are read whole, whatever size they say."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= READ:
            raise OSError(f"a header of {size} bytes")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _zip_member(info: zipfile.ZipInfo) -> tuple[str, str, int, object]:
    """(name, kind, size, member), kind "file", "folder" or what is wrong with it."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.flag_bits & 1:
        found = "encrypted"
    elif info.is_dir() and kind in (0, stat.S_IFDIR):
        found = "folder"
    elif kind in (0, stat.S_IFREG):
        found = "file"
    else:
        found = "a link" if kind == stat.S_IFLNK else "no regular file"
    return info.orig_filename, found, info.file_size, info


def _tar_members(file: tarfile.TarFile, stream: _Careful) -> Iterator[tuple[str, str, int, object]]:
    """As `_zip_member`, in the archive's order; the caller stops at a limit before the next one is looked for."""
    while (info := file.next()) is not None:
        if info.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not info.issparse():
            found = "file"
        elif info.isdir():
            found = "folder"
        else:
            found = "a link" if info.islnk() or info.issym() else "no regular file"
        yield info.name, found, info.size, info
        file.members.clear()  # or a tar of a million entries would be held in memory
    stream.seek(file.offset)
    if stream.read(BLOCK) != bytes(BLOCK):
        raise OSError("it ends too early")
    while stream.read(READ):  # to the end, where gzip's checksum is
        pass


def _checked(archive: Path, entries: Iterator[tuple[str, str, int, object]], limits: Limits) -> list[_Entry]:
    """The regular files of an archive in which nothing is refused."""
    files: list[_Entry] = []
    seen: dict[str, bool] = {}  # folded name -> whether it is a file
    total, most = 0, min(limits.bytes, limits.free + limits.ratio * archive.stat().st_size)
    for number, (name, kind, size, member) in enumerate(entries, 1):
        if number > limits.entries:
            raise _refused(archive, name, f"is beyond the limit of {limits.entries} entries")
        if kind not in ("file", "folder"):
            raise _refused(archive, name, f"is {kind}; expected regular files")
        parts = _parts(archive, name, kind)
        total += size
        if size < 0 or total > most:
            raise _refused(archive, name, f"brings it to {total} bytes, beyond the limit of {most}")
        if parts:
            _remember(archive, name, parts, seen, is_file=kind == "file")
        if kind == "file":
            files.append(_Entry(parts, size, member))
    if not files:
        raise ValueError(f"{archive}: no file is in it; get the archive again.")
    return files


def _parts(archive: Path, name: str, kind: str) -> tuple[str, ...]:
    """The checked components of an entry's name; none for the folder "./" itself."""
    plain = name.removesuffix("/") if kind == "folder" else name
    parts = plain.split("/")
    while parts and parts[0] == ".":
        parts = parts[1:]
    if not parts and kind == "folder":
        return ()
    if plain.startswith("/") or ".." in parts:
        raise _refused(archive, name, "leads out of the folder")
    if "\\" in plain or ":" in plain:
        raise _refused(archive, name, "has a drive letter or a backslash")
    if not plain.isprintable():
        raise _refused(archive, name, "has characters that cannot be printed")
    if not parts or any(part in ("", ".") or len(part.encode()) > 200 for part in parts) or len(plain) > 1000:
        raise _refused(archive, name, "is not a name of a file")
    return tuple(parts)


def _remember(archive: Path, name: str, parts: tuple[str, ...], seen: dict[str, bool], *, is_file: bool) -> None:
    """Note the entry; one that is there twice on any file system, or is both file and folder, is refused."""
    folded = [_fold("/".join(parts[:length])) for length in range(1, len(parts) + 1)]
    if any(seen.get(parent) for parent in folded[:-1]) or (is_file and folded[-1] in seen) or seen.get(folded[-1]):
        raise _refused(archive, name, "is there twice")
    seen |= dict.fromkeys(folded[:-1], False) | {folded[-1]: is_file}


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _refused(archive: Path, name: str, why: str) -> ValueError:
    return ValueError(f"{archive}: entry {name[:100]!a} {why}; refused, nothing was written, get the archive again.")


def _stripped(entries: list[_Entry], names: set[str]) -> list[_Entry]:
    """The entries without their common top folder, where that has one of the names."""
    tops = {entry.parts[0] for entry in entries}
    if len(tops) > 1 or next(iter(tops)).casefold() not in names or any(len(entry.parts) == 1 for entry in entries):
        return entries
    return [_Entry(entry.parts[1:], entry.size, entry.member) for entry in entries]


def _require_room(archive: Path, folder: Path, needed: int) -> None:
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise ValueError(
            f"{archive}: needs {needed / 1e6:,.1f} MB in {there}, which has {free / 1e6:,.1f} MB free; nothing was "
            "written, make room or name another folder."
        )


def _write(archive: Path, folder: Path, entries: list[_Entry], copy) -> list[Path]:
    """Write the entries beside `folder`, then move them into it."""
    targets = [folder.joinpath(*entry.parts) for entry in entries]
    inside = folder.resolve()
    for target in targets:
        if not target.resolve().is_relative_to(inside) or target.is_symlink():
            raise ValueError(f"{target}: a link leads out of {folder}; refused, nothing was written, remove the link.")
    parents = {each for parent in {target.parent for target in targets} for each in (parent, *parent.parents)}
    inner = sorted(each for each in parents if each.is_relative_to(folder))
    if blocking := [each for each in inner if each.exists() and not each.is_dir()]:
        raise ValueError(f"{blocking[0]}: a file where a folder should be; nothing was written, move it away.")
    inside.parent.mkdir(parents=True, exist_ok=True)  # where the folder is a link it leads to, on the same disk
    _clear_leftovers(inside)
    aside = inside.parent / f".{inside.name}.{os.getpid()}.unpacking"
    written = [aside.joinpath(*entry.parts) for entry in entries]
    try:
        for entry, path in zip(entries, written):
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "xb") as file:
                copy(entry.member, file)
        for path, target in zip(written, targets):
            if _there(path, target):
                path.unlink()
        _move(aside, inside)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return targets


def _clear_leftovers(folder: Path) -> None:
    """Remove what killed processes wrote beside `folder`."""
    for left in folder.parent.glob(f".{glob.escape(folder.name)}.*.unpacking"):
        number = left.name.split(".")[-2]
        if number.isdecimal() and not _is_running(int(number)):
            shutil.rmtree(left, ignore_errors=True)


def _is_running(process: int) -> bool:
    """Whether there is a process of this number, somebody else's too."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _move(source: Path, target: Path) -> None:
    """Move what is in one folder into another, a folder that is not there yet by one rename: there whole or not."""
    if not target.exists():
        os.replace(source, target)
        return
    for each in sorted(source.iterdir()):
        if each.is_dir():
            _move(each, target / each.name)
        else:
            os.replace(each, target / each.name)


def _there(path: Path, target: Path) -> bool:
    """Whether the file is in place already; another file there is refused, but a publisher's readme is kept."""
    if not target.exists():
        return False
    if target.is_file() and (target.stem.casefold() in PAPERS or filecmp.cmp(path, target, shallow=False)):
        return True
    raise ValueError(f"{target}: another file is there already; nothing was moved, move it or name another folder.")


def _copy(source: BinaryIO, to: BinaryIO, size: int) -> None:
    """Copy exactly `size` bytes; a checksum that does not fit, or another number of bytes, is an error."""
    copied = 0
    with source:
        while chunk := source.read(READ):
            copied += len(chunk)
            if copied > size:
                break
            to.write(chunk)
    if copied != size:
        raise OSError(f"{copied} bytes where {size} were declared")
