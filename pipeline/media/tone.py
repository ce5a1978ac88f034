"""High dynamic range to the colours that detectors and pages know: PQ (HDR10) and HLG in BT.2020 to SDR in BT.709.

The signal becomes light as ITU-R BT.2100 says, as a display of 1000 cd/m2 shows it; what is brighter than such a
display is white. The curve of ITU-R BT.2390 (EETF) leaves what is darker than about 90 cd/m2 as it is and rolls the
rest off, so that 1000 cd/m2 becomes the white of SDR, which stands for 203 cd/m2 (BT.2408). Channels are mapped each
for itself, HLG's system gamma too. Then the primaries are changed, and the code is that of a BT.1886 display.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import av

__all__ = ["is_hdr", "to_rgb"]

#: Transfer characteristics and primaries by their numbers (ITU-T H.273).
_PQ, _HLG = 16, 18
_BT709, _P3_D65 = 1, 12
_PEAK, _WHITE = 1000.0, 203.0
_GAMMA = 2.4
#: Rows that are worked on at once: what they need fits into the cache of a core.
_ROWS = 32
_TO_BT709 = {
    _P3_D65: ((1.22494, -0.22494, 0.0), (-0.04206, 1.04206, 0.0), (-0.01964, -0.07864, 1.09827)),
    # BT.2087; also where the file does not say: these transfer functions are defined for it.
    None: ((1.66049, -0.58764, -0.07285), (-0.12455, 1.13290, -0.00835), (-0.01815, -0.10058, 1.11873)),
}


def is_hdr(frame: av.VideoFrame) -> bool:
    """Whether its numbers are not those of SDR."""
    return frame.color_trc in (_PQ, _HLG)


def to_rgb(frame: av.VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
    """A frame as ``[height, width, 3]`` RGB of SDR."""
    if not is_hdr(frame):
        image: NDArray[np.uint8] = frame.to_ndarray(format="rgb24", width=width, height=height)
        return image
    # Eight bits of these signals make bands of colour on walls.
    planes = frame.reformat(width=width, height=height, format="gbrp10le").planes
    green, blue, red = (np.frombuffer(p, "<u2").reshape(height, p.line_size // 2)[:, :width] for p in planes)
    return _mapped((red, green, blue), frame.color_trc, frame.color_primaries)


def _mapped(channels: tuple[NDArray[np.uint16], ...], transfer: int, primaries: int) -> NDArray[np.uint8]:
    import cv2

    light, code = _tables(transfer)
    matrix = None if primaries == _BT709 else np.array(_TO_BT709.get(primaries, _TO_BT709[None]), np.float32)
    height, width = channels[0].shape
    mapped = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _ROWS):
        rows: Any = cv2.LUT(cv2.merge([channel[top : top + _ROWS] for channel in channels]), light)
        if matrix is not None:
            rows = np.maximum(cv2.transform(rows, matrix), 0)
        # A square root in between: eight bits of it are enough, eight bits of light are not.
        mapped[top : top + _ROWS] = cv2.LUT(cv2.convertScaleAbs(cv2.sqrt(rows), alpha=255), code)
    return mapped


@cache
def _tables(transfer: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Light ``[65536]``, 1 is white, of a signal of ten bits; code ``[256]`` of 255 times the square root of light."""
    # OpenCV wants one for every number of 16 bits.
    signal = np.minimum(np.arange(65_536) / 1023, 1)
    nits = _pq_light(signal) if transfer == _PQ else _PEAK * _hlg_light(signal) ** 1.2
    code = np.rint(255 * np.linspace(0, 1, 256) ** (2 / _GAMMA))
    return (_rolled_off(nits) / _WHITE).astype(np.float32), code.astype(np.uint8)


def _pq_light(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPTE ST 2084: cd/m2 of a signal in 0..1."""
    power = signal ** (32 / 2523)
    return 10_000 * (np.maximum(power - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * power)) ** (16384 / 2610)


def _pq_signal(nits: NDArray[np.float64] | float) -> NDArray[np.float64]:
    power = (np.asarray(nits) / 10_000) ** (2610 / 16384)
    return ((107 / 128 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


def _hlg_light(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """ARIB STD-B67: light of the scene in 0..1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


def _rolled_off(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2390-11, 5.4.1: what a display of ``_WHITE`` shows in place of one of ``_PEAK``."""
    peak = _pq_signal(_PEAK)
    signal, most = np.minimum(_pq_signal(nits) / peak, 1), _pq_signal(_WHITE) / peak
    knee = 1.5 * most - 0.5
    t = np.maximum(signal - knee, 0) / (1 - knee)
    curve = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    return _pq_light(np.where(signal < knee, signal, curve) * peak)
