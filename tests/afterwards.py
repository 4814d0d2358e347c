"""What is done after a block or the end of this process, whichever comes first."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def afterwards(script: str, *words: object) -> Iterator[None]:
    """Have a shell carry out a script at the end: also where this process is killed."""
    with subprocess.Popen(
        ["/bin/sh", "-c", f"cat; {script}", "afterwards", *map(str, words)],
        stdin=subprocess.PIPE,  # which ends with this process, too
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,  # without the signals of a terminal
    ):
        yield
