"""Reading ``.npz`` files that may be damaged or hostile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["load_arrays"]


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Every array of an ``.npz`` file, checked against its checksums; pickles are never opened.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, holds pickles, or is no ``.npz`` file.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = dict(stored)
    except FileNotFoundError:
        raise
    # zipfile, zlib and numpy have a dozen kinds of exceptions for bytes that make no sense to them.
    except Exception as error:
        raise ValueError(f"{path} is damaged or no .npz file of plain arrays") from error
    # Members of the archive that are no arrays come as bytes.
    return {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}
