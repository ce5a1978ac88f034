"""The command line. One module per command, imported when the command is called: ``--help`` must be instant."""

from __future__ import annotations

import os
import signal
import sys
import threading
from importlib import import_module
from io import StringIO
from types import FrameType

import click

__all__ = ["COMMANDS", "cli", "main"]

#: name -> one line for the help; the module has the same name and an attribute ``command``.
COMMANDS = {
    "video": "3D people from videos (the default: `zedo-video INPUT...` means `zedo-video video INPUT...`).",
    "convert": "Write a finished result (.npz) in other formats.",
    "report": "Say in numbers and plain words what is in a result.",
    "prepare": "Make training poses of motion capture (BVH or .npz).",
    "train": "Train a prior or compute template poses.",
    "evaluate": "Measure the accuracy on data with known answers.",
    "webcam": "Live 3D from a camera, in a window or a browser page.",
    "bench": "Measure time, memory and the distance to the matmul limit.",
    "doctor": "Show what works on this machine, and what to do about the rest.",
}


class _Commands(click.Group):
    """Commands by name; anything else is an input of the default command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"pipeline.commands.{cmd_name.replace('-', '_')}").command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in COMMANDS and args[0] not in ("--help", "-h", "--version"):
            args = ["video", *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        video = self.get_command(ctx, "video")
        if video is not None:
            with formatter.section("Options of the default command"):
                records = (parameter.get_help_record(ctx) for parameter in video.params)
                formatter.write_dl([record for record in records if record is not None])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    no_args_is_help=True,
    subcommand_metavar="INPUT... [OPTIONS]  |  COMMAND ...",
)
@click.version_option(package_name="zedo-video", prog_name="zedo-video")
def cli() -> None:
    """3D human pose from any video, on an ordinary machine.

    \b
    zedo-video input.mp4 --out result.gif
    zedo-video input.mp4 --out result.mp4 --out result.npz
    """


def main() -> None:
    """Run the command line; problems become one sentence and an exit code."""
    from assets.untrusted import UntrustedFileError, limits_in_force
    from pipeline.errors import UserError, printable, unexpected
    from pipeline.machine import yield_waiting_threads

    yield_waiting_threads()
    interrupted: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupted.append(number)
        signal.default_int_handler(number, frame)

    # Ignored by a shell that runs this in the background, it stays so.
    in_charge = threading.current_thread() is threading.main_thread()
    if in_charge and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    try:
        limits_in_force()
        try:
            code = cli.main(standalone_mode=False)
        except Exception as error:
            if interrupted:
                raise KeyboardInterrupt from error
            raise
        if interrupted:
            # Where a library calls back, Python loses what is raised, or the library takes it for a failure.
            raise KeyboardInterrupt
    except UserError as error:
        _fail(str(error), error.exit_code)
    except UntrustedFileError as error:
        _fail(str(error), 2)
    except click.ClickException as error:
        usage = StringIO()
        error.show(usage)
        click.echo(printable(usage.getvalue(), lines=True), err=True, nl=False)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        # click takes the end of any file for a user who is tired of answering.
        if not interrupted and isinstance(error.__context__, EOFError):
            _fail(unexpected(error.__context__), 1)
        _fail(_what_goes_on(sys.argv[1:]), 130)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        if os.environ.get("ZEDO_DEBUG"):
            raise
        _fail(unexpected(error), 1)
    finally:
        if signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(code if isinstance(code, int) else 0)


def _what_goes_on(arguments: list[str]) -> str:
    """What somebody who stopped a command should know."""
    name = (arguments or [""])[0]
    if name not in COMMANDS.keys() - {"video"} and "--no-resume" not in arguments:
        return "stopped; the same command goes on where detection was"
    if name == "train" or (name == "evaluate" and "--json" in arguments):
        return "stopped; the same command goes on"
    return "stopped"


def _fail(sentence: str, code: int) -> None:
    from pipeline.errors import printable

    click.echo(f"zedo-video: {printable(sentence)}", err=True)
    sys.exit(code)
