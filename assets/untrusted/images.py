"""Pictures: what their headers declare."""

from __future__ import annotations

from pathlib import Path

from assets.untrusted.limits import RAISE, Limits, UntrustedFileError, damage, limits_in_force, opened

__all__ = ["check_pixels", "exif_focal_35mm", "exif_orientation"]


def check_pixels(path: Path, width: int, height: int, limits: Limits | None = None) -> None:
    """Raise UntrustedFileError if a picture, or a film's frames, are larger than may be decoded."""
    limits = limits or limits_in_force()
    if width * height > limits.pixels:
        raise UntrustedFileError(
            f"{path} has pictures of {width} x {height} pixels, more than {limits.pixels / 1e6:.0f} million; "
            f"make them smaller, {RAISE}"
        )


def exif_orientation(path: Path, limits: Limits | None = None) -> int:
    """How a picture is to be turned, 1 to 8 as in EXIF; 1, not at all, where it does not say so or cannot be read."""
    from PIL import Image

    limits = limits or limits_in_force()
    # Pillow has a limit of its own, and warns below it.
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, limits.pixels)
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
