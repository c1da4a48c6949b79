"""600 odd files of all kinds in one folder: each is used or counted, none hangs, none takes more than 300 MB.

    python -P odd_files.py [FOLDER] [--files 600]

Makes the folder, lists it, decodes every image in a process of its own that is timed and weighed, and prints a table by
kind. Ends with 1 when a file is not accounted for, a process is larger or one takes longer than a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

from deid_bench.datasets.folder import Folder

LIMIT_MB, LIMIT_SECONDS = 300, 60
RNG = np.random.default_rng(0)
_READER = """
import json, sys, time
from deid_bench.datasets.images import ImageError, read_image
def peak():
    return [int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
for path in sys.stdin.read().splitlines():
    start = time.monotonic()
    try:
        said = str(read_image(path).shape)
    except ImageError as error:
        said = str(error).partition(": ")[2]
    print(json.dumps([path, said, time.monotonic() - start, peak()]), flush=True)
"""


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, bits: int, kind: int, extra: bytes = b"") -> bytes:
    """A PNG of one colour, of any size, in little memory."""
    packer = zlib.compressobj(1)
    row = bytes(1 + width * {0: 1, 2: 3, 6: 4}[kind] * bits // 8)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def picture(side: int = 64, channels: int = 3) -> Image.Image:
    values = RNG.integers(0, 256, (side, side, channels), dtype=np.uint8)
    return Image.fromarray(values.squeeze())


def saved(suffix: str, **options: Any) -> Callable[[Path], None]:
    return lambda path: picture().save(path.with_suffix(suffix), **options)


def broken(path: Path) -> None:
    picture().save(path.with_suffix(".png"))
    data = bytearray(path.with_suffix(".png").read_bytes())
    for _ in range(5):
        data[int(RNG.integers(8, len(data)))] ^= int(RNG.integers(1, 256))
    path.with_suffix(".png").write_bytes(data)


def cut(path: Path) -> None:
    picture().save(path.with_suffix(".jpg"))
    data = path.with_suffix(".jpg").read_bytes()
    path.with_suffix(".jpg").write_bytes(data[: int(RNG.integers(0, len(data)))])


def sparse(path: Path) -> None:
    with path.with_suffix(".png").open("wb") as stream:
        stream.truncate(3_000_000_000)


def unix_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"{path.name}.png")
    os.chdir(here)


def link(target: Callable[[Path], object], suffix: str = ".png") -> Callable[[Path], None]:
    return lambda path: path.with_suffix(suffix).symlink_to(str(target(path)))


def wide(path: Path) -> None:
    Image.fromarray(RNG.integers(0, 4096, (64, 64), dtype=np.uint16)).save(path.with_suffix(".png"))


def text(suffix: str, data: bytes = b"notes") -> Callable[[Path], object]:
    return lambda path: path.with_suffix(suffix).write_bytes(data)


LONG = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(64 << 20)))
KINDS: dict[str, Callable[[Path], object]] = {
    "PNG": saved(".png"),
    "JPEG": saved(".jpg"),
    "JFIF": saved(".jfif", format="JPEG"),
    "BMP": saved(".bmp"),
    "GIF": saved(".gif"),
    "TIFF": saved(".tiff", compression="tiff_lzw"),
    "WebP": saved(".webp"),
    "PGM": lambda path: picture(channels=1).save(path.with_suffix(".pgm")),
    "RGBA": lambda path: picture(channels=4).save(path.with_suffix(".png")),
    "12 bits of 16": wide,
    "float": lambda path: Image.fromarray(np.zeros((64, 64), np.float32)).save(path.with_suffix(".tif")),
    "tiny": lambda path: picture(4).save(path.with_suffix(".png")),
    "empty": text(".png", b""),
    "text as .png": text(".png"),
    "broken PNG": broken,
    "cut JPEG": cut,
    "long text": lambda path: path.with_suffix(".png").write_bytes(png(64, 64, 8, 2, LONG)),
    "16-bit RGBA, 12,000 x 6,600": lambda path: path.with_suffix(".png").write_bytes(png(12_000, 6_600, 16, 6)),
    "16-bit RGBA, 5,800 x 5,800": lambda path: path.with_suffix(".png").write_bytes(png(5_800, 5_800, 16, 6)),
    "grey, 7,700 x 7,700": lambda path: path.with_suffix(".png").write_bytes(png(7_700, 7_700, 8, 0)),
    "60,000 x 60,000": lambda path: path.with_suffix(".png").write_bytes(png(60_000, 4, 8, 2)),
    "3 GB sparse": sparse,
    "HEIC bytes": text(".heic", b"\0\0\0\x18ftypheic"),
    "text": text(".txt"),
    "raw": text(".cr2"),
    "no suffix": lambda path: path.write_bytes(b"x"),
    "hidden": lambda path: (path.parent / f".{path.name}.png").write_bytes(b"x"),
    "pipe": lambda path: os.mkfifo(path.with_suffix(".png")),
    "socket": unix_socket,
    "broken link": link(lambda path: path.parent / "gone"),
    "loop": link(lambda path: path.with_suffix(".png")),
    "link to a device": link(lambda path: "/dev/zero"),
    "link out": link(lambda path: Path(__file__).resolve(), ".png"),
    "link to a folder": link(lambda path: path.parent, ""),
    "folder called .png": lambda path: path.with_suffix(".png").mkdir(),
    "odd name": lambda path: (path.parent / os.fsdecode(b"\xff\xfe\n" + path.name.encode() + b".png")).write_bytes(
        png(64, 64, 8, 2)
    ),
}
EMPTY_FOLDERS = {"folder called .png"}
"""Nothing in them that would have to be accounted for."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--files", type=int, default=600)
    options = parser.parse_args()
    root = options.folder or Path(tempfile.mkdtemp(prefix="odd-files-"))
    made: Counter[str] = Counter()
    for number in range(options.files):
        kind = list(KINDS)[number % len(KINDS)]
        person = root / f"p{number % 7}"
        person.mkdir(parents=True, exist_ok=True)
        KINDS[kind](person / f"{number:04d}")
        made[kind] += 1
    folder = Folder(str(root))
    folder.prepare(jobs=2)
    samples = folder.samples()
    expected = sum(count for kind, count in made.items() if kind not in EMPTY_FOLDERS)
    counted = len(samples) + sum(folder.ignored.values())
    click.echo(f"{options.files} files made, {expected} to account for: {len(samples)} samples, passed over:")
    for reason, count in folder.ignored.items():
        click.echo(f"  {count:4d} {reason}")
    # One process for all: what one file leaves behind would weigh on the next.
    names = "\n".join(str(each.path) for each in samples if "\n" not in str(each.path))
    odd = [each for each in samples if "\n" in str(each.path)]
    found = subprocess.run(
        [sys.executable, "-P", "-c", _READER], input=os.fsencode(names), capture_output=True, check=True
    )
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    said = Counter(text if not text.startswith("(") else "decoded" for _, text, _, _ in rows)
    said["decoded"] += sum(each.image().ndim == 3 for each in odd)
    for text_, count in said.most_common():
        click.echo(f"  {count:4d} {text_[:110]}")
    peak, slowest = max(row[3] for row in rows), max(row[2] for row in rows)
    click.echo(f"largest process {peak:.0f} MB, slowest file {slowest:.1f} s, {counted} of {expected} accounted for")
    return int(counted != expected or peak > LIMIT_MB or slowest > LIMIT_SECONDS or sum(said.values()) != len(samples))


if __name__ == "__main__":
    sys.exit(main())
