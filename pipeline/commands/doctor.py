"""``zedo-video doctor``: what works on this machine."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("doctor", help="Show what works on this machine, and what to do about the rest.")
def command() -> int:
    """Print the table; the exit code is 1 if something is broken, 0 if everything works or is merely not installed."""
    from pipeline.doctor import examine, findings_table
    from pipeline.progress import ConsoleReporter

    findings = list(examine())
    ConsoleReporter().say(findings_table(findings))
    return 1 if any(finding.state == "broken" for finding in findings) else 0
