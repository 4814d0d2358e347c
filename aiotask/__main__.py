"""Entry point of the ``aiotask`` command."""

import gc
import sys


def main() -> None:
    """Run the command line, or name the extra that it needs."""
    gc.disable()  # what is imported, stays: an eighth of the time until a command begins
    try:
        # What the extra `cli` brings, and the library does without.
        from aiotask import cli  # noqa: PLC0415

        gc.freeze()
        gc.enable()
        cli.main(prog_name="aiotask")  # which loads the command
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"click", "platformdirs", "rich", "yaml"}:
            raise
        sys.stderr.write("the command line needs its extra: pip install 'aiotask[cli]'\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
