"""Errors that end a command: one line on standard error and an exit status."""

import click

from aiotask._checks import printable
from aiotask.errors import AiotaskError, AnswerError, JournalError

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130


class Failure(click.ClickException):
    """The command could not do its work."""

    exit_code = FAILED

    def format_message(self) -> str:
        """Return the line to show."""
        return printable(self.message)


class WrongUsageError(Failure):
    """The options or the input are wrong: the command tried nothing."""

    exit_code = WRONG_USAGE


def reason(error: Exception) -> str:
    """Return why a row failed, without the request, which is the same for every row."""
    match error:
        case AnswerError(message=message, status=status, code=None):
            return f"{message} (status {status})"
        case AnswerError(message=message, status=status, code=code):
            return f"{message} (status {status}, code {code})"
        case AiotaskError(message=message) if not isinstance(error, JournalError):
            return message
    return str(error)
