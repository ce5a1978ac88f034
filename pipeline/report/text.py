"""A report as text for a terminal."""

from __future__ import annotations

from pipeline.report.numbers import PersonReport, Report

__all__ = ["report_text"]

_SHOWN = ("thorax_to_shoulder", "shoulder_to_elbow", "elbow_to_wrist", "pelvis_to_hip", "hip_to_knee", "knee_to_ankle")


def report_text(report: Report) -> str:
    """Lines of at most 120 characters, but for sentences."""
    lines = [f"axes: {report.axes}", f"camera: {report.camera}"]
    if not report.people:
        lines.append("nobody was found")
    for person in report.people:
        lines += ["", *_person(person)]
    return "\n".join(lines)


def _person(person: PersonReport) -> list[str]:
    gaps = f", {len(person.gaps_s)} gaps" if len(person.gaps_s) > 1 else ", 1 gap" if person.gaps_s else ""
    bones = ", ".join(f"{name.replace('_', ' ')} {100 * person.bones_m[name]:.0f}" for name in _SHOWN)
    shakes = "" if person.jitter is None else f", jitter {person.jitter:.1f} (10 m/s³)"
    lines = [
        f"person {person.id}: {person.first_s:.2f} to {person.last_s:.2f} s, seen for {person.seen:.0%} of it{gaps}",
        f"  confidence {person.confidence:.2f}, {person.imputed:.0%} of the joints not seen{shakes}",
        f"  height {person.stature_m:.2f} m; cm: {bones}",
        f"  path {person.path_m:.1f} m, speed {person.speed_m_s[0]:.2f} m/s, up to {person.speed_m_s[1]:.2f}",
    ]
    for jump in person.jumps:
        lines.append(
            f"  jump at {jump['time_s']:.2f} s: {100 * jump['rise_m']:.0f} cm, {jump['air_s']:.2f} s in the air"
        )
    lines.append("  angles, degrees: 5th to 95th percentile, standard deviation")
    for name, span in person.angles.items():
        told = "" if span.told > 0.99 else f", told in {span.told:.0%} of the frames"
        lines.append(f"    {name.replace('_', ' '):28} {span.low:7.0f} to {span.high:5.0f}  ± {span.sigma:.0f}{told}")
    lines.append("  what to trust:")
    lines += [f"    {remark.level}: {remark.name}: {remark.text}" for remark in person.remarks]
    return lines
