"""Refusals: the service's error codes, each with a sentence.

The code is Twilio's own; what status it has on the wire is not decided here.
"""


class Refusal(Exception):  # noqa: N818 - not an error of the sandbox, but an answer of the service
    """The service's way to say no; *parameter* names the one to blame, where it is a single one."""

    def __init__(self, code: int, message: str, parameter: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.parameter = parameter


def invalid(message: str, parameter: str = "", code: int = 20001) -> Refusal:
    """Return the refusal of a wrong value or transition, by default with TaskRouter's 20001."""
    return Refusal(code, message, parameter)
