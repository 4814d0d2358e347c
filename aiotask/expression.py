"""Expressions of TaskRouter: how a value is written in one.

https://www.twilio.com/docs/taskrouter/expression-syntax
"""

__all__ = ["literal"]


def literal(value: str | float | bool) -> str:  # noqa: FBT001 - a value like the others
    r"""Return *value* as a constant in an expression; a ValueError where it cannot be one.

    ``literal('say "hi"')`` is ``'say "hi"'``. The documented syntax has texts in single or double
    quotes and no way to escape one in its own kind, so a text with both kinds is refused, and so
    are control characters and backslashes.
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
    raise ValueError(f"no expression can hold {value!r}")
