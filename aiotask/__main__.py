"""``aiotask`` and ``python -m aiotask``: the way into the command line."""

import sys


def main() -> None:
    """Run the command line, or say what it needs."""
    try:
        # The command line is an extra: the rest of aiotask does without what it needs.
        from aiotask.cli import commands  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"click", "rich"}:
            raise
        sys.stderr.write("the command line needs its extra: pip install 'aiotask[cli]'\n")
        sys.exit(2)
    commands(prog_name="aiotask")


if __name__ == "__main__":
    main()
