"""Settings of training: defaults, a TOML file, the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.errors import InputError, as_input_error

if TYPE_CHECKING:
    from lifting.training.initial import InitialiserSettings
    from lifting.training.prior import TrainSettings

__all__ = ["read_initialiser_settings", "read_settings", "read_train_settings"]


T = TypeVar("T")


def read_train_settings(config: Path | None, given: Mapping[str, Any]) -> TrainSettings:
    """Defaults, overridden by a TOML file with the names of ``TrainSettings``, overridden by ``given``.

    Raises InputError if the file cannot be read or has an unknown name.
    """
    from lifting.training.prior import TrainSettings
    from lifting.training.variety.augment import Augmentation

    def made(augmentation: Mapping[str, Any] | None = None, **values: Any) -> TrainSettings:
        return TrainSettings(**values, augmentation=Augmentation(**(augmentation or {})))

    return read_settings(made, config, given)


def read_initialiser_settings(config: Path | None, given: Mapping[str, Any]) -> InitialiserSettings:
    """``read_train_settings`` for the initialiser: ``InitialiserSettings``, ``[augmentation]``, ``[views]``."""
    from lifting.training.initial import InitialiserSettings
    from lifting.training.variety.augment import Augmentation
    from lifting.training.variety.views import Views

    def made(
        augmentation: Mapping[str, Any] | None = None, views: Mapping[str, Any] | None = None, **values: Any
    ) -> InitialiserSettings:
        parts: dict[str, Any] = {}
        if augmentation is not None:
            parts["augmentation"] = Augmentation(**augmentation)
        if views is not None:
            parts["views"] = Views(**views)
        return InitialiserSettings(**values, **parts)

    return read_settings(made, config, given)


def read_settings(made: Callable[..., T], config: Path | None, given: Mapping[str, Any]) -> T:
    """Settings from the values of a TOML file, overridden by those of ``given`` that are not None.

    Raises InputError if the file cannot be read, or ``made`` does not know a name or a value.
    """
    from assets.untrusted.texts import load_toml

    values: dict[str, Any] = {}
    if config is not None:
        with as_input_error():
            values = load_toml(config)
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        return made(**values)
    except TypeError as error:
        # "Views.__init__() got an unexpected keyword argument 'cutt'": only the name is for the user.
        _, unknown, name = str(error).partition("unexpected keyword argument ")
        what = (
            f"there is no setting {name} of the training" if unknown else "a setting of the training has a wrong value"
        )
        raise InputError(f"{what}; docs/training.md says where all are listed") from error
    except ValueError as error:
        raise InputError(str(error)) from error
