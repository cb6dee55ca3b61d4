"""Lines of a resumed log, by their stamps."""

from __future__ import annotations

from nbcontainer.orchestrators.stamps import Stamps, split


def line(second: int, nano: int, text: str) -> bytes:
    return f"2026-01-02T03:04:{second:02}.{nano:09}Z {text}".encode()


def take(stamps: Stamps, *lines: bytes) -> list[str]:
    return [log.line for each in lines for log in stamps.take("pod", each)]


def test_a_line_is_split_and_its_stamp_is_utc() -> None:
    assert split(line(5, 7, "hello  x")) == ("2026-01-02T03:04:05.000000007Z", "hello  x")
    assert split(b"2026-01-02T05:04:05.5+02:00 x") == ("2026-01-02T03:04:05.5Z", "x")
    assert split(b"2026-01-02T03:04:05Z ") == ("2026-01-02T03:04:05Z", "")
    assert split(b"no stamp") == ("", "no stamp")
    assert split(line(5, 7, "")[:-1] + b" \xff\xfe") == ("2026-01-02T03:04:05.000000007Z", "\ufffd\ufffd")


def test_what_a_resumed_stream_repeats_is_left_out() -> None:
    stamps, lines = Stamps(), [line(n, 1, f"line {n}") for n in range(10)]
    assert take(stamps, *lines[:6]) == [f"line {n}" for n in range(6)]
    assert stamps.since == "2026-01-02T03:04:04Z"
    stamps.reconnect()
    assert take(stamps, *lines[4:]) == [f"line {n}" for n in range(6, 10)]
    assert stamps.progressed()
    stamps.reconnect()
    assert take(stamps, *lines[8:]) == []
    assert not stamps.progressed()


def test_equal_lines_at_the_same_moment_all_count() -> None:
    stamps, same = Stamps(), line(5, 1, "again")
    assert take(stamps, same, same) == ["again", "again"]
    stamps.reconnect()
    assert take(stamps, same, same, same) == ["again"]


def test_a_gap_is_said_once_and_only_where_nothing_overlaps() -> None:
    stamps = Stamps()
    take(stamps, line(5, 1, "a"))
    stamps.reconnect()
    told = take(stamps, line(9, 1, "b"), line(9, 2, "c"))
    assert len(told) == 3
    assert told[0].startswith("[nbcontainer: the log was rotated; lines between 2026-01-02T03:04:05.000000001Z and ")
    stamps.reconnect(same_log=False)  # a restarted container's log begins anew
    assert take(stamps, line(20, 1, "d")) == ["d"]


def test_a_stamp_that_steps_back_a_little_is_no_repetition() -> None:
    stamps = Stamps()
    assert take(stamps, line(5, 9, "out"), line(5, 3, "err")) == ["out", "err"]
    stamps.reconnect()
    assert take(stamps, line(5, 9, "out"), line(5, 3, "err"), line(5, 4, "late")) == ["late"]


def test_pieces_of_a_long_line_have_its_stamp() -> None:
    stamps = Stamps()
    first, second = (next(stamps.take("pod", each)) for each in (line(5, 1, "begin"), b"rest"))
    assert second.time == first.time
    stamps.reconnect()
    assert take(stamps, line(5, 1, "begin"), b"rest") == []
