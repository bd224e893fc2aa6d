"""Cutting the stream of files into chunks: every file once, and the same after any interruption."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.chunks import ListingWriter, planned_images
from store.incremental import UnchangedFiles
from store.listing import CacheHit, Kind, Listed
from store.part import Part, PartSpec, ScanTotals
from store.shard import Read, write_shard

LARGEST = 20


def files(count: int, *, start: int = 0) -> list[Listed]:
    """Plain files in the order of a scan."""
    return [Listed(f"{n:06d}.png".encode(), 100 + n, 10**18 + n) for n in range(start, start + count)]


def new_part(runs: Path, name: str = "20261123-0412/archive") -> Part:
    """A part that is begun and lists nothing yet."""
    part = Part(runs, name)
    part.begin(PartSpec("/archive", "space"))
    return part


def list_all(part: Part, found: Iterable[Listed], *, known: Part | None = None) -> tuple[ScanTotals, list[int]]:
    """List files; return the totals and the chunks that were sent."""
    sent: list[int] = []
    totals = ListingWriter(part, UnchangedFiles(known), LARGEST).write(found, sent.append)
    return totals, sent


def rows(part: Part) -> list[Listed]:
    """Everything that a part lists."""
    return [listed for chunk in part.listed_chunks() for listed in part.listing(chunk)]


def embed(part: Part, *, failed: Iterable[bytes] = (), passing: bool = False) -> None:
    """Write the shards as a worker would; some files fail."""
    for chunk in list(part.unread_chunks()):
        reads = []
        for row, listed in enumerate(part.listing(chunk)):
            if listed.to_read and listed.path in set(failed):
                reads.append(Read(row, Kind.UNREADABLE, reason="broken", passing=passing))
            elif listed.to_read:
                reads.append(Read(row, Kind.EMBEDDED, bytes(32), np.array([1, 0], np.float32)))
        write_shard(part.shard_path(chunk), reads, dimension=2, embedding_key="space")


listed_files = st.lists(
    st.builds(
        Listed,
        path=st.integers(0, 400).map(lambda n: f"{n:03d}".encode()),
        size=st.integers(0, 9),
        mtime_ns=st.integers(0, 9),
        member=st.sampled_from([b"", b"1", b"2"]),
        kind=st.sampled_from([Kind.PENDING, Kind.PENDING, Kind.PENDING, Kind.UNSUPPORTED, Kind.UNREADABLE]),
        reason=st.just(""),
    ),
    unique_by=lambda listed: listed.sort_key,
    max_size=120,
).map(lambda found: sorted(found, key=lambda listed: listed.sort_key))


class TestPlan:
    def test_ramp(self) -> None:
        """Four chunks of each size, doubling from 16 up to 128, then the largest."""
        assert [planned_images(chunk, 1024) for chunk in range(18)] == [
            *[16] * 4,
            *[32] * 4,
            *[64] * 4,
            *[128] * 4,
            1024,
            1024,
        ]

    @given(st.integers(0, 10**6), st.integers(1, 10**4))
    @settings(deadline=None, derandomize=True)
    def test_never_above_the_largest(self, chunk: int, largest: int) -> None:
        """No chunk is planned empty, above the largest, or smaller than the one before."""
        assert 1 <= planned_images(chunk, largest) <= planned_images(chunk + 1, largest) <= largest


class TestListing:
    @given(listed_files)
    @settings(deadline=None, derandomize=True, max_examples=25)
    def test_every_file_once(self, found: list[Listed]) -> None:
        """The chunks one after the other are the files, the totals are right, and what is to be read is sent."""
        with tempfile.TemporaryDirectory() as folder:
            part = new_part(Path(folder))
            totals, sent = list_all(part, iter(found))
            assert rows(part) == found
            to_read = sum(listed.to_read for listed in found)
            chunks = part.listed_chunks()
            assert totals == part.totals == ScanTotals(len(found), to_read, 0, len(chunks), len(sent))
            assert chunks == list(range(len(chunks)))
            assert sent == list(part.unread_chunks())
            for chunk in chunks:
                assert sum(listed.to_read for listed in part.listing(chunk)) <= planned_images(chunk, LARGEST)

    def test_sizes_of_chunks(self, tmp_path: Path) -> None:
        """Each chunk holds as many images as planned, the last one the rest."""
        part = new_part(tmp_path)
        list_all(part, files(16 * 4 + 20 * 2 + 7))
        assert [len(part.listing(chunk)) for chunk in part.listed_chunks()] == [16, 16, 16, 16, 20, 20, 7]

    def test_no_file(self, tmp_path: Path) -> None:
        """An empty archive has no chunk, and its scan is done."""
        part = new_part(tmp_path)
        assert list_all(part, []) == (ScanTotals(0, 0, 0, 0, 0), [])
        assert part.totals == ScanTotals(0, 0, 0, 0, 0)

    def test_listing_stands_before_it_is_sent(self, tmp_path: Path) -> None:
        """A worker that hears of a chunk finds its listing."""
        part = new_part(tmp_path)
        seen: list[int] = []
        ListingWriter(part, UnchangedFiles(None), LARGEST).write(
            files(50), lambda chunk: seen.append(len(part.listing(chunk)))
        )
        assert seen == [16, 16, 16, 2]

    def test_chunk_with_nothing_to_read(self, tmp_path: Path) -> None:
        """Files that need no worker fill chunks that are not sent, of a bounded length."""
        part = new_part(tmp_path)
        found = [replace(listed, kind=Kind.UNSUPPORTED) for listed in files(600)]
        totals, sent = list_all(part, found)
        assert (totals.files, totals.to_read, totals.chunks_to_read, sent) == (600, 0, 0, [])
        assert [len(part.listing(chunk)) for chunk in part.listed_chunks()] == [256, 256, 88]

    def test_scan_is_not_done_before_its_end(self, tmp_path: Path) -> None:
        """When the scan breaks off, what is listed stands, and the part does not count as listed."""
        part = new_part(tmp_path)

        def broken() -> Iterable[Listed]:
            yield from files(40)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            list_all(part, broken())
        assert part.totals is None
        assert rows(part) == files(32)

    def test_a_full_disk_ends_the_scan(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What stands has no gap, nothing that does not stand is announced, and the part does not count as listed."""
        part = new_part(tmp_path)
        add = part.add_listings

        def full(first: int, chunks: Sequence[list[Listed]]) -> None:
            if first + len(chunks) > 5:
                raise OSError(28, "No space left on device")
            add(first, chunks)

        monkeypatch.setattr(part, "add_listings", full)
        sent: list[int] = []
        with pytest.raises(OSError, match="No space left"):
            ListingWriter(part, UnchangedFiles(None), LARGEST).write(files(2000), sent.append)
        assert part.totals is None
        assert part.listed_chunks() == sent == list(range(len(sent)))


class TestResume:
    @given(listed_files, st.integers(0, 120))
    @settings(deadline=None, derandomize=True, max_examples=25)
    def test_after_any_part_of_the_way(self, found: list[Listed], stop: int) -> None:
        """Interrupted anywhere and begun again: the same listing and the same totals as without."""
        with tempfile.TemporaryDirectory() as folder:
            whole, broken = new_part(Path(folder), "1/archive"), new_part(Path(folder), "2/archive")
            totals, sent = list_all(whole, found)

            def breaks() -> Iterable[Listed]:
                yield from found[:stop]
                raise KeyboardInterrupt

            first: list[int] = []
            with pytest.raises(KeyboardInterrupt):
                ListingWriter(broken, UnchangedFiles(None), LARGEST).write(breaks(), first.append)
            again, second = list_all(broken, found)
            assert again == totals
            assert first + second == sent
            for chunk in whole.listed_chunks():
                assert broken.listing(chunk) == whole.listing(chunk)

    def test_twice_adds_nothing(self, tmp_path: Path) -> None:
        """Listing what is listed already sends nothing and counts the same."""
        part = new_part(tmp_path)
        totals, _ = list_all(part, files(50))
        assert list_all(part, files(50)) == (totals, [])
        assert rows(part) == files(50)

    def test_counts_go_on(self, tmp_path: Path) -> None:
        """A lister that goes on knows from the start what is listed."""
        part = new_part(tmp_path)
        list_all(part, files(50))
        lister = ListingWriter(part, UnchangedFiles(None), LARGEST)
        assert (lister.files, lister.to_read, lister.reused) == (50, 50, 0)

    @pytest.mark.parametrize("stop", range(1, 40))
    def test_picture_under_two_names(self, stop: int, tmp_path: Path) -> None:
        """A reference picture that stands under two names keeps both, wherever the listing was interrupted."""
        found = [replace(listed, label=label) for listed in files(20) for label in ("Akari", "Beniko")]
        part = new_part(tmp_path)

        def breaks() -> Iterable[Listed]:
            yield from found[:stop]
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            ListingWriter(part, UnchangedFiles(None), 5).write(breaks(), lambda chunk: None)
        ListingWriter(part, UnchangedFiles(None), 5).write(found, lambda chunk: None)
        assert rows(part) == found


class TestKnown:
    @staticmethod
    def earlier(runs: Path, found: list[Listed]) -> Part:
        """A part that was listed and embedded in an earlier run."""
        part = new_part(runs, "20261122-0412/archive")
        list_all(part, found)
        embed(part)
        return part

    def test_unchanged_files_are_not_sent(self, tmp_path: Path) -> None:
        """The same files again: all are known, each where its outcome stands, and nothing is sent."""
        before = self.earlier(tmp_path, files(50))
        part = new_part(tmp_path)
        assert list_all(part, files(50), known=before) == (ScanTotals(50, 0, 50, 1, 0), [])
        for listed in rows(part):
            assert listed.known is not None
            assert before.listing(listed.known.chunk)[listed.known.row].path == listed.path
            assert listed.known.part == before.name

    @pytest.mark.parametrize("change", [{"size": 1}, {"mtime_ns": 1}])
    def test_changed_files_are_sent(self, change: dict[str, int], tmp_path: Path) -> None:
        """A file with another size or time is read again; its neighbours are not."""
        found = files(50)
        before = self.earlier(tmp_path, found)
        found[20] = replace(found[20], **change)  # type: ignore[arg-type]
        totals, sent = list_all(part := new_part(tmp_path), found, known=before)
        assert (totals.to_read, totals.reused, sent) == (1, 49, [0])
        assert [listed.path for listed in rows(part) if listed.to_read] == [found[20].path]

    @given(st.sets(st.integers(0, 99)), st.sets(st.integers(0, 99)), st.sets(st.integers(0, 99)))
    @settings(deadline=None, derandomize=True, max_examples=20)
    def test_any_change(self, old: set[int], new: set[int], touched: set[int]) -> None:
        """Files come, go and change: exactly those that were there and are untouched are known."""
        everything = files(100)
        with tempfile.TemporaryDirectory() as folder:
            before = self.earlier(Path(folder), [everything[n] for n in sorted(old)])
            now = [replace(everything[n], mtime_ns=n) if n in touched else everything[n] for n in sorted(new)]
            totals, _ = list_all(part := new_part(Path(folder)), now, known=before)
            known = {listed.path for listed in rows(part) if listed.known}
            assert known == {everything[n].path for n in (old & new) - touched}
            assert totals.reused + totals.to_read == totals.files == len(new)

    def test_known_over_several_runs(self, tmp_path: Path) -> None:
        """A third run points to where the outcome stands, not to the second run's listing."""
        first = self.earlier(tmp_path, files(3))
        second = new_part(tmp_path, "20261122-0500/archive")
        list_all(second, files(5), known=first)
        embed(second)
        third = new_part(tmp_path)
        list_all(third, files(5), known=second)
        assert [listed.known for listed in rows(third)] == [
            *(CacheHit(first.name, 0, row) for row in range(3)),
            *(CacheHit(second.name, 0, row) for row in range(3, 5)),
        ]

    def test_without_a_shard_nothing_is_known(self, tmp_path: Path) -> None:
        """Files that were listed and never read are read now."""
        before = new_part(tmp_path, "20261122-0412/archive")
        list_all(before, files(5))
        totals, sent = list_all(new_part(tmp_path), files(5), known=before)
        assert (totals.reused, sent) == (0, [0])

    @pytest.mark.parametrize(("passing", "reused"), [(False, 5), (True, 4)])
    def test_failed_files(self, passing: bool, reused: int, tmp_path: Path) -> None:
        """A broken file that has not changed stays broken; one that could not be opened then is tried again."""
        before = new_part(tmp_path, "20261122-0412/archive")
        list_all(before, files(5))
        embed(before, failed=[files(5)[2].path], passing=passing)
        totals, _ = list_all(new_part(tmp_path), files(5), known=before)
        assert totals.reused == reused

    def test_what_the_scan_refuses_is_not_known(self, tmp_path: Path) -> None:
        """A file that the scan itself finds unreadable keeps its reason and is not said to be known."""
        before = self.earlier(tmp_path, files(3))
        found = files(3)
        found[1] = replace(found[1], kind=Kind.UNREADABLE, reason="permission denied")
        list_all(part := new_part(tmp_path), found, known=before)
        assert rows(part)[1] == found[1]

    def test_after_an_interruption(self, tmp_path: Path) -> None:
        """Begun again in the middle, files further on are still found known."""
        before = self.earlier(tmp_path, files(700))
        part = new_part(tmp_path)

        def breaks() -> Iterable[Listed]:
            yield from files(300)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            list_all(part, breaks(), known=before)
        totals, sent = list_all(part, files(700), known=before)
        assert (totals.files, totals.reused, totals.to_read, sent) == (700, 700, 0, [])
