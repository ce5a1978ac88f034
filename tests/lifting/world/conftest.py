"""The people of the pictures' tests."""

from tests.visualize.conftest import body, camera, in_camera, make_track

__all__ = ["body", "camera", "in_camera", "make_track"]
