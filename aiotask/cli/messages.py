"""Standard error that may be gone: a lost message stops no run."""

import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any


class _Unheeded(FileIO):
    """A file whose lost output is no error."""

    def write(self, data: Any, /) -> int:
        """Write to the file, or drop what cannot be written."""
        try:
            written = super().write(data)
        except OSError:  # the terminal is gone, the reader has left, or the disk is full
            written = None
        return memoryview(data).nbytes if written is None else written


def heed_no_loss() -> None:
    """Write messages on, or drop them, when standard error can no longer be written to.

    A terminal that is closed under ``nohup`` makes each write an error.
    """
    stream = sys.stderr
    # A stream that is not the process's own belongs to a caller; a console of Windows stays open.
    if stream is not sys.__stderr__ or stream is None or sys.platform == "win32":
        return
    sys.stderr = TextIOWrapper(
        BufferedWriter(_Unheeded(stream.fileno(), "wb", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=True,
    )
