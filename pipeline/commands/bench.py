"""``zedo-video bench``: how fast both presets and the live picture are on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.commands.options import limits_option, run_options

__all__ = ["command"]


@click.command("bench", help="Measure time, memory and the distance to the matmul limit of both presets.")
@click.option(
    "--batch", "batches", type=click.IntRange(min=1), multiple=True, metavar="N",
    help="Poses lifted together, may be given several times (1, 4, 16, 64, 256, 1024, 4096).",
)  # fmt: skip
@click.option(
    "--budget", type=click.FloatRange(min=0), default=30.0, show_default=True, help="Longest case in seconds."
)
@click.option("--quick", is_flag=True, help="Batches 1, 16 and 64, short repetitions, 60 frames for the accuracy.")
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="FILE", help="Test sequences (.npz) to measure the accuracy on."
)
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Single frames for the accuracy (300).")
@run_options("prior", "device")
@click.option("--detectors", is_flag=True, help="Measure the detectors in place of the lifting.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of cameras and noise.")
@click.option("--live", is_flag=True, help="Measure webcam instead, on the shipped clip in place of a camera.")
@click.option(
    "--live-seconds", type=click.FloatRange(min=1), default=60.0, show_default=True, metavar="N", help="How long."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write the result, too.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
@limits_option
def command(
    batches: tuple[int, ...], budget: float, quick: bool, data: Path | None, count: int | None, prior: Path | None,
    detectors: bool, device: str | None, seed: int, live: bool, live_seconds: float, json_file: Path | None,
    quiet: bool,
) -> None:  # fmt: skip
    """Run every case."""
    from pipeline.bench.lifting import BATCHES, bench, bench_table
    from pipeline.evaluate.report import write_report
    from pipeline.files.atomic import check_writable
    from pipeline.progress import ConsoleReporter, QuietReporter, Reporter

    reporter: Reporter = QuietReporter() if quiet else ConsoleReporter()
    if json_file is not None:
        check_writable(json_file, overwrite=True)
    if detectors:
        from pipeline.bench.detectors import bench_detectors, detector_table

        report = bench_detectors(reporter, **({"frames": 2, "repeats": 1} if quick else {}))
        reporter.say(detector_table(report))
        if json_file is not None:
            write_report(json_file, report)
        return
    if live:
        from pipeline.bench.live import bench_live, live_table

        report = bench_live(reporter, seconds=live_seconds, prior_file=prior)
        reporter.say(live_table(report))
        if json_file is not None:
            write_report(json_file, report)
        return
    report = bench(
        reporter,
        batches=batches or ((1, 16, 64) if quick else BATCHES),
        budget_s=budget,
        least_s=0.3 if quick else 2.0,
        data=data,
        count=count or (60 if quick else 300),
        prior_file=prior,
        device=device,
        seed=seed,
    )
    reporter.say(bench_table(report))
    if json_file is not None:
        write_report(json_file, report)
