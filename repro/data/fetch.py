"""Getting a data set: downloads of what its publisher gives to everybody, and where to sign up for the rest."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro.data import dataset_class
from repro.data.archive import unpack
from repro.data.synthetic.once import cache_folder
from repro.data.toy import Generated

ISIC = "https://isic-challenge-data.s3.amazonaws.com"  # where challenge.isic-archive.com/data links to
ATTEMPTS = 5
TIMEOUT = 60  # seconds without a byte
CHUNK = 2**16  # what a broken connection may cost


@dataclass(frozen=True)
class Archive:
    """A file that may be downloaded by anybody. `checksum` is "md5:..." or "sha256:..."."""

    address: str
    checksum: str
    needed: bool = True  # holds images of a list; the others are official splits that nothing here trains or scores

    @property
    def name(self) -> str:
        """The file's name."""
        return self.address.rpartition("/")[2]


# Checksums are those that public loaders carry, because no publisher here gives one; they were not computed from a
# download of ours. A file that does not fit is refused, never trained on.
OPEN: Mapping[str, tuple[Archive, ...]] = {
    "chasedb1": (
        Archive("https://researchdata.kingston.ac.uk/96/1/CHASEDB1.zip", "md5:d9e47c4bac125b29996fae4380a68db1"),
    ),
    "isic2017": tuple(
        Archive(f"{ISIC}/2017/ISIC-2017_{name}.zip", f"md5:{md5}", needed=name.startswith("Training"))
        for name, md5 in {
            "Training_Data": "a14a7e622c67a358797ae59abb8a0b0c",
            "Training_Part1_GroundTruth": "77fdbeb6fbec4139937224416b250f4c",
            "Validation_Data": "8d6419d942112f709894c0d82f6c9038",
            "Validation_Part1_GroundTruth": "64d3e68fa2deeb8a5e89aa8dec2efd44",
            "Test_v2_Data": "5f6a0b5e1f2972bd1f5ea02680489f09",
            "Test_v2_Part1_GroundTruth": "b1742de6bd257faca3b2b21a4aa3b781",
        }.items()
    ),
    "isic2018": tuple(
        Archive(f"{ISIC}/2018/ISIC2018_Task1{name}.zip", f"sha256:{sha256}", needed="Training" in name)
        for name, sha256 in {
            "-2_Training_Input": "80f98572347a2d7a376227fa9eb2e4f7459d317cb619865b8b9910c81446675f",
            "_Training_GroundTruth": "99f8b2bb3c4d6af483362010715f7e7d5d122d9f6c02cac0e0d15bef77c7604c",
            "-2_Validation_Input": "0ea920fcfe512d12a6e620b50b50233c059f67b10146e1479c82be58ff15a797",
            "_Validation_GroundTruth": "f6911e9c0a64e6d687dd3ca466ca927dd5e82145cb2163b7a1e5b37d7a716285",
            "-2_Test_Input": "e59ae1f69f4ed16f09db2cb1d76c2a828487b63d28f6ab85997f5616869b127d",
            "_Test_GroundTruth": "2e8f6edce454a5bdee52485e39f92bd6eddf357e81f39018d05512175238ef82",
        }.items()
    ),
}


def fetch(
    name: str,
    folder: Path,
    *,
    archives: Sequence[Path] = (),
    everything: bool = False,
    say: Callable[[str], None] = print,
    sources: Mapping[str, tuple[Archive, ...]] = OPEN,
) -> bool:
    """Put the data set `name` into the data folder `folder`; return whether anything was unpacked.

    What the user brought is unpacked. Otherwise what may be downloaded openly is, and for the other sets it says where
    to sign up. An archive whose folder is in place is passed over.

    Args:
        name: a key of `repro.data.DATASETS`.
        folder: holds a folder a set; the set's own is made in it.
        archives: files the user has.
        everything: also the official splits that no list here uses.
        say: is given a sentence at a time.
        sources: what may be downloaded.

    Raises:
        ValueError: unknown set, no connection, a checksum that does not fit, or an archive that is refused.
    """
    dataset = dataset_class(name)
    if issubclass(dataset, Generated):
        raise ValueError(f"{name}: is generated on first use; there is nothing to fetch.")
    target = own_folder(dataset, folder)
    if not archives and name not in sources:
        say(f"{name}: its terms ({dataset.terms}) do not let a program download it. Get it from {dataset.where}.")
        say(f"Or give the archives: python -m repro.data fetch {name} --archive FILE --to {folder}")
        return False
    if archives:
        for archive in archives:
            _unpack(archive, target, dataset, say)
        return True
    fetched = False
    for source in sources[name]:
        if not (source.needed or everything):
            say(f"{source.name}: holds an official split that no list here uses; --all gets it, too.")
        elif _in_place(source, target, dataset):
            say(f"{source.name}: is unpacked already in {target}.")
        else:
            _unpack(download(source, cache_folder() / "downloads", say=say), target, dataset, say)
            fetched = True
    return fetched


def own_folder(dataset: type, folder: Path) -> Path:
    """Return where the set's own folder is in a data folder, or is to be made."""
    names = {name.lower() for name in dataset.folders}
    there = [inner for inner in sorted(folder.iterdir()) if inner.name.lower() in names] if folder.is_dir() else []
    return there[0] if there else folder / dataset.folders[0]


def _in_place(source: Archive, target: Path, dataset: type) -> bool:
    """Whether the archive's folder, or for a flat archive what marks the set, is there."""
    flat = dataset.markers if len(dataset.markers) == 1 and dataset.markers[0].endswith(".jpg") else ()
    return any((target / name).exists() for name in (*flat, source.name.removesuffix(".zip")))


def _unpack(archive: Path, target: Path, dataset: type, say: Callable[[str], None]) -> None:
    written = unpack(archive, target, strip=dataset.folders)
    say(f"{archive.name}: {len(written)} files unpacked into {target}.")


def download(source: Archive, folder: Path, *, say: Callable[[str], None] = print) -> Path:
    """Return the archive in `folder`, downloaded if it is not there; a download that was cut goes on where it ended.

    Raises:
        ValueError: no connection, no such file there, a full disk, or a checksum that does not fit.
    """
    import pooch  # and requests: only where something is downloaded
    import requests

    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{source.name}.part"
    say(f"{source.name}: {source.address} into {folder}{f', going on at {_size(part)} MB' if _size(part) else ''}.")
    pooch.get_logger().setLevel("ERROR")  # its messages are said here

    def resume(address: str, output: str, _) -> None:
        _fill(address, part)
        os.replace(part, output)

    try:
        pooch.retrieve(source.address, source.checksum, fname=source.name, path=folder, downloader=resume)
    except requests.RequestException as error:
        raise ValueError(
            f"{source.address}: cannot be downloaded ({_reason(error)}); the {_size(part)} MB that came are kept and "
            "the same call goes on from there, or give the file with --archive."
        ) from None
    except OSError as error:
        raise ValueError(f"{folder}: cannot be written ({error.strerror or error}); make room in it.") from None
    except ValueError:
        raise ValueError(
            f"{source.address}: what came has another checksum than {source.checksum}, which public loaders carry; it "
            "was deleted. Call again, or download it by hand and give it with --archive."
        ) from None
    return folder / source.name


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _size(part: Path) -> int:
    return part.stat().st_size // 10**6 if part.exists() else 0


def _fill(address: str, part: Path) -> None:
    """Complete the file `part`, beginning at what is there; connections that break are taken up again."""
    import requests

    for attempt in range(ATTEMPTS):
        before = part.stat().st_size if part.exists() else 0
        try:
            if _request(address, part):
                return
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
            came = part.exists() and part.stat().st_size > before
            if attempt == ATTEMPTS - 1 and not came:
                raise
    raise requests.ConnectionError(f"it broke off {ATTEMPTS} times")


def _request(address: str, part: Path) -> bool:
    """Ask for what `part` lacks and write it; return whether the file is whole."""
    import requests

    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with contextlib.closing(requests.get(address, headers=headers, stream=True, timeout=TIMEOUT)) as answer:
        if answer.status_code == 416:  # nothing lies beyond what is there: whole, or longer than the file
            total = answer.headers.get("Content-Range", "").rpartition("/")[2]
            if total != str(have):
                part.unlink()
            return total == str(have)
        answer.raise_for_status()
        goes_on = answer.status_code == 206
        expected = int(answer.headers["Content-Length"]) if "Content-Length" in answer.headers else None
        written = 0
        with open(part, "ab" if goes_on else "wb") as file:
            for chunk in answer.iter_content(CHUNK):
                file.write(chunk)
                written += len(chunk)
    return expected is None or written == expected
