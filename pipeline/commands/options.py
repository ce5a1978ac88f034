"""Options made from the settings of a run, and words of an older version, which are taken for one more release."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from assets.untrusted.limits import LIMITS_VARIABLE, MOST_TIMES, raised
from pipeline.errors import printable
from pipeline.settings import SETTINGS, Setting, now_called

__all__ = ["Command", "Renamed", "limits_option", "note", "run_options"]

F = TypeVar("F", bound=Callable[..., Any])


class Renamed(click.Option):
    """An option that had another name before: ``formerly`` holds its old flags."""

    def __init__(self, *names: Any, formerly: tuple[str, ...] = (), **given: Any) -> None:
        super().__init__(*names, **given)
        self.formerly = formerly


class Command(click.Command):
    """Takes the old names of its options, which the help does not show, and says so."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {flag for option in self.params for flag in option.opts}
        former = {
            old: option.opts[0]
            for option in self.params
            if isinstance(option, Renamed)
            for old in option.formerly
            if old not in known  # another option of this command has taken the word over
        }
        return super().parse_args(ctx, list(_renamed(args, former)))


def note(text: str) -> None:
    """Tell the user something that is no error, whatever else is quiet."""
    click.echo(f"note: {printable(text)}", err=True)


def run_options(*names: str) -> Callable[[F], F]:
    """The options of these settings of a run; what is not given is None, so that a configuration can say it."""

    def decorate(function: F) -> F:
        for name in reversed(names):
            function = _option(SETTINGS[name])(function)
        return function

    return decorate


def limits_option(function: F) -> F:
    """``--limits``: what files of strangers may ask for, raised while the command runs."""
    return click.option(
        "--limits", type=click.IntRange(1, MOST_TIMES), metavar="N", expose_value=False, is_eager=True,
        callback=_raise_limits,
        help=f"Files that you trust may be N times as large as is allowed ({LIMITS_VARIABLE}, 1).",
    )(function)  # fmt: skip


def _raise_limits(ctx: click.Context, _: click.Parameter, factor: int | None) -> None:
    if factor is not None:
        ctx.with_resource(raised(factor))


def _renamed(args: list[str], former: dict[str, str]) -> Iterator[str]:
    for index, word in enumerate(args):
        if word == "--":
            yield from args[index:]
            return
        flag, equals, value = word.partition("=")
        if flag in former:
            note(now_called(flag, former[flag]))
        yield former.get(flag, flag) + equals + value


def _option(setting: Setting) -> Callable[[F], F]:
    option = setting.option
    shape: dict[str, Any] = {"type": _type(setting), "metavar": option.metavar, "multiple": setting.several}
    if setting.kind is bool:
        shape = {"is_flag": True, "default": None}
    former = tuple(f"--{old.replace('_', '-')}" for old in option.formerly)
    return click.option(
        setting.flag, setting.name, cls=Renamed, formerly=former, help=setting.help, envvar=option.environment, **shape
    )


def _type(setting: Setting) -> click.ParamType[Any] | type:
    if setting.choices:
        return click.Choice(setting.choices)
    if setting.option.zero is not None:
        return _NumberOr(setting.option.zero)
    return click.Path(path_type=Path) if setting.kind is Path else setting.kind


class _NumberOr(click.ParamType[float]):
    """A number, or a word that stands for 0."""

    name = "number"

    def __init__(self, zero: str) -> None:
        self._zero = zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return 0.0 if value == self._zero else float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor {self._zero}", param, ctx)
