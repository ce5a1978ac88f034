from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.settings import RunSettings
from pipeline.stages.camera import known_ground


def test_what_is_known_of_the_ground(tmp_path: Path) -> None:
    assert known_ground(RunSettings()).up is None and known_ground(RunSettings()).height_m is None
    up = known_ground(RunSettings(up="0,-2,0")).up
    assert up is not None and up.tolist() == [0, -1, 0]
    path = tmp_path / "camera.toml"
    path.write_text("fx = 800\n[world]\nup = [0.0, -1.0, -1.0]\nheight_m = 1.4\n")
    known = known_ground(RunSettings(camera=path))
    assert known.up is not None and known.height_m == 1.4
    np.testing.assert_allclose(known.up, np.array([0, -1, -1]) / np.sqrt(2))
    flag = known_ground(RunSettings(camera=path, up="0,-1,0")).up
    assert flag is not None and flag.tolist() == [0, -1, 0]


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("up = [0, 0, 0]", "takes a direction"),
        ("up = [0, 1]", "takes three numbers"),
        ("up = 'high'", "takes three numbers"),
        ("height_m = -1", "above the floor"),
        ("height_m = 'tall'", "above the floor"),
        ("floor = 1", "nothing else"),
    ],
)
def test_a_ground_that_cannot_be_is_a_sentence(tmp_path: Path, table: str, sentence: str) -> None:
    path = tmp_path / "camera.toml"
    path.write_text(f"fx = 800\n[world]\n{table}\n")
    with pytest.raises(InputError, match=sentence):
        known_ground(RunSettings(camera=path))


@pytest.mark.parametrize("up", ["1,2", "0,0,0", "a,b,c", "nan,0,1", "inf,0,0"])
def test_a_direction_that_is_none_is_a_sentence(up: str) -> None:
    with pytest.raises(InputError, match="--up takes"):
        RunSettings(up=up)
