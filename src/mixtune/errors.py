"""Errors that a user can act on: shown as one message, without a traceback."""

import os
import sys
from collections.abc import Callable
from typing import Any


class UserError(Exception):
    """Something outside the code is wrong; the message says what, and what to do."""


def run(main: Callable[[], Any]) -> None:
    """Run a program's `main`; a UserError ends it with its message and exit status 1."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:  # as when the output goes into `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
