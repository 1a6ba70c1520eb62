"""Sources before they are read: their digest, and the spool of those that can be read only once."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import threading
from pathlib import Path

import pytest

from ri_declarative.errors import SourceError, StoppedError
from ri_declarative.sources.incoming import receive, release_spool, spool_of

CONTENT = b"a,b\n1,2\n" * 100_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
BATCH = "6f1c5a1e-0000-4000-8000-000000000000"


def test_a_file_is_read_where_it_lies(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(CONTENT)
    with receive(file, tmp_path / "spool") as incoming:
        assert (incoming.path, incoming.name, incoming.sha256, incoming.is_spooled) == (file, "a.csv", DIGEST, False)
    assert not [*(tmp_path / "spool").glob("*")]


def test_standard_input_is_kept_for_the_time_of_the_block(tmp_path: Path) -> None:
    spool = tmp_path / ".ri" / "spool"
    with receive("-", spool, stdin=io.BytesIO(CONTENT)) as incoming:
        assert (incoming.name, incoming.sha256, incoming.is_spooled) == ("<stdin>", DIGEST, True)
        assert incoming.path.read_bytes() == CONTENT
        assert stat.S_IMODE(incoming.path.stat().st_mode) == 0o600
    assert not [*spool.glob("*")]


def test_what_belongs_to_a_batch_stays_until_it_is_released(tmp_path: Path) -> None:
    with receive("-", tmp_path / "spool", stdin=io.BytesIO(CONTENT)) as incoming:
        incoming.keep_as(BATCH)
        incoming.keep_as(BATCH)
    assert spool_of(tmp_path / "spool", BATCH).read_bytes() == CONTENT
    release_spool(tmp_path / "spool", BATCH)
    release_spool(tmp_path / "spool", BATCH)
    assert not [*(tmp_path / "spool").glob("*")]


def test_a_named_pipe_is_spooled_under_its_name(tmp_path: Path) -> None:
    pipe = tmp_path / "a.csv"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(CONTENT,))
    writer.start()
    with receive(pipe, tmp_path / "spool") as incoming:
        assert (incoming.name, incoming.sha256, incoming.is_spooled) == ("a.csv", DIGEST, True)
    writer.join()


def test_more_than_the_bound_is_refused_and_nothing_stays(tmp_path: Path) -> None:
    with (
        pytest.raises(SourceError, match=r"more than 1,000 bytes came") as caught,
        receive("-", tmp_path / "spool", stdin=io.BytesIO(CONTENT), most_bytes=1000),
    ):
        pytest.fail("it was received")
    assert caught.value.code == "source-spool"
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_spool_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "spool").write_bytes(b"")
    with (
        pytest.raises(SourceError, match=r"kept in .*spool, which failed: (File exists|Not a directory)") as caught,
        receive("-", tmp_path / "spool", stdin=io.BytesIO(CONTENT)),
    ):
        pytest.fail("it was received")
    assert caught.value.code == "source-spool"


def test_input_that_breaks_off_is_unreadable(tmp_path: Path) -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with (
        pytest.raises(SourceError, match="<stdin>: cannot be read: Input/output error") as caught,
        receive("-", tmp_path / "spool", stdin=Broken()),  # type: ignore[arg-type]
    ):
        pytest.fail("it was received")
    assert caught.value.code == "source-unreadable"
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_stop_ends_the_waiting_for_input(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    asked: list[None] = []

    def should_stop() -> bool:
        asked.append(None)
        return len(asked) > 2

    with (
        os.fdopen(reading, "rb") as stdin,
        pytest.raises(StoppedError, match="nothing was imported") as caught,
        receive("-", tmp_path / "spool", stdin=stdin, should_stop=should_stop),
    ):
        pytest.fail("it was received")
    os.close(writing)
    assert caught.value.code == "interrupted"
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_a_dead_process_has_left_is_removed_and_what_a_living_one_receives_is_not(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "arriving-left").write_bytes(b"x")
    (spool / BATCH).write_bytes(b"kept")
    with (
        receive("-", spool, stdin=io.BytesIO(b"first")) as first,
        receive("-", spool, stdin=io.BytesIO(b"second")) as second,
    ):
        assert (first.path.read_bytes(), second.path.read_bytes()) == (b"first", b"second")
        assert not (spool / "arriving-left").exists()
    assert [path.name for path in spool.iterdir()] == [BATCH]
