"""Which detector ``auto`` takes, and what it says; no extra is needed for this."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from detectors import registry
from detectors.openmmlab import zoo
from detectors.openmmlab.errors import ModelError, NotInstalled, WeightsUnavailable
from detectors.options import DetectorOptions
from detectors.registry import DETECTORS, create_detector


@pytest.fixture
def mmpose(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let MMPose be installed, and making its detector end well or in an error."""
    real = registry.import_module

    def pretend(error: Exception | None = None) -> None:
        def create(options: DetectorOptions, stage: Any) -> Any:
            if error is not None and options.pose_config != zoo.EMBEDDED_POSE:
                raise error
            return SimpleNamespace(name="mmpose", layout="coco-17", chosen="", options=options)

        stand_in = SimpleNamespace(create=create)
        monkeypatch.setattr(zoo, "missing_packages", list)
        monkeypatch.setattr(registry, "import_module", lambda name: stand_in if "openmmlab" in name else real(name))

    return pretend


def test_auto_takes_mmpose_where_it_can(mmpose: Any) -> None:
    mmpose()
    detector = create_detector("auto")
    assert (detector.name, detector.chosen) == ("mmpose", "it is installed and its weights are on disk")


@pytest.mark.parametrize(
    ("error", "why"), [(WeightsUnavailable("x"), "weights of MMPose are not on disk"), (NotInstalled("x"), "loaded")]
)
def test_auto_takes_movenet_where_mmpose_cannot_be_had(mmpose: Any, error: Exception, why: str) -> None:
    mmpose(error)
    detector = create_detector("auto")
    assert detector.name == "movenet" and why in detector.chosen and "doctor" in detector.chosen
    assert json.loads(json.dumps(detector.describe()))["chosen"] == detector.chosen


def test_auto_takes_movenet_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo, "missing_packages", lambda: ["mmpose"])
    detector = create_detector("auto")
    assert (detector.name, detector.chosen) == ("movenet", "MMPose is not installed")


def test_mmpose_takes_the_shipped_model_where_its_own_cannot_be_had(mmpose: Any) -> None:
    mmpose()
    detector: Any = create_detector("mmpose")
    assert detector.chosen == "" and not detector.options.models
    mmpose(WeightsUnavailable("x.pth is not on disk and there is no connection; download it"))
    detector = create_detector("mmpose", DetectorOptions(flip_test=True, runtime="torch"))
    assert detector.name == "mmpose"
    assert detector.options == DetectorOptions(flip_test=True, runtime="torch", pose_config=zoo.EMBEDDED_POSE)
    assert "shipped movenet-thunder, since x.pth is not on disk and there is no connection" in detector.chosen
    # only missing weights are made up for
    mmpose(NotInstalled("mmcv is not installed"))
    with pytest.raises(NotInstalled):
        create_detector("mmpose")


def test_a_model_that_was_given_is_never_replaced(mmpose: Any) -> None:
    options = DetectorOptions(pose_config="rtmo-s")
    mmpose()
    assert create_detector("auto", options).chosen == "a model for it was given"
    for error in (WeightsUnavailable("weights"), ModelError("config")):
        mmpose(error)
        for name in ("auto", "mmpose"):
            with pytest.raises(ModelError, match=str(error)):
                create_detector(name, options)
    with pytest.raises(ValueError, match="--pose-config and --pose-weights go with --detector mmpose"):
        create_detector("movenet", options)


def test_without_the_extra_mmpose_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo, "missing_packages", lambda: ["mmcv-lite", "mmpose"])
    for name in ("mmpose", "auto"):
        with pytest.raises(NotInstalled, match="mmcv-lite and mmpose are not installed; install them with pip install"):
            create_detector(name, DetectorOptions(pose_config="rtmo-s"))


def test_a_detector_that_was_asked_for_has_no_reason() -> None:
    detector = create_detector("movenet", DetectorOptions(flip_test=True))
    record = detector.describe()
    assert detector.chosen == "" and "chosen" not in record and record["settings"]["flip"] is True


def test_every_detector_has_a_factory() -> None:
    for place in DETECTORS.values():
        module, _, factory = place.partition(":")
        assert callable(getattr(registry.import_module(module), factory))
