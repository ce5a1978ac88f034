"""The command line as a user meets it, judged by exit code, messages and files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from lifting.settings import STEPS
from pipeline.errors import OutputError
from pipeline.progress import ConsoleReporter
from pipeline.results.result import load_result
from tests.pipeline.command_line import command, leftovers, refused, run, run_apart
from tests.pipeline.conftest import write_frames


@pytest.mark.slow
def test_one_run_writes_every_format(short_clip: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / f"r.{kind}" for kind in ("gif", "mp4", "webm", "npz", "json")]
    outs = [f"--out={path}" for path in outputs]
    done = run(short_clip, *outs, "--gif-width", 320, "--end", 0.39, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 person in 12 frames" in done.stdout
    assert "movenet" in done.stdout and "prior.safetensors" in done.stdout and "r.npz" in done.stdout
    for stage in ("detect", "lift", "render"):
        assert stage in done.stderr
    assert leftovers(tmp_path) == sorted(path.name for path in outputs)

    result = load_result(outputs[3])
    assert [track.track_id for track in result.tracks] == [1]
    assert len(result.tracks[0]) == 12
    assert np.isfinite(result.tracks[0].joints_m).all()
    assert json.loads(outputs[4].read_text("utf-8"))["metadata"] == result.record()
    with Image.open(outputs[0]) as gif:
        assert gif.width == 320
        assert gif.info["loop"] == 0
    for video in outputs[1:3]:
        with av.open(str(video)) as container:
            times = [frame.time for frame in container.decode(video=0)]
        assert len(times) == 12
        assert np.allclose(np.diff(times), 1 / 30, atol=2e-3)


@pytest.mark.slow
def test_the_result_says_what_made_it(short_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.npz"
    options = ("--fov", 40, "--person-height", 1.6, "--end", 0.3)
    assert run(short_clip, "--out", out, *options, cwd=tmp_path).returncode == 0
    metadata = load_result(out).metadata
    assert metadata["camera"] == {"source": "--fov 40", "fov_deg": 40.0}
    assert metadata["prior"]["sha256"] and metadata["detector"]["name"] == "movenet"
    assert metadata["settings"]["person_height"] == 1.6
    assert metadata["settings"]["lifting"]["steps"] == STEPS["fast"]["learnt"]
    assert metadata["settings"]["computed_on"] in ("cpu", "cuda", "mps")
    assert metadata["settings"]["templates_sha256"]
    assert metadata["video"]["file"] == "short.mp4"
    assert str(tmp_path) not in json.dumps(metadata)


@pytest.mark.slow
def test_quiet_is_silent(short_clip: Path, tmp_path: Path) -> None:
    done = run_apart(short_clip, "--out", tmp_path / "r.npz", "--quiet", "--end", 0.3, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
def test_a_time_stamp_a_year_off_is_said_and_costs_nothing(short_clip: Path, tmp_path: Path) -> None:
    odd, outs = tmp_path / "odd.mkv", [tmp_path / name for name in ("r.gif", "r.mp4", "r.npz")]
    with av.open(str(short_clip)) as source, av.open(str(odd), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(packet for packet in source.demux(video=0) if packet.dts is not None):
            assert packet.pts is not None and packet.dts is not None and packet.time_base is not None
            if number >= 12:
                packet.pts += round(3.2e7 / packet.time_base)
                packet.dts += round(3.2e7 / packet.time_base)
            packet.stream = stream
            container.mux(packet)
    done = run(odd, *[f"--out={path}" for path in outs], "--gif-width", 320, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for kind in (".gif", ".mp4"):
        assert done.stderr.count(f"gaps that {kind} cannot show") == 1
    times = np.concatenate([track.time_s for track in load_result(outs[2]).tracks])
    assert len(times) >= 20 and np.ptp(times) > 3e7


@pytest.mark.slow
def test_nobody_is_a_warning_and_a_valid_empty_result(empty_room: Path, tmp_path: Path) -> None:
    done = run(empty_room, "--out", tmp_path / "r.npz", "--out", tmp_path / "r.gif", cwd=tmp_path)
    assert done.returncode == 0
    assert "nobody was found" in done.stderr
    result = load_result(tmp_path / "r.npz")
    assert result.tracks == ()
    assert any("nobody" in text for text in result.metadata["warnings"])
    with Image.open(tmp_path / "r.gif") as gif:
        assert gif.n_frames > 0


class TestBadInput:
    def test_missing(self, tmp_path: Path) -> None:
        refused(run("nothing.mp4", "--out", "r.gif", cwd=tmp_path), "nothing.mp4", "does not exist")
        assert leftovers(tmp_path) == []

    def test_folder(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        refused(run("in", "--out", "r.gif", cwd=tmp_path), "is a folder")

    def test_text_named_mp4(self, tmp_path: Path) -> None:
        (tmp_path / "v.mp4").write_text("this is no video\n" * 50)
        refused(run("v.mp4", "--out", "r.gif", cwd=tmp_path), "v.mp4", "not a video")
        assert leftovers(tmp_path) == ["v.mp4"]

    def test_sound_only(self, tmp_path: Path) -> None:
        with av.open(str(tmp_path / "a.mp4"), "w") as container:
            stream = container.add_stream("aac", rate=44100, layout="mono")
            tone = np.sin(np.arange(44100) * 0.06).astype(np.float32)[None]
            for start in range(0, 44100 - 1024, 1024):
                frame = av.AudioFrame.from_ndarray(tone[:, start : start + 1024], format="fltp", layout="mono")
                frame.sample_rate, frame.pts = 44100, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        refused(run("a.mp4", "--out", "r.gif", cwd=tmp_path), "sound")

    def test_no_frames(self, tmp_path: Path) -> None:
        (tmp_path / "v.mp4").write_bytes(b"")
        refused(run("v.mp4", "--out", "r.gif", cwd=tmp_path), "empty")

    @pytest.mark.slow
    def test_truncated_video_gives_what_can_be_decoded(self, short_clip: Path, tmp_path: Path) -> None:
        # Matroska can be read up to where it breaks off; an MP4 without its index cannot.
        with av.open(str(short_clip)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        whole = write_frames(tmp_path / "v.mkv", frames, fps=10)
        whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
        done = run("v.mkv", "--out", "r.npz", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "warning" in done.stderr
        tracks = load_result(tmp_path / "r.npz").tracks
        assert 0 < len(tracks[0]) < 24

    def test_truncated_mp4(self, short_clip: Path, tmp_path: Path) -> None:
        data = short_clip.read_bytes()
        (tmp_path / "v.mp4").write_bytes(data[: len(data) // 3])
        refused(run("v.mp4", "--out", "r.gif", cwd=tmp_path), "v.mp4")

    def test_outputs(self, short_clip: Path, tmp_path: Path) -> None:
        refused(run(short_clip, "--out", "r.avi", cwd=tmp_path), ".avi", ".gif")
        refused(run(short_clip, "--out", "r", cwd=tmp_path), "no extension")
        (tmp_path / "file").write_text("")
        refused(run(short_clip, "--out", "file/r.gif", cwd=tmp_path), "cannot be written")
        (tmp_path / "old.gif").write_text("precious")
        refused(run(short_clip, "--out", "old.gif", cwd=tmp_path), "exists already", "--overwrite")
        assert (tmp_path / "old.gif").read_text() == "precious"
        refused(run(short_clip, "--out", short_clip, "--overwrite", cwd=tmp_path), "is an input")
        assert leftovers(tmp_path) == ["file", "old.gif"]

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--fov", 200], ["--fov", "170"]),
            (["--fov", 50, "--focal-px", 900], ["--fov", "--focal-px"]),
            (["--start", 3, "--end", 2], ["--start", "--end"]),
            (["--start", 99], ["no frame"]),
            (["--detector", "magic"], ["magic", "movenet"]),
            (["--prior", "missing.pt"], ["missing.pt"]),
            (["--camera", "missing.toml"], ["missing.toml"]),
            (["--config", "missing.toml"], ["missing.toml", "wild"]),
            (["--person", 7, "--end", 0.4], ["no person 7"]),
        ],
    )
    def test_options(self, short_clip: Path, tmp_path: Path, arguments: list[object], words: list[str]) -> None:
        refused(run(short_clip, "--out", "r.npz", *arguments, cwd=tmp_path), *words)
        # Where people were detected, another try need not do it again; where not, nothing is kept.
        assert leftovers(tmp_path) == (["r.npz.work"] if "--person" in arguments else [])

    def test_unusable_prior(self, short_clip: Path, tmp_path: Path) -> None:
        (tmp_path / "p.safetensors").write_bytes(b"nonsense")
        refused(run(short_clip, "--out", "r.npz", "--prior", "p.safetensors", cwd=tmp_path), "p.safetensors")

    def test_unknown_option_is_explained(self, tmp_path: Path) -> None:
        done = run("a.mp4", "--frobnicate", cwd=tmp_path)
        assert done.returncode == 2
        assert "--frobnicate" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_bad_file_does_not_stop_the_others(short_clip: Path, tmp_path: Path) -> None:
    done = run("bad.mp4", short_clip, "--out", "{name}.npz", "--end", 0.3, cwd=tmp_path)
    assert done.returncode == 1
    assert "bad.mp4 does not exist" in done.stderr and "1 of 2 inputs failed" in done.stderr
    assert leftovers(tmp_path) == ["short.npz"]


def test_an_output_of_one_input_is_never_another_input(short_clip: Path, tmp_path: Path) -> None:
    for name in ("a.mp4", "a-3d.mp4"):
        (tmp_path / name).write_bytes(short_clip.read_bytes())
    done = run("a.mp4", "a-3d.mp4", "--overwrite", "--out", "{name}-3d.mp4", cwd=tmp_path)
    refused(done, "a-3d.mp4", "is an input")
    assert (tmp_path / "a-3d.mp4").read_bytes() == short_clip.read_bytes()


@pytest.mark.slow
def test_a_strip_of_a_video_is_rendered_too(tmp_path: Path) -> None:
    strip = write_frames(tmp_path / "strip.mp4", [np.full((16, 1280, 3), 120, np.uint8)] * 3)
    assert run(strip, "--out", "r.mp4", cwd=tmp_path).returncode == 0
    with av.open(str(tmp_path / "r.mp4")) as container:
        assert container.streams.video[0].width <= 4096


@pytest.mark.slow
def test_a_run_that_fails_while_it_draws_leaves_no_result(
    short_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.progress import QuietReporter
    from pipeline.results import render as rendering
    from pipeline.run import run_video
    from pipeline.settings import load_settings

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(rendering, "render", die)
    outputs = [tmp_path / "r.npz", tmp_path / "r.gif", tmp_path / "r.json"]
    with pytest.raises(Killed):
        run_video(short_clip, outputs, load_settings(None, {"end": 0.3}), QuietReporter())
    assert leftovers(tmp_path) == ["r.npz.work"]


def test_a_defect_is_one_sentence_and_does_not_stop_the_others(
    short_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline import commands
    from pipeline import run as module

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the moon is in the wrong house")

    monkeypatch.setattr(module, "run_video", broken)
    monkeypatch.chdir(tmp_path)
    for arguments, failures in [([str(short_clip)], 1), ([str(short_clip), "other.mp4", "--out", "{name}.npz"], 2)]:
        monkeypatch.setattr(sys, "argv", ["zedo-video", *arguments])
        with pytest.raises(SystemExit) as caught:
            commands.main()
        assert caught.value.code == 1
        errors = capsys.readouterr().err
        assert errors.count("the moon is in the wrong house") == failures and "please report" in errors
        assert "Traceback" not in errors


@pytest.mark.slow
def test_two_runs_never_share_an_output(short_clip: Path, tmp_path: Path) -> None:
    from pipeline.files.atomic import claimed

    with claimed([tmp_path / "r.npz"]):
        refused(run(short_clip, "--out", "r.gif", "--out", "r.npz", cwd=tmp_path), "another run is writing", "r.npz")
    assert leftovers(tmp_path) == []
    assert run(short_clip, "--out", "r.npz", "--end", 0.2, cwd=tmp_path).returncode == 0
    assert leftovers(tmp_path) == ["r.npz"]


def test_several_inputs_need_names(short_clip: Path, tmp_path: Path) -> None:
    refused(run(short_clip, short_clip, "--out", "r.npz", cwd=tmp_path), "{name}")
    refused(run(short_clip, short_clip, "--out", "{name}.npz", cwd=tmp_path), "same name")


def test_help_is_instant_and_complete(tmp_path: Path) -> None:
    heavy = "import sys; from pipeline.commands import cli; cli.main(['--help'], standalone_mode=False); "
    heavy += "print([m for m in ('torch', 'numpy', 'cv2', 'av', 'rich', 'pydantic', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "--out" in done.stdout and "train" in done.stdout


@pytest.mark.slow
def test_a_killed_run_resumes(short_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline import load as loading
    from pipeline.progress import QuietReporter
    from pipeline.run import run_video
    from pipeline.settings import load_settings
    from pipeline.stages import detect as detection

    monkeypatch.setattr(detection, "CHUNK", 4)
    settings, reporter = load_settings(None, {"end": 0.39}), QuietReporter()
    run_video(short_clip, [tmp_path / "whole.npz"], settings, reporter)

    class Killed(BaseException):
        pass

    load = loading.load_detector

    class Dying:
        def __init__(self) -> None:
            self.inner, self.calls = load("auto"), 0
            self.name, self.layout, self.describe = self.inner.name, self.inner.layout, self.inner.describe

        def detect(self, image: object, previous: object = (), frame_index: int = 0) -> object:
            self.calls += 1
            if self.calls > 9:
                raise Killed
            return self.inner.detect(image, previous, frame_index)  # type: ignore[arg-type]

    dying = Dying()
    monkeypatch.setattr(loading, "load_detector", lambda *given: dying)
    with pytest.raises(Killed):
        run_video(short_clip, [tmp_path / "r.npz"], settings, reporter)
    assert not (tmp_path / "r.npz").exists()

    # 8 of 12 frames are stored, so 4 calls are enough.
    dying.calls = 5
    run_video(short_clip, [tmp_path / "r.npz"], settings, reporter)
    assert dying.calls == 9
    assert leftovers(tmp_path) == ["r.npz", "whole.npz"]
    resumed, whole = load_result(tmp_path / "r.npz"), load_result(tmp_path / "whole.npz")
    assert np.array_equal(resumed.tracks[0].keypoints_px, whole.tracks[0].keypoints_px)
    assert np.array_equal(resumed.tracks[0].joints_m, whole.tracks[0].joints_m)


#: Sets the title, clears the screen, turns red, turns the direction of writing, and goes back to begin another line.
EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\r\n\x7f FORGED"


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([f"{EVIL}.mp4", "--out", "r.gif"], "is not a video that can be read"),
        ([f"{EVIL}.mp4", f"missing{EVIL}.mp4", "--out", "{name}.gif"], "2 of 2 inputs failed"),
        (["prepare", f"{EVIL}.mp4", "--out", "p.npz"], "is neither .bvh nor .npz"),
        (["prepare", "a.bvh", "--out", "p.npz"], "has no OFFSET"),
        (["still.mp4", f"--{EVIL}"], "No such option"),
        (["still.mp4", "--config", "c.toml"], "there is no setting"),
        (["still.mp4", "--camera", "camera.json", "--out", "r.gif"], "has an unknown entry"),
    ],
)
def test_names_of_files_and_in_files_are_printed_harmlessly(
    tmp_path: Path, empty_room: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / f"{EVIL}.mp4").write_text("no film")
    (tmp_path / "still.mp4").symlink_to(empty_room)
    (tmp_path / "c.toml").write_text(f"{json.dumps(EVIL)} = 1", "utf-8")
    (tmp_path / "camera.json").write_text(json.dumps({EVIL: 1}), "utf-8")
    joint = f"ROOT {EVIL.split()[0]}\n{{\nCHANNELS 3 Xposition Yposition Zposition\n}}\n"
    (tmp_path / "a.bvh").write_text(f"HIERARCHY\n{joint}MOTION\nFrames: 1\nFrame Time: 0.01\n0 0 0\n", "utf-8")
    done = run(*arguments, cwd=tmp_path)
    printed = done.stdout + done.stderr
    assert done.returncode in (1, 2) and words in printed
    assert r"\x1b]0;owned\x07\x1b[2J" in printed
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\r", "\x7f"} & set(printed) and "\n FORGED" not in printed


def test_reporters_print_harmlessly(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = ConsoleReporter()
    reporter.warn(EVIL)
    reporter.say(f"{EVIL}\nsecond line")
    captured = capsys.readouterr()
    assert "\x1b]" not in captured.err + captured.out and "\x07" not in captured.err + captured.out
    assert "\\x1b]0;owned\\x07" in captured.err and "\nsecond line" in captured.out


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT for a process of its own there")
@pytest.mark.parametrize("then", [None, OSError("a callback failed"), EOFError(), OutputError("the disk is full")])
def test_an_interrupt_that_a_library_loses_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: Exception | None
) -> None:
    def work(**options: object) -> int:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        if then is not None:
            raise then
        return 0

    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        monkeypatch.setattr("pipeline.commands.cli.main", work)
        refused(run("film.mp4", cwd=tmp_path), "stopped", code=130)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


_DRAWING = """
import sys
from pathlib import Path
from lifting.geometry.camera import Camera
from pipeline.commands import cli, main
from pipeline.files.atomic import atomic_path
from pipeline.media.decode import probe
from pipeline.results.render import render
from pipeline.results.result import Result
from visualize.stream import PictureOptions
import av, cv2, visualize.compose, visualize.gif

def work(**options):
    video = probe(sys.argv[1])
    nobody = Result((), Camera.from_fov(55.0, (video.width, video.height)), {})
    with atomic_path("r.gif") as part:
        print("drawing", flush=True)
        render(nobody, video, [part], PictureOptions(gif_fps=50), None, None, lambda done: None)

cli.main = work
main()
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGINT for a child process there")
def test_an_interrupt_while_a_gif_is_written_ends_the_run(short_clip: Path, tmp_path: Path) -> None:
    def draw(stop_after_s: float | None) -> tuple[int, float]:
        with subprocess.Popen(
            [sys.executable, "-c", _DRAWING, str(short_clip)], cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as child:  # fmt: skip
            assert child.stdout is not None and child.stdout.readline() == b"drawing\n"
            began = time.monotonic()
            if stop_after_s is not None:
                time.sleep(stop_after_s)
                child.send_signal(signal.SIGINT)
            assert b"Traceback" not in child.communicate(timeout=120)[1]
            return child.returncode, time.monotonic() - began

    code, whole_s = draw(None)
    assert code == 0 and leftovers(tmp_path) == ["r.gif"]
    (tmp_path / "r.gif").unlink()
    for share in (0.1, 0.25, 0.4, 0.55, 0.7):
        assert draw(share * whole_s)[0] == 130
        assert leftovers(tmp_path) == []


@pytest.mark.slow
def test_interrupt_keeps_the_work(sample: Path, tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("no SIGINT for a child process there")
    with subprocess.Popen(
        command(sample, "--out", "r.npz"), cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        # a shell that runs the tests in the background lets them ignore the signal
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as child:  # fmt: skip
        deadline = time.monotonic() + 300  # where other programs run
        while not list(tmp_path.glob("r.npz.work/people-*.npz")) and time.monotonic() < deadline:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=300)
    assert child.returncode == 130
    assert "goes on where detection was" in errors and "Traceback" not in errors
    assert leftovers(tmp_path) == ["r.npz.work"]
