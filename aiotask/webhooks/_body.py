"""Body of a callback: untrusted bytes -> form fields, within bounds."""

from urllib.parse import parse_qsl

from aiotask.errors import AiotaskError

# Ten times the size of two attributes of 4,096 characters with every character escaped.
MAX_BODY = 2**20
_MOST_FIELDS = 1000


class CallbackError(AiotaskError, ValueError):
    """A request that is not the expected callback: too large, no form, or without its sids.

    Answer it with the status 400. It is a ValueError too. Its message quotes nothing of the body
    but names of fields.
    """


def within(body: bytes, max_body: int) -> bytes:
    """Return *body*, or raise a CallbackError if it is longer than *max_body* bytes."""
    if not isinstance(body, bytes):
        raise TypeError(f"body: must be the bytes as they came, not {type(body).__name__}")
    if len(body) > max_body:
        raise CallbackError(f"the body has {len(body)} bytes, and at most {max_body} are read")
    return body


def form_pairs(body: bytes, max_body: int) -> list[tuple[str, str]]:
    """Return the names and values of a form in order, or raise a CallbackError."""
    try:
        return parse_qsl(
            within(body, max_body).decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except UnicodeDecodeError as error:
        raise CallbackError(f"the body is not a form in UTF-8: {error.reason}") from None
    except CallbackError:
        raise
    except ValueError:
        raise CallbackError(f"the body has more than {_MOST_FIELDS} fields") from None
