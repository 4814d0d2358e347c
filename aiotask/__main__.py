"""Entry point of the ``aiotask`` command."""

import sys


def main() -> None:
    """Run the command line, or name the extra that it needs."""
    try:
        # What the extra `cli` brings, and the library does without.
        from aiotask import cli  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"click", "platformdirs", "rich", "yaml"}:
            raise
        sys.stderr.write("the command line needs its extra: pip install 'aiotask[cli]'\n")
        sys.exit(2)
    cli.main(prog_name="aiotask")


if __name__ == "__main__":
    main()
