"""Pictures: what their headers declare."""

from __future__ import annotations

from pathlib import Path

from assets.untrusted.limits import LIMITS, Limits, UntrustedFileError, damage, opened

__all__ = ["check_pixels", "exif_focal_35mm", "exif_orientation"]


def check_pixels(path: Path, width: int, height: int, limits: Limits = LIMITS) -> None:
    """Raise UntrustedFileError if a picture, or a film's frames, are larger than may be decoded."""
    if width * height > limits.pixels:
        raise UntrustedFileError(
            f"{path} has pictures of {width} x {height} pixels, more than {limits.pixels / 1e6:.0f} million; "
            "make them smaller"
        )


def exif_orientation(path: Path, limits: Limits = LIMITS) -> int:
    """How a picture is to be turned, 1 to 8 as in EXIF; 1, not at all, where it does not say so or cannot be read."""
    from PIL import Image

    try:
        with opened(path, limits.file_bytes) as (stream, _), damage(path, "picture"), Image.open(stream) as image:
            return int(image.getexif().get(0x0112, 1))
    except UntrustedFileError:
        return 1


def exif_focal_35mm(exif: bytes) -> str:
    """Focal length as 35 mm equivalent out of the bytes of EXIF; empty where they do not say so or cannot be read."""
    from PIL import Image

    try:
        with damage("EXIF", "EXIF"):
            tags = Image.Exif()
            tags.load(exif)
            return str(tags.get_ifd(0x8769).get(0xA405, ""))
    except UntrustedFileError:
        return ""
