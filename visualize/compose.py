"""The output picture: the annotated video on the left, the 3D panel on the right, or one of them alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lifting.geometry.camera import Camera
from lifting.tracks import Track3D
from lifting.world.frame import World
from visualize import canvas
from visualize.overlay import draw_overlay, people_at
from visualize.palette import THEMES
from visualize.scene.panel import SkeletonScene
from visualize.stream import Layout, ThemeName

__all__ = ["FrameComposer"]

#: Videos lower than this are enlarged, as the 3D panel and the labels need the room.
_MIN_HEIGHT = 360
#: Of the whole picture where nothing narrower is asked for: encoders refuse very wide ones.
_MAX_WIDTH = 4096
#: Width by height of the scene where it stands alone; beside a video it is a square.
_ALONE = 4 / 3
#: Pixels of width that rounding the height to even numbers costs at most.
_ROUNDING = 8


class FrameComposer:
    """Composes one output frame at a time; what it keeps does not depend on the length of the video.

    Args:
        tracks: everybody in the video.
        image_size: width and height of the upright video frames in pixels.
        camera: with it, joints that the image does not show are drawn where the camera would see them.
        world: where they stand, see ``SkeletonScene``.
        max_height: higher videos are scaled down to it, pixels.
        max_width: bound on the width of the whole picture, pixels. A GIF composed at its final width keeps crisp lines
            and legible labels; scaled down from a larger picture it would not.
        layout: "side" is both, "overlay" the video with the people over it, "scene" the 3D panel.
        theme: of the panel.

    Attributes:
        size: width and height of the output in pixels; the height is even.
        scene: the 3D panel, if there is one.

    Raises:
        ValueError: if a size is not positive, or ``max_height`` or ``max_width`` is below 64.
    """

    def __init__(
        self,
        tracks: Sequence[Track3D],
        image_size: tuple[int, int],
        *,
        camera: Camera | None = None,
        world: World | None = None,
        max_height: int = 720,
        max_width: int | None = None,
        layout: Layout = "side",
        theme: ThemeName = "dark",
    ) -> None:
        width, height = image_size
        if min(image_size) < 1:
            raise ValueError(f"the video frames have no area: {width} x {height}")
        if max_height < 64 or (max_width is not None and max_width < 64):
            raise ValueError("the output needs at least 64 pixels each way; raise max_height or max_width")
        # The panel is a square beside the video: width / height of the whole is that of the video plus one.
        shape = {"side": width / height + 1, "overlay": width / height, "scene": _ALONE}[layout]
        wanted = min(max(height, _MIN_HEIGHT), max_height)
        wanted = min(wanted, int((max_width or _MAX_WIDTH) / shape))
        self._height = max(16, wanted - wanted % 2)
        self._video_width = 0 if layout == "scene" else max(2, 2 * round(width * self._height / height / 2))
        panel_width = {"side": self._height, "overlay": 0, "scene": 2 * round(self._height * _ALONE / 2)}[layout]
        if panel_width and max_width is not None and 0 < max_width - self._video_width - panel_width <= _ROUNDING:
            # What rounding to even heights left over, so that the width asked for is the width that comes out.
            panel_width = max_width - self._video_width
        self.size = (self._video_width + panel_width, self._height)
        self._theme = THEMES[theme]
        self._factor = np.array([self._video_width / width, self._height / height])
        self._tracks = list(tracks)
        self._camera = camera
        self._image_size = image_size
        self.scene = SkeletonScene(tracks, (panel_width, self._height), world, self._theme) if panel_width else None

    def compose(self, image_rgb: NDArray[np.uint8], frame_index: int, time_s: float) -> NDArray[np.uint8]:
        """The output picture for a decoded frame.

        Args:
            image_rgb: ``[H, W, 3]`` uint8 RGB, upright.
            frame_index: index of the decoded frame, as in the tracks.
            time_s: its presentation time in seconds.

        Returns:
            ``[size[1], size[0], 3]`` uint8 RGB.

        Raises:
            ValueError: if the frame has another size than announced.
        """
        if (image_rgb.shape[1], image_rgb.shape[0]) != self._image_size:
            raise ValueError(
                f"the frame is {image_rgb.shape[1]} x {image_rgb.shape[0]} pixels, not {self._image_size[0]} x "
                f"{self._image_size[1]} as the frames before it"
            )
        left = self._overlaid(image_rgb, frame_index) if self._video_width else None
        if self.scene is None:
            assert left is not None
            return left
        right = self.scene.draw(frame_index, time_s)
        self._draw_clock(right, time_s)
        return right if left is None else np.hstack([left, right])

    def _overlaid(self, image_rgb: NDArray[np.uint8], frame_index: int) -> NDArray[np.uint8]:
        """The video with everybody over it."""
        people = people_at(self._tracks, frame_index, self._camera)
        # Scaled before drawing: lines and letters stay sharp, and there are fewer pixels to draw.
        video = canvas.resized(image_rgb, (self._video_width, self._height))
        return draw_overlay(video, [person.scaled(self._factor) for person in people])

    def _draw_clock(self, panel: NDArray[np.uint8], time_s: float) -> None:
        size = max(11, round(self._height / 42))
        inset = round(1.1 * size)
        bottom = panel.shape[0] - inset - canvas.text_size("0", size)[1]
        canvas.write_text(panel, clock(time_s), inset, bottom, size, self._theme.muted)


def clock(time_s: float) -> str:
    """Minutes, seconds and tenths, for example ``"1:05.3"``."""
    tenths = max(0, int(time_s * 10 + 1e-6))
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"
