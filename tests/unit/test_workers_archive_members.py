"""The names of the members of an archive file: all different, all found again, whatever their encoding."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.archive_encodings import decode_names
from workers.archive_members import name_members

KANA = "".join(map(chr, [*range(0x3042, 0x3094), *range(0x30A2, 0x30F4)])) + "ー"
KANJI = "表紙桜木絵日本語漫画第一話夏服水着猫娘東方紅魔郷初音未来構想能予申暴十貼"  # some hold a backslash's byte
HANZI = "图画集片壁纸高清风景少女猫娘东方红魔乡初音未来第一话夏日泳装插画原神崩坏铁道明日方舟"
TRADITIONAL = "圖畫集片壁紙風景少女貓娘東方紅魔鄉初音未來第一話夏日泳裝插畫原神崩壞鐵道"
HANGUL = "이다는그림사진고양소녀여름수영복원신동방모음배경화면나라하늘바다가을우리"
CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"

CODES: Mapping[str, str] = {
    "cp932": KANA + KANJI,
    "gbk": HANZI,
    "cp950": TRADITIONAL,
    "cp949": HANGUL,
    "cp866": CYRILLIC,
    "utf-8": KANA + HANZI + HANGUL + CYRILLIC + "éüñ",
}


def packed(names: list[bytes], *, utf8: bool = False, extra: bytes = b"") -> list[zipfile.ZipInfo]:
    """The entries of an archive file with these raw names; each holds its own number."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive, warnings.catch_warnings(action="ignore"):
        for n, name in enumerate(names):
            info = zipfile.ZipInfo("x" * len(name))
            info.extra = extra
            archive.writestr(info, str(n))
    data = bytearray(content.getvalue())
    for signature, flags_at, name_at in ((b"PK\3\4", 6, 30), (b"PK\1\2", 8, 46)):
        at = -1
        for name in names:
            at = data.index(signature, at + 1)
            data[at + name_at : at + name_at + len(name)] = name
            data[at + flags_at : at + flags_at + 2] = (0x800 if utf8 else 0).to_bytes(2, "little")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for n, entry in enumerate(archive.infolist()):
            assert archive.read(entry) == b"%d" % n
        return archive.infolist()


def told(names: list[bytes], **how: object) -> list[str]:
    """The names that the members get, in the order of the entries."""
    entries = packed(names, **how)  # type: ignore[arg-type]
    found = {id(entry): name.decode() for name, entry in name_members(entries).items()}
    return [found[id(entry)] for entry in entries]


@pytest.mark.parametrize("code", CODES)
def test_names_in_an_old_encoding_come_back(code: str) -> None:
    """A handful of names of some length leaves no doubt about their encoding, whatever else is in them."""
    word = st.text(CODES[code], min_size=4, max_size=9)
    one = st.tuples(word, st.sampled_from(["", " (2)", "_01", "-a"]), st.sampled_from([".png", ".jpg", ""])).map(
        "".join
    )
    path = st.one_of(one, st.tuples(word, one).map("/".join))

    @given(st.lists(path, min_size=3, max_size=8, unique=True))
    @settings(deadline=None, derandomize=True, max_examples=150)
    def check(names: list[str]) -> None:
        assert told([name.encode(code) for name in names]) == names

    check()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("桜木/表紙.jpg", "cp932"),
        ("桜.png", "cp932"),
        ("ｱｲｳ.png", "cp932"),
        ("新しいフォルダー (2)/Akari♪.png", "cp932"),
        ("图片.jpg", "gbk"),  # these four bytes are UTF-8 too
        ("风景.jpg", "gbk"),
        ("圖片.jpg", "cp950"),
        ("사진.jpg", "cp949"),
        ("Рисунок.jpg", "cp866"),
        ("café.jpg", "cp437"),
        ("Müller.jpg", "cp437"),
        ("naïve Ångström.png", "cp437"),
        ("é.png", "utf-8"),
        ("桜.png", "utf-8"),
    ],
)
def test_one_short_name_is_enough_where_it_is_common(name: str, code: str) -> None:
    """Words that stand in real archives."""
    assert told([name.encode(code)]) == [name]


def test_the_encoding_is_that_of_all_names_together() -> None:
    """A name that alone would be read otherwise is read like its neighbours."""
    alone = "ｼ".encode("cp932")
    assert decode_names([alone]) != ["ｼ"]
    assert decode_names([alone, "桜木ひなの表紙".encode("cp932")]) == ["ｼ", "桜木ひなの表紙"]


def test_a_damaged_name_does_not_spoil_the_others() -> None:
    """It gets a name of some kind."""
    damaged, *names = told([b"\x81\xff", *(f"桜木ひなの表紙{n}".encode("cp932") for n in range(3))])
    assert names == [f"桜木ひなの表紙{n}" for n in range(3)]
    assert damaged


def test_names_that_say_what_they_are_are_believed() -> None:
    """By the mark of UTF-8, or by the extra field of Info-ZIP as long as it belongs to the name."""
    raw = "桜".encode("cp932")
    assert told(["ｼ".encode()], utf8=True) == ["ｼ"]
    field = struct.pack("<BL", 1, zlib.crc32(raw)) + "ひな".encode()
    extra = struct.pack("<HH", 0x7075, len(field)) + field
    assert told([raw], extra=extra) == ["ひな"]
    assert told(["絵".encode("cp932")], extra=extra) == [
        "絵"
    ]  # renamed since, by a program that does not know the field


@given(
    st.lists(
        st.lists(
            st.sampled_from([b"a", b"b", b" (2)", b"/", b"\\", b".png", b"\x81", b"\xff", b"\xe3"]),
            min_size=1,
            max_size=5,
        )
        .map(b"".join)
        .filter(lambda name: not name.endswith((b"/", b"\\"))),
        min_size=1,
        max_size=12,
    )
)
@settings(deadline=None, derandomize=True, max_examples=300)
def test_every_entry_has_a_name_of_its_own(raw: list[bytes]) -> None:
    """Whatever names occur how often, each entry is found under one; asked twice, under the same."""
    entries = packed(raw)
    members = name_members(entries)
    assert sorted(map(id, members.values())) == sorted(map(id, entries))
    assert all(name and not name.endswith(b"/") and b"\\" not in name for name in members)
    assert list(name_members(entries)) == list(members)


def test_many_entries_of_one_name_take_no_longer_each() -> None:
    """A hostile archive file has a hundred thousand of them."""
    entries = [zipfile.ZipInfo("x.png") for _ in range(100_000)]
    assert len(name_members(entries)) == 100_000
