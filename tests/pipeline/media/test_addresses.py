"""Addresses: refused by a run in a sentence, and within limits in a live session."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.live.source import open_source
from pipeline.media.decode import probe
from tests.pipeline.media.videos import spoil, write_video


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("-", "standard input (-) is not read, since a film is read more than once; write it to a file and give that"),
        (
            "https://me:secret@host.org/a/clip.mp4?key=1",
            "https://host.org/a/clip.mp4 is an address, and nothing is downloaded; save the film and give the file, or "
            "see it live with zedo-video webcam --source https://host.org/a/clip.mp4",
        ),
        (
            "rtsp://camera/1",
            "rtsp://camera/1 is an address, and nothing is downloaded; save the film and give the file, or see it live "
            "with zedo-video webcam --source rtsp://camera/1",
        ),
        (
            "ftp://host/x.mp4",
            "ftp://host/x.mp4 is an address, and nothing is downloaded; save the film and give the file",
        ),
        ("file:///tmp/x.mp4", "file:/tmp/x.mp4 is an address; give the path alone, without file:"),
        ("c:/x.mp4", "c:/x.mp4 does not exist; check the name"),
    ],
)
def test_what_is_no_file_is_refused_by_name(name: str, sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        probe(Path(name))
    assert str(refused.value) == sentence


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address at which it is served."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as served:
        thread = threading.Thread(target=served.serve_forever, args=(0.05,))
        thread.start()
        yield folder, f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


def test_a_film_from_a_server_is_seen_without_its_patched_frames(server: tuple[Path, str]) -> None:
    folder, address = server
    write_video(folder / "a.mkv", noise=True, gop_size=100)
    assert len(list(open_source(f"{address}/a.mkv").frames())) == 10
    spoil(folder / "a.mkv", [4])
    assert len(list(open_source(f"{address}/a.mkv").frames())) < 10


def test_a_play_list_is_followed_only_where_it_is_asked_for(server: tuple[Path, str]) -> None:
    folder, address = server
    write_video(folder / "a.ts")
    for name in ("live.m3u8", "film.mp4"):
        (folder / name).write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.4,\na.ts\n#EXT-X-ENDLIST\n", "ascii")
    assert len(list(open_source(f"{address}/live.m3u8").frames())) == 10
    with pytest.raises(InputError, match=r"film\.mp4 cannot be opened"):
        open_source(f"{address}/film.mp4")


@pytest.mark.parametrize("how", ["list", "concat", "sdp", "redirect"])
def test_what_a_server_sends_opens_no_file(server: tuple[Path, str], tmp_path: Path, how: str) -> None:
    folder, address = server
    secret = write_video(tmp_path / "secret.ts")
    text = {
        "list": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.4,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile 'file:{secret}'\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
        "redirect": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{secret}\n",
    }[how]
    (folder / "live.m3u8").write_text(text, "utf-8")
    with pytest.raises(InputError, match=r"live\.m3u8 (cannot be opened|has no video)"):
        open_source(f"{address}/live.m3u8")
