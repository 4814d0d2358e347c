"""Entry point of the ``aiotask`` command."""

import sys


def main() -> None:
    """Run the command line, or name the extra that it needs."""
    try:
        # click, rich and yaml come with the extra `cli`: the library does without them.
        from aiotask import cli  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"click", "rich", "yaml"}:
            raise
        sys.stderr.write("the command line needs its extra: pip install 'aiotask[cli]'\n")
        sys.exit(2)
    cli.main(prog_name="aiotask")


if __name__ == "__main__":
    main()
