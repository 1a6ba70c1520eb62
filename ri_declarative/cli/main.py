"""The outermost border of `ri`: whatever happens inside becomes an exit code and a readable line.

Imports nothing heavy at its head, so that an early Ctrl-C still meets a handler.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    import click


_ONCE_MORE_S = 0.01


def main(args: Sequence[str] | None = None) -> int:
    """The exit code of one `ri` command line; `args` defaults to the process's own.

    Prints errors itself: a line on stderr and, with `--json`, an `ri.error/1` object on stdout.
    """
    own_process = args is None
    words = list(sys.argv[1:] if args is None else args)
    interrupted = _Interrupted()
    if own_process:  # imports and chunks make many objects and no cycles: looking for these costs a tenth of the time
        gc.set_threshold(50_000, 20, 50)
    try:
        if own_process and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, interrupted)
            sys.unraisablehook = interrupted.was_lost
        return _guarded(words, interrupted, own_process=own_process)
    except KeyboardInterrupt as interrupt:
        with contextlib.suppress(OSError):
            print("interrupted", file=sys.stderr)
        return int(getattr(interrupt, "exit_code", 130))
    except Exception:  # Ctrl-C inside an import comes out as whatever Python made of it there
        if not interrupted.came:
            raise
        with contextlib.suppress(OSError):
            print("interrupted", file=sys.stderr)
        return 130
    finally:
        if own_process:  # from here on Ctrl-C ends the process without a word: all is said
            signal.signal(signal.SIGINT, signal.SIG_DFL)


class _Interrupted:
    """Ctrl-C as Python handles it, and a memory that it came.

    Libraries in C may turn a KeyboardInterrupt into an error of their own: pydantic makes a SchemaError of it.
    """

    def __init__(self) -> None:
        self.came = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        self.came = True
        raise KeyboardInterrupt

    def was_lost(self, error: sys.UnraisableHookArgs) -> None:
        """It came inside a callback that can raise nothing, as Python's imports have some: it comes once more."""
        if issubclass(error.exc_type, KeyboardInterrupt):
            signal.signal(signal.SIGALRM, self)
            signal.setitimer(signal.ITIMER_REAL, _ONCE_MORE_S)
        else:
            sys.__unraisablehook__(error)


def _guarded(words: list[str], interrupted: _Interrupted, *, own_process: bool) -> int:
    import click

    from ri_declarative.cli import failures, output
    from ri_declarative.cli.group import cli
    from ri_declarative.errors import RiError, UsageError

    if own_process:
        output.never_fail_to_encode()
        if "_RI_COMPLETE" in os.environ:  # the shell asks for completions
            return _completions(cli, words)
    as_json = _has(words, "--json") or _has(words, "--format=json") or "--format json" in " ".join(words)
    try:
        # not cli.main(): it turns a signal into Abort without its number, and a broken pipe into exit 1
        with cli.make_context("ri", list(words)) as ctx:
            code = cli.invoke(ctx)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.exceptions.NoArgsIsHelpError as no_args:
        output.note(no_args.format_message())
        return 2
    except click.ClickException as error:
        return failures.report(failures.from_click(error), as_json=as_json)
    except RiError as error:
        return failures.report(error, as_json=as_json)
    except output.ReaderGoneError:
        output.silence()
        return 0
    except Exception as error:
        if interrupted.came:
            raise KeyboardInterrupt from error
        if isinstance(error, OSError) and any(_has(words, flag) for flag in ("--help", "-h", "--version")):
            output.silence()  # click printed these
            if isinstance(error, BrokenPipeError):
                return 0
            return failures.report(UsageError("file-not-written", f"cannot write to stdout: {error.strerror}"))
        debug = _has(words, "--debug") or os.environ.get("RI_DEBUG", "") not in ("", "0")
        return failures.report_unexpected(error, as_json=as_json, debug=debug)
    return code if isinstance(code, int) else 0


def _completions(cli: click.Group, words: list[str]) -> int:
    """Whatever goes wrong, nothing is printed into the line that a person is typing."""
    try:
        cli.main(words, prog_name="ri")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0
    except Exception:
        return 1


def _has(words: list[str], flag: str) -> bool:
    """Whether a flag was given: asked before parsing, since parsing itself may fail."""
    before_dashes = words[: words.index("--")] if "--" in words else words
    return flag in before_dashes


if __name__ == "__main__":
    sys.exit(main())
