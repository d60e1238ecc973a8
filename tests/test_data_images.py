import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from repro.data.images import read_colours, read_ids, read_picture, read_rgb, size_of

RAMP = np.arange(40 * 60 * 3, dtype=np.uint8).reshape(40, 60, 3)


def test_an_image_comes_back_as_rgb_and_its_size_as_height_and_width(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.png"), RAMP)
    assert size_of(tmp_path / "a.png") == (40, 60)


def test_a_palette_label_comes_back_as_its_indices_and_a_one_bit_mask_as_0_and_255(tmp_path):
    ids = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8))
    ids.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0])
    ids.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_ids(tmp_path / "palette.png"), [[0, 1], [2, 1]])
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "mask.gif")
    np.testing.assert_array_equal(read_ids(tmp_path / "mask.gif"), [[255, 0]])
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_ids(tmp_path / "mask.png"), [[255, 0]])


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_a_truncated_file_is_refused_not_returned_half_grey(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"a\.\w+: is damaged .*; get the file again"):
        read_rgb(path)


def test_a_flipped_byte_is_noticed_by_the_checksum_of_its_chunk(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(RAMP).save(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 20] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.png: (is damaged|cannot be read)"):
        read_rgb(path)


def test_an_empty_file_and_a_missing_one_say_so(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(ValueError, match="zero bytes"):
        read_rgb(tmp_path / "a.png")
    with pytest.raises(ValueError, match="no such file"):
        read_rgb(tmp_path / "b.png")


def test_a_file_of_another_kind_is_named_as_such(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "a.png", format="WEBP")
    with pytest.raises(ValueError, match=r"a\.png: .* \(not a PNG, JPEG, GIF, TIFF or BMP file\)"):
        read_rgb(tmp_path / "a.png")


def test_a_header_of_ten_thousand_million_pixels_is_refused_unread(tmp_path):
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    data = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + data)
    with pytest.raises(ValueError, match="declares more than 67108864 pixels; refused"):
        read_rgb(tmp_path / "bomb.png")


def test_a_pipe_or_a_folder_is_no_image_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    for name in ("pipe.png", "folder.png"):
        with pytest.raises(ValueError, match=rf"{name}: no file; unpack the data set again"):
            read_picture(tmp_path / name)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bits_a_channel_are_refused_though_pillow_would_cut_them_to_eight(tmp_path, ending):
    path = tmp_path / f"deep.{ending}"
    cv2.imwrite(str(path), np.full((4, 5, 3), 3000, np.uint16))
    for read in (read_rgb, read_picture, read_colours):
        with pytest.raises(ValueError, match=rf"deep\.{ending}: .*(16|8) bits a channel"):
            read(path)


def test_images_of_other_modes_and_labels_with_loss_colours_or_16_bits_are_refused(tmp_path):
    Image.fromarray(np.zeros((4, 4, 4), np.uint8)).save(tmp_path / "rgba.png")
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "label.jpg")
    Image.fromarray(RAMP).save(tmp_path / "colours.png")
    for name in ("rgba.png", "deep.png"):
        with pytest.raises(ValueError, match="expected 8-bit RGB"):
            read_rgb(tmp_path / name)
    with pytest.raises(ValueError, match="stored as JPEG has invented values"):
        read_ids(tmp_path / "label.jpg")
    for name in ("colours.png", "deep.png"):
        with pytest.raises(ValueError, match="expected one 8-bit number a pixel"):
            read_ids(tmp_path / name)
