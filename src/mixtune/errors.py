"""Errors that a user can act on: shown as one message, without a traceback."""

import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# What disks refuse, and what a user can do about it.
DISK = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "delete what you do not need there, or ask for more",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EROFS: "make it writable, or work in a folder that is",
    errno.EACCES: "see who may with `ls -l`, and work as that user or change its mode",
}

# What the libraries of GPU jobs would load where they find it, for 4 seconds of CPU a job, and these jobs never use:
# bitsandbytes has torch's compiler make functions for other devices; Transformers knows losses that need SciPy, and
# data sets of another library's.
NOT_FOR_TUNING = ("datasets", "scipy", "sklearn", "torch._inductor.compile_fx")


class UserError(Exception):
    """Something outside the code is wrong; the message says what, and what to do."""


def do_without(names: Sequence[str]) -> None:
    """Spare this process modules that it does not need and that others would load where they find them, for seconds.

    For Python, they are not installed; what has been loaded before stays.
    """
    sys.modules.update({name: None for name in names if name not in sys.modules})
    if "torch" in names:
        os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # that torch is not installed


def run(main: Callable[[], Any], without: Sequence[str] = ()) -> None:
    """Run a program's `main`; a UserError or a disk's refusal ends it with a message and exit status 1.

    Args:
        without: As for `do_without`.
    """
    do_without(without)
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:  # as when the output goes into `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.errno not in DISK:
            raise
        sys.exit(f"error: {refusal(error.errno, error.filename2 or error.filename or error)}")


def refusal(number: int, path: Any) -> str:
    """What a disk refused, and what to do; `number` is one of DISK."""
    return (
        f"{path}: {os.strerror(number)}; {DISK[number]}, and start again: "
        "what is finished is kept, and nothing that is half written counts"
    )


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn a disk's refusal into an OSError that names a path, whichever library has been writing there.

    Python's and Arrow's errors of a write name no file; those of safetensors, tokenizers and torch are no OSError.
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
        if "unexpected pos" in text:  # torch, when it could not write all
            text = os.strerror(errno.ENOSPC)
        for number in DISK:
            if os.strerror(number) in text:
                raise OSError(number, os.strerror(number), str(path)) from error
        raise
