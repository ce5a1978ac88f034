"""The command line as a user meets it, judged by exit code, messages and files."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pipeline.commands import cli, main

__all__ = ["command", "leftovers", "refused", "run", "run_apart", "zedo"]

Done = subprocess.CompletedProcess[str]


def zedo(*arguments: object) -> Any:
    """The command in this process; what is wrong is raised, and what the command gives is returned."""
    return cli.main([str(argument) for argument in arguments], standalone_mode=False)


def run(*arguments: object, cwd: Path) -> Done:
    """The program in this process, down to its exit code: starting Python and importing PyTorch takes seconds."""
    out, err, code = StringIO(), StringIO(), 0
    words = ["zedo-video", *map(str, arguments)]
    with (
        chdir(cwd),
        patch.object(sys, "argv", words),
        patch.dict(os.environ),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            assert isinstance(end.code, int)
            code = end.code
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def command(*arguments: object) -> list[str]:
    """What starts the program in a process of its own."""
    return [sys.executable, "-c", "from pipeline.commands import main; main()", *map(str, arguments)]


def run_apart(*arguments: object, cwd: Path) -> Done:
    """The program in a process of its own: where that, or what libraries print, is the point."""
    return subprocess.run(command(*arguments), cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


def leftovers(folder: Path) -> list[str]:
    """Names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def refused(result: Done, *words: str, code: int = 2) -> None:
    """One sentence on standard error that holds the words, the exit code, no traceback."""
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    message = [line for line in result.stderr.splitlines() if line.startswith("zedo-video: ")]
    assert len(message) == 1, result.stderr
    for word in words:
        assert word in message[0]
