"""Lines of a file or pipe, as they arrive."""

import os
import select
from codecs import BOM_UTF8
from collections import deque
from typing import BinaryIO

from ..data.example import LONGEST

_BLOCK = 2**16  # bytes per read


class Lines:
    """Lines of a UTF-8 stream, with their line ends and without byte order mark, as they arrive.

    After a line that raised a ValueError, iteration can continue with the next one.

    Args:
        file: Unbuffered, so that `is_ready` is right about the bytes that have arrived; it has a file descriptor.

    Attributes:
        number: Number of the last line returned, from 1.
        taken: Bytes read so far.
        size: Bytes of the file, or None for a pipe.
    """

    def __init__(self, file: BinaryIO):
        self._file, self._lines, self._rest, self._ended = file, deque[bytes](), bytearray(), False
        self._undivided = False  # whether `read` has been called
        self.number = self.taken = 0
        self.size = os.fstat(file.fileno()).st_size or None

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        while not self._lines:
            if self._ended:
                raise StopIteration
            self._read()
        line = self._lines.popleft()
        self.number += 1
        if len(line) > LONGEST:
            raise ValueError(f"longer than {LONGEST:,} bytes; expected one record per line")
        try:
            return line.decode("utf-8" if self.number > 1 else "utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"not UTF-8 ({error.reason})") from None

    def is_ready(self) -> bool:
        """Return whether the next line, or the end, is available without waiting; always true of a file on disk."""
        while not self._lines and not self._ended and not (self._undivided and self._rest):
            if not select.select([self._file], [], [], 0)[0]:
                return False
            self._read()
        return True

    def peek(self) -> bytes:
        """Return the bytes that have arrived and are not yet returned; waits for one that is not white space."""
        while not (start := b"".join(self._lines) + self._rest).removeprefix(BOM_UTF8).strip() and not self._ended:
            self._read()
        return start

    def skip(self, size: int) -> None:
        """Drop the first bytes of those that `peek` returned; what follows is not divided into lines."""
        block = self.peek()[size:]
        self._undivided = True
        self._lines.clear()
        self._rest[:] = block

    def read(self, size: int, /) -> bytes:
        """Return the bytes after those skipped as they arrive, not divided into lines; waits for some. b"": the end.

        Args:
            size: Bytes to read at most, if none have arrived before.
        """
        if not (self._lines or self._rest or self._ended):
            self._read(size)
        block = b"".join(self._lines) + self._rest
        self._lines.clear()
        self._rest.clear()
        return block

    def _read(self, size: int = _BLOCK) -> None:
        block = self._file.read(size)
        self.taken += len(block)
        self._ended = not block
        *ends, rest = block.split(b"\n")
        for end in ends:
            self._lines.append(bytes(self._rest + end + b"\n"))
            self._rest.clear()
        self._rest += rest
        del self._rest[LONGEST + 1 :]  # a longer line is rejected, and need not be stored
        if self._ended and self._rest:
            self._lines.append(bytes(self._rest))
            self._rest.clear()
