"""Guesses the character encoding of the names in an archive file.

The .zip format marks only UTF-8. Without the mark most programs write the machine's legacy code page: Shift-JIS in
Japan, GBK in China, and so on. All names come from one machine, so one encoding is the most likely for all.
The model has a likelihood for each class of characters; all characters of a class are equally likely.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

__all__ = ["decode_names"]

_SAMPLE_BYTES = 4096
"""So much of all names is weighed; more would not change the choice."""

_ASCII = -3.5
_ODD_ASCII = -7.0
_UNDECODABLE = -9.0
"""Logarithms of the likelihood: of an ASCII character, of one that names hardly hold, of each byte of a name that is no
text."""

_AMONG_LATIN = -2.0
"""For each place where an ASCII letter touches a letter of another script; within words that hardly happens."""

_TOUCHING = re.compile(r"(?<=[A-Za-z])(?=[^\x00-\x7f])|(?<=[^\x00-\x7f])(?=[A-Za-z])")

_COMMON_ALPHABETS = frozenset(
    map(
        chr,
        (*range(0xA0, 0x180), *range(0x391, 0x3CF), *range(0x401, 0x460), *range(0x5D0, 0x5EB), *range(0x620, 0x650)),
    )
)  # Latin, Greek, Cyrillic, Hebrew, Arabic
_COMMON_MARKS = frozenset("　、。・！？々ー／～…‘’“”（）「」『』【】＋×＝☆★○●◎◇◆□■♪＆")
_COMMON_HANGUL = frozenset(
    "이다는에의가을고하지로사기은도한를서아인대나라어자리시일그스전정수해보들으부상제공주게있구만"
    "소마과여일성화모선생동장원유안개비신면무조니드여우물사진방학국경림새배노년월"
)
_COMMON_HANZI = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学"
    "如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两"
    "高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员"
    "图画集片图套册页绘像頭圖畫來國時會個們這為學開間關與對說過後點無經發現當還進樣實長機頁繪"
)


@dataclass(frozen=True)
class _Encoding:
    """One encoding: `classify` tells the likelihood of a character outside ASCII from it and its bytes."""

    name: str
    prior: float
    classify: Callable[[str, bytes], float]
    latin: bool = False

    def likelihood(self, names: Iterable[bytes]) -> float:
        """Logarithm of how likely names are."""
        return self.prior + sum(self._of_name(name) for name in names)

    def _of_name(self, name: bytes) -> float:
        try:
            text = name.decode(self.name)
        except UnicodeDecodeError:
            return _UNDECODABLE * len(name)
        total = 0.0 if self.latin else _AMONG_LATIN * len(_TOUCHING.findall(text))
        for letter in text:
            if letter < "\x80":
                total += _ODD_ASCII if letter in "\\@^`{|}~" else _ASCII
            else:
                total += math.log(self.classify(letter, letter.encode(self.name)))
        return total


def _shift_jis(letter: str, code: bytes) -> float:
    if "ぁ" <= letter <= "ヿ":
        return 0.55 / 175
    if len(code) == 1:
        return 0.003 / 63  # half-width katakana
    if 0x88 <= code[0] <= 0x97:
        return 0.35 / 2965  # kanji of the first level
    if code[0] == 0x81:
        return 0.05 / 30 if letter in _COMMON_MARKS else 0.005 / 80
    if code[0] == 0x82:
        return 0.02 / 62  # wide Latin letters and digits
    if code[0] == 0x87 or 0xFA <= code[0] <= 0xFC:
        return 0.005 / 470  # the vendors' own: numbers in circles, variants of kanji
    return 0.02 / 3390 if code[0] <= 0xEA else 0.0001 / 4000


def _gbk(letter: str, code: bytes) -> float:
    if code[1] < 0xA1 or code[0] < 0xA1:
        return 0.004 / 14000
    if letter in _COMMON_HANZI:
        return 0.4 / 300
    if 0xB0 <= code[0] <= 0xD7:
        return 0.55 / 3755
    if code[0] in (0xA1, 0xA3):
        return 0.03 / 188
    return 0.004 / 170 if code[0] in (0xA4, 0xA5) else 0.012 / 3008


def _big5(letter: str, code: bytes) -> float:
    if letter in _COMMON_HANZI:
        return 0.4 / 300
    if 0xA4 <= code[0] <= 0xC6:
        return 0.54 / 5401
    if 0xA1 <= code[0] <= 0xA3:
        return 0.03 / 408
    return 0.02 / 7652


def _korean(letter: str, code: bytes) -> float:
    if letter in _COMMON_HANGUL:
        return 0.6 / 80
    if code[1] < 0xA1 or code[0] < 0xA1:
        return 0.003 / 9000
    if 0xB0 <= code[0] <= 0xC8:
        return 0.36 / 2350
    return 0.02 / 280 if code[0] <= 0xA3 else 0.003 / 4888


def _cyrillic(letter: str, code: bytes) -> float:
    return 0.99 / 66 if "Ѐ" <= letter <= "ӿ" else 0.003 / 60


def _western(letter: str, code: bytes) -> float:
    return 0.14 / 36 if letter.isalpha() else 0.003 / 90


def _utf8(letter: str, code: bytes) -> float:
    if len(code) == 2:
        # Frequent characters of GBK, such as those of "picture", read as UTF-8 give letters that nobody uses.
        common = letter in _COMMON_ALPHABETS or unicodedata.combining(letter)
        return 0.4 / 400 if common else 0.0001 / 1500
    return 0.5 / 30000


_ENCODINGS = (
    _Encoding("utf-8", 2.0, _utf8, latin=True),
    _Encoding("cp932", 0.0, _shift_jis),
    _Encoding("gbk", -1.0, _gbk),
    _Encoding("cp949", -2.0, _korean),
    _Encoding("cp950", -2.0, _big5),
    _Encoding("cp866", -4.0, _cyrillic),
    _Encoding("cp437", -2.0, _western, latin=True),
)
"""With how likely each is before any name is seen: these are archives of illustrations."""


def decode_names(names: Sequence[bytes]) -> list[str]:
    """The names of one archive file as text, all under one encoding; every name gets a text."""
    sample = _sample(names)
    best = max(_ENCODINGS, key=lambda encoding: encoding.likelihood(sample)).name
    return [_decoded(name, best) for name in names]


def _sample(names: Sequence[bytes]) -> list[bytes]:
    """The folder and file names outside ASCII, each once, as far as they are weighed."""
    parts = dict.fromkeys(part for name in names if not name.isascii() for part in _parts(name))
    taken: list[bytes] = []
    room = _SAMPLE_BYTES
    for part in parts:
        taken.append(part)
        room -= len(part)
        if room <= 0:
            break
    return taken


def _parts(name: bytes) -> list[bytes]:
    """Folders and file name, without those in ASCII; a slash is never part of a character in these encodings."""
    return [part for part in name.split(b"/") if not part.isascii()]


def _decoded(name: bytes, encoding: str) -> str:
    try:
        return name.decode(encoding)
    except UnicodeDecodeError:
        return name.decode("cp437")  # which has a character for every byte
