"""Network addresses: what counts as one, how it may be shown, and what FFmpeg may open because of it."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["LIST_FORMATS", "SCHEMES", "absent", "limits", "scheme", "shown"]

#: Lists of other files and addresses, which FFmpeg would open.
LIST_FORMATS = frozenset({"concat", "dash", "hls", "imf", "rtp", "rtsp", "sdp", "vobsub"})
_RTSP = ("rtp", "srtp", "udp", "tcp", "tls")
_HTTP = ("http", "https", "httpproxy", "tcp", "tls")
#: Beginning of an address -> what FFmpeg may use to follow it, wherever the server leads: never ``file``.
SCHEMES = {
    "rtsp": _RTSP,
    "rtsps": _RTSP,
    "rtmp": ("rtmp", "tcp"),
    "http": _HTTP,
    "https": _HTTP,
    "udp": ("udp",),
    "tcp": ("tcp",),
    "srt": ("srt", "udp"),
}
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/{1,3}(.*)", re.IGNORECASE | re.DOTALL)


def scheme(name: str) -> str | None:
    """The beginning of an address, of which one slash is enough; None if the name is none."""
    # The drives of Windows have one letter.
    found = _ADDRESS.fullmatch(name)
    return found[1].lower() if found else None


def shown(address: str) -> str:
    """The address as it may be shown: without a password."""
    found = _ADDRESS.fullmatch(address)
    if not found:
        return address
    host, slash, path = found[2].partition("/")
    return f"{found[1]}://{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


def absent(path: Path) -> str:
    """What to say of an input that is not there."""
    name = str(path)
    if name == "-":
        return "standard input (-) is not read, since a film is read more than once; write it to a file and give that"
    kind = scheme(name)
    if kind is None:
        return f"{name} does not exist; check the name"
    if kind == "file":
        return f"{name} is an address; give the path alone, without {kind}:"
    live = f", or see it live with zedo-video webcam --source {shown(name)}" if kind in SCHEMES else ""
    return f"{shown(name)} is an address, and nothing is downloaded; save the film and give the file{live}"


def limits(address: str, formats: frozenset[str] | set[str]) -> dict[str, str]:
    """Options of FFmpeg for an address of ``SCHEMES``: what the server sends opens no file and lists no others.

    A play list of pieces (HLS) is followed over the network only where the address itself names one (``.m3u8``).
    """
    kind = scheme(address) or ""
    allowed = set(formats) - LIST_FORMATS
    if kind.startswith("rtsp"):
        allowed = {"rtsp"}
    elif kind.startswith("http") and shown(address).lower().endswith(".m3u8"):
        allowed |= {"hls"}
    return {"protocol_whitelist": ",".join(SCHEMES[kind]), "format_whitelist": ",".join(sorted(allowed))}
