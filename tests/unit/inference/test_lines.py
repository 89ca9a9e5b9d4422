import os

import pytest

from mixtune.inference.lines import Lines


@pytest.fixture
def given(tmp_path):
    def lines(content: bytes) -> Lines:
        (tmp_path / "given").write_bytes(content)
        return Lines((tmp_path / "given").open("rb", buffering=0))

    return lines


def test_lines_have_their_ends_and_no_mark(given):
    lines = given(b"\xef\xbb\xbfa\r\n\nb")
    assert (list(lines), lines.number, lines.taken) == (["a\r\n", "\n", "b"], 3, 8)


@pytest.mark.parametrize(("content", "start"), [(b"", b""), (b" \n ", b" \n "), (b"\n a\nb", b"\n a\nb")])
def test_a_peek_takes_nothing(given, content, start):
    lines = given(content)
    assert lines.peek() == lines.peek() == start
    assert "".join(lines).encode() == content


def test_what_is_skipped_is_not_read(given):
    lines = given(b"\n[1,\n2" + b" " * 200_000 + b"]")
    lines.skip(2)
    parts = list(iter(lambda: lines.read(7), b""))
    assert b"".join(parts) == b"1,\n2" + b" " * 200_000 + b"]"
    assert lines.taken == lines.size
    assert lines.is_ready()


def test_what_has_not_arrived_is_not_ready_after_bytes_were_read():
    ours, theirs = os.pipe()
    with open(ours, "rb", buffering=0) as file, open(theirs, "wb", buffering=0) as pipe:
        lines = Lines(file)
        pipe.write(b"[1,")
        lines.skip(1)
        assert lines.is_ready()
        assert lines.read(9) == b"1,"
        assert not lines.is_ready()
        pipe.write(b" 2")
        assert lines.is_ready()
        assert lines.read(9) == b" 2"
        pipe.close()
        assert lines.is_ready()
        assert lines.read(9) == b""
