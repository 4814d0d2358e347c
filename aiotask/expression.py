"""Literals of TaskRouter's expression language.

https://www.twilio.com/docs/taskrouter/expression-syntax
"""

__all__ = ["literal"]


def literal(value: str | float | bool) -> str:  # noqa: FBT001 - a value like the others
    r"""Return *value* as a literal of an expression; a ValueError if it cannot be written as one.

    ``literal('say "hi"')`` is ``'say "hi"'``. The documented syntax has strings in single or
    double quotes and no escapes, so a string with both kinds of quote is refused, and so are
    control characters and backslashes.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case float() if value - value == 0:  # neither NaN nor infinite
            return repr(float(value))
        case str() if value.isprintable() and "\\" not in value:
            text = str.__str__(value)  # a subclass, such as an enum, may show others
            for quote in "\"'":
                if quote not in text:
                    return f"{quote}{text}{quote}"
    raise ValueError(f"cannot be written as a TaskRouter literal: {value!r}")
