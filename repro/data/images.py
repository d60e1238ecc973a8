"""Decoding: one image or one label file to an array, or one sentence that says what is wrong with the file.

Pillow decodes, because OpenCV returns a half-grey picture for a truncated JPEG without an error.
"""

import re
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

MAX_PIXELS = 2**26  # 67 million; the largest image of any set here has 30 million
FORMATS = ("PNG", "JPEG", "GIF", "TIFF", "BMP")
LOSSLESS = ("PNG", "GIF", "TIFF", "BMP")

warnings.simplefilter("error", Image.DecompressionBombWarning)


def _open(path: Path) -> Image.Image:
    """Open `path` lazily: the header is read and its size is within the limit."""
    if not path.is_file():  # a pipe would be waited for
        found = "no file" if path.exists() else "no such file"
        raise ValueError(f"{path}: {found}; unpack the data set again.")
    try:
        file = Image.open(path, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValueError(
            f"{path}: declares more than {MAX_PIXELS} pixels; refused, get the file again."
        ) from None
    except (OSError, SyntaxError, struct.error, ValueError) as error:
        reason = "zero bytes" if path.stat().st_size == 0 else _one_line(error, path)
        raise ValueError(f"{path}: cannot be read as an image ({reason}); get the file again.") from None
    if file.width * file.height > MAX_PIXELS:
        found = f"{file.width} x {file.height}"
        file.close()
        raise ValueError(
            f"{path}: declares {found} pixels, the limit is {MAX_PIXELS}; refused, get the file again."
        )
    return file


def _one_line(error: Exception, path: Path) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"not a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file"
    return " ".join(str(error).replace(f"'{path}'", "it").split()) or type(error).__name__


def _pixels(file: Image.Image, path: Path, *, rgb: bool = False) -> np.ndarray:
    try:
        return np.array(file.convert("RGB") if rgb else file)
    except (OSError, SyntaxError, struct.error, zlib.error, ValueError) as error:
        raise ValueError(f"{path}: is damaged ({_one_line(error, path)}); get the file again.") from None


def size_of(path: Path) -> tuple[int, int]:
    """Return (height, width) from the header alone."""
    with _open(path) as file:
        return file.height, file.width


def is_turned(path: Path) -> bool:
    """Return whether EXIF asks viewers to turn or mirror the picture, which is never done here."""
    with _open(path) as file:
        try:
            return file.getexif().get(ExifTags.Base.Orientation, 1) != 1
        except (OSError, SyntaxError, struct.error, ValueError):
            return False  # damaged EXIF turns nothing


def read_rgb(path: Path) -> np.ndarray:
    """Return the image in `path` as (height, width, 3) uint8 RGB.

    Raises:
        ValueError: the file is missing, damaged, too large, or not an 8-bit RGB image.
    """
    with _open(path) as file:
        if file.mode != "RGB" or _is_deep(file):
            found = "with 16 bits a channel" if file.mode == "RGB" else f"of mode {file.mode!r}"
            raise ValueError(f"{path}: an image {found}, expected 8-bit RGB; convert it or get it again.")
        return _pixels(file, path)


def read_picture(path: Path) -> np.ndarray:
    """Return anybody's picture as (height, width, 3) uint8 RGB, as its pixels are stored.

    Grey is repeated, a palette looked up, transparency dropped; of several frames it is the first. An EXIF rotation is
    not applied: what is predicted lies pixel on pixel over the file.

    Raises:
        ValueError: the file is missing, damaged or too large, has 16 bits a channel, or other colours than RGB.
    """
    with _open(path) as file:
        if file.mode.startswith(("I", "F")) or _is_deep(file):
            raise ValueError(f"{path}: has more than 8 bits a channel, and which value is white is open; convert it.")
        if file.mode not in ("1", "L", "P", "RGB", "LA", "PA", "RGBA", "RGBX"):
            raise ValueError(f"{path}: an image of mode {file.mode!r}, expected RGB or grey of 8 bits; convert it.")
        return _pixels(file, path, rgb=True)


def _is_deep(file: Image.Image) -> bool:
    """Whether channels of 16 bits are stored, as "RGB;16B", which Pillow would cut to 8 without a word."""
    return any(re.search(r"(?<!BGR);16", str(tile.args)) for tile in file.tile)  # "BGR;16" are 16 bits a pixel


def read_ids(path: Path) -> np.ndarray:
    """Return the label file `path` as (height, width) uint8, as written: a palette's indices, a 1-bit mask as 0, 255.

    Raises:
        ValueError: the file is missing, damaged, too large, has colours or 16 bits, or was compressed with loss.
    """
    return _read_one_channel(path)[0]


def read_levels(path: Path) -> np.ndarray:
    """Return the mask in `path` as (height, width) uint8 grey levels: a palette's colours, not its indices.

    GIF masks of vessels and fields of view have palettes in which index 0 may be white.

    Raises:
        ValueError: as `read_ids`, or a colour of the palette that is in use is not grey.
    """
    pixels, palette = _read_one_channel(path)
    if palette is None:
        return pixels
    used = np.flatnonzero(np.bincount(pixels.ravel(), minlength=256))
    if used.max() >= len(palette) or (palette[used] != palette[used, :1]).any():
        raise ValueError(f"{path}: a mask with colours, expected black and white; get it again.")
    levels = np.zeros(256, np.uint8)
    levels[: len(palette)] = palette[:, 0]
    return levels[pixels]


def _read_one_channel(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """(height, width) uint8 as written, and the (n, 3) palette where there is one."""
    with _open(path) as file:
        if file.format not in LOSSLESS:
            raise ValueError(
                f"{path}: a label stored as {file.format} has invented values; expected PNG, get it again."
            )
        if file.mode not in ("L", "P", "1"):
            raise ValueError(
                f"{path}: a label of mode {file.mode!r}, expected one 8-bit number a pixel; convert it or get it again."
            )
        pixels = _pixels(file, path)
        palette = np.array(file.getpalette("RGB"), np.uint8).reshape(-1, 3) if file.mode == "P" else None
    return (pixels.astype(np.uint8) * 255 if pixels.dtype == bool else pixels), palette


def read_numbers(path: Path) -> np.ndarray | None:
    """Return a mask as (height, width) uint8 numbers, however a tool stored them; None where it has colours.

    One channel, of 16 bits too where none is above 255, or three equal ones; a fourth for opacity is passed over.

    Raises:
        ValueError: as `read_ids`, or a number above 255.
    """
    with _open(path) as file:
        if file.mode in ("RGB", "RGBA") and (file.format not in LOSSLESS or _is_deep(file)):
            return None  # what is wrong is said where colours are read
        if file.format not in LOSSLESS or file.mode not in ("RGB", "RGBA", "LA", "I", "I;16"):
            return read_ids(path)
        pixels = _pixels(file, path)
    if pixels.ndim == 3:
        channels = pixels[..., :3] if pixels.shape[2] > 2 else pixels[..., :1]
        return channels[..., 0] if (channels == channels[..., :1]).all() else None
    if pixels.min() < 0 or pixels.max() > 255:
        raise ValueError(f"{path}: holds {pixels.max()}, expected numbers of classes below 256; convert it.")
    return pixels.astype(np.uint8)


def read_colours(path: Path) -> np.ndarray:
    """Return the mask in `path` as (height, width, 3) uint8 colours, those of its palette where it has one.

    Raises:
        ValueError: the file is missing, damaged, too large, has 16 bits, or was compressed with loss.
    """
    with _open(path) as file:
        if file.format not in LOSSLESS or file.mode not in ("RGB", "RGBA", "P", "L", "1") or _is_deep(file):
            found = f"{file.format} of mode {file.mode!r}" + (" and 16 bits a channel" if _is_deep(file) else "")
            raise ValueError(f"{path}: a mask of colours stored as {found}; expected an 8-bit PNG.")
        _pixels(file, path)  # loads it, or says what is damaged
        return np.array(file.convert("RGB"))
