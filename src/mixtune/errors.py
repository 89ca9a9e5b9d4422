"""Errors that a user can act on: printed as one message, without a traceback."""

import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# Errors of disks, and their remedies.
DISK = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "delete files that you do not need there, or request more",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EROFS: "make it writable, or work in a folder that is",
    errno.EACCES: "check its owner with `ls -l`, and work as that user or change its mode",
}

# Modules that libraries of GPU jobs import where installed, for 4 seconds of CPU per job, and that these jobs never
# use: bitsandbytes has torch's compiler make functions for other devices; Transformers has losses that need SciPy,
# and data sets of another library's.
NOT_FOR_TUNING = ("datasets", "scipy", "sklearn", "torch._inductor.compile_fx")


class UserError(Exception):
    """An error outside the code; the message names it and a remedy."""


def block_imports(names: Sequence[str]) -> None:
    """Make modules appear as not installed in this process, to save the seconds that others would import them for.

    Modules that are loaded already stay.
    """
    sys.modules.update({name: None for name in names if name not in sys.modules})  # pyright: ignore[reportArgumentType, reportCallIssue]  # None is documented
    if "torch" in names:
        os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # that torch is not installed


def run(main: Callable[[], object], without: Sequence[str] = ()) -> None:
    """Run a program's `main`; a UserError or a disk's error ends it with a message and exit status 1.

    Args:
        without: Names for `block_imports`.
    """
    block_imports(without)
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:  # e.g. when the output is piped into `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.errno not in DISK:
            raise
        sys.exit(f"error: {disk_message(error.errno, error.filename2 or error.filename or error)}")


def disk_message(number: int, path: object) -> str:
    """Return the message for a disk's error, with its remedy; `number` is a key of DISK.

    >>> disk_message(errno.EROFS, "results").partition(", and")[0]
    'results: Read-only file system; make it writable, or work in a folder that is'
    """
    return (
        f"{path}: {os.strerror(number)}; {DISK[number]}, and start again: "
        "what is finished is kept, and incomplete files do not count"
    )


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn a disk's error in this block into an OSError that names a path, whichever library wrote there.

    Write errors of Python and Arrow name no file; those of safetensors, tokenizers and torch are no OSError.
    """
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    except UserError:
        raise
    except Exception as error:
        text = str(error)
        if "unexpected pos" in text:  # torch, after an incomplete write
            text = os.strerror(errno.ENOSPC)
        for number in DISK:
            if os.strerror(number) in text:
                raise OSError(number, os.strerror(number), str(path)) from error
        raise
