"""Damage to the bytes of a file: cuts, flipped bits, stray quotes, NULs, line ends, bytes that are no text."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


class Random(np.random.Generator):
    """NumPy's generator of a seed, and how wild what it draws may be: 1 anything, 0 next to nothing."""

    def __init__(self, seed: tuple[int, ...], wild: float = 1.0) -> None:
        super().__init__(np.random.PCG64(seed))
        self.wild = wild

    def oddly(self, probability: float) -> bool:
        """True with the probability × wild."""
        return bool(self.random() < probability * self.wild)


def damaged(random: Random, content: bytes, share: float) -> tuple[bytes, str]:
    """The bytes, with the probability ``share`` × wild with one to three damages."""
    if not random.oddly(share):
        return content, "whole"
    names = [str(name) for name in random.choice(list(DAMAGES), int(random.integers(1, 4)))]
    for name in names:
        content = DAMAGES[name](random, bytearray(content))
    return content, "+".join(names)


def _place(random: Random, content: bytearray) -> int:
    return int(random.integers(len(content) + 1))


def _insert(*pieces: bytes) -> Callable[[Random, bytearray], bytes]:
    def damage(random: Random, content: bytearray) -> bytes:
        for _ in range(int(random.integers(1, 4))):
            at = _place(random, content)
            content[at:at] = pieces[int(random.integers(len(pieces)))]
        return bytes(content)

    return damage


def _cut(random: Random, content: bytearray) -> bytes:
    return bytes(content[: _place(random, content)])


def _without_a_piece(random: Random, content: bytearray) -> bytes:
    at = _place(random, content)
    return bytes(content[:at] + content[at + int(random.integers(1, 60)) :])


def _flipped(random: Random, content: bytearray) -> bytes:
    for _ in range(int(random.integers(1, 6)) if content else 0):
        content[int(random.integers(len(content)))] ^= 1 << int(random.integers(8))
    return bytes(content)


def _lines_twice(random: Random, content: bytearray) -> bytes:
    lines = bytes(content).splitlines(keepends=True)
    return b"".join(line * int(random.choice([0, 1, 1, 1, 2])) for line in lines)


DAMAGES: dict[str, Callable[[Random, bytearray], bytes]] = {
    "cut": _cut,
    "a piece gone": _without_a_piece,
    "bits flipped": _flipped,
    "lines twice": _lines_twice,
    "quotes": _insert(b'"', b'""', b'"x', b"'"),
    "NULs": _insert(b"\0"),
    "line ends": _insert(b"\n", b"\r", b"\r\n", b"\n\n\n", b"\x0b", b"\x85", "\u2028".encode()),
    "delimiters": _insert(b",", b";", b",,,,", b"\t"),
    "noise": _insert(b"\xff\xfe", b"\xc3", b"\x80\x81", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x1a"),
    "long cell": _insert(b"x" * 300_000),
}
