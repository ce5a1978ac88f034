"""Lifting while it happens: one frame at a time, from the past alone."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detectors.h36m import to_h36m17
from detectors.people import Person2D, PersonTrack2D
from lifting.body.size import BodySize
from lifting.device import describe_computing, matmul_dtype
from lifting.evidence import Evidence, known_rays
from lifting.geometry.camera import Camera
from lifting.initial.learnt import learnt_poses
from lifting.initial.weights import Templates
from lifting.live.memory import (
    BODY_FRAMES,
    KnownBones,
    MovingRows,
    PersonMemory,
    Row,
    later_rows,
    newest_rows,
    shift,
    together,
)
from lifting.optimise.loop import Denoiser, State, optimise
from lifting.optimise.schedule import Schedule, fast_schedule
from lifting.prior.network import FoldedScoreNetwork, ScoreNetwork
from lifting.prior.weights import Prior
from lifting.temporal.body_filter import BodyFilter
from lifting.temporal.jitter import Jitter
from lifting.temporal.kernel import time_kernel
from lifting.temporal.neighbours import OFFSETS_S, neighbour_rows
from lifting.uncertainty import joint_sigma

__all__ = ["LiveLifter", "LivePose", "LiveSettings"]


#: Shortest and longest time between frames by which ``LiveSettings.calm_m_s`` is multiplied, seconds: what two frames
#: differ by is motion, but also errors, which do not grow with time.
_CALM_S = (1 / 30, 1 / 15)


@dataclass(frozen=True)
class LiveSettings:
    """Settings of live lifting.

    Attributes:
        steps, calm_steps: optimiser steps of a frame, and of one in which nothing surprises.
        calm_m_s: mean speed of the joints from the frame before to the initialiser up to which nothing does, m/s.
        t_high, t_low: first and last diffusion time: low, because the frame before is nearly right.
        relax: over-relaxation of the step to the rays.
        trust: share of that step which the newest frame goes: noise in it is not averaged out by later ones yet.
        rows: frames of the past, this one included, that know of each other.
        moving: the last of these, which are optimised; those before have settled.
        memory_s: how far back the past is looked at, seconds.
        warm: share of the result of the frame before in the start; the rest is the initialiser.
        couple_s: width of the kernel over these frames, seconds (1 sigma).
        bones: share of the way to the held bone lengths after the last step.
        calm_hz, quick: cutoff of the smoothing of a bone at rest, and how much it opens per m/s (``OneEuro``).
        noise_m: jitter of the keypoints, at the person's depth, that these are for; with less the cutoffs are higher in
            proportion.
        turned_m: mean distance of the initialiser from the frame before at which one of them must be a flip.
        jumped: shift of the person in the picture from frame to frame, in spreads of its keypoints, that nobody makes.
        forget_s: a person who was away for longer is new.
        imputed_below, least_joints, person_height_m: see ``lifting.settings.LiftSettings``.
    """

    steps: int = 7
    calm_steps: int = 2
    calm_m_s: float = 1.6
    t_high: float = 0.05
    t_low: float = 0.03
    relax: float = 1.8
    trust: float = 0.5
    rows: int = 7
    moving: int = 3
    memory_s: float = 0.36
    warm: float = 0.5
    couple_s: float = 2 / 30
    bones: float = 0.3
    calm_hz: float = 0.55
    quick: float = 4.1
    noise_m: float = 0.016
    turned_m: float = 0.25
    jumped: float = 1.5
    forget_s: float = 0.5
    imputed_below: float = 0.15
    least_joints: int = 5
    person_height_m: float | None = None


@dataclass(frozen=True)
class LivePose:
    """One person now; units and axes as in ``lifting.tracks.Track3D``.

    Attributes:
        track_id: identity.
        joints_m: ``[17, 3]`` absolute, metres, camera axes, smoothed.
        raw_joints_m: ``[17, 3]`` before smoothing.
        sigma_m: ``[17]``.
        imputed: ``[17]`` bool.
        keypoints_px: ``[17, 2]``, NaN where there is none.
        confidence: ``[17]``.
        box: ``[4]`` px.
        restarted: nothing of the past went into it: the person is new, or the past was wrong.
    """

    track_id: int
    joints_m: NDArray[np.float64]
    raw_joints_m: NDArray[np.float64]
    sigma_m: NDArray[np.float64]
    imputed: NDArray[np.bool_]
    keypoints_px: NDArray[np.float64]
    confidence: NDArray[np.float64]
    box: NDArray[np.float64]
    restarted: bool


class LiveLifter:
    """Lifts people frame by frame: the initialiser, the prior and the steps of ``Lifter``, without the future.

    The last frames are optimised together again and again, each from where it was, and held to those before them; the
    newest one begins between the initialiser and the frame before. Bone lengths are those of all frames so far.

    Args:
        prior: the score network.
        templates: with a network for the initialiser.
        device: where the optimiser runs.
        settings: see ``LiveSettings``.

    Raises:
        ValueError: there is no network for the initialiser, or the prior has other joints.
    """

    def __init__(
        self, prior: Prior, templates: Templates, device: torch.device, settings: LiveSettings | None = None
    ) -> None:
        if prior.network.joints != 17:
            raise ValueError(f"the prior {prior.name} has {prior.network.joints} joints; lifting a video needs 17")
        self.settings = settings or LiveSettings()
        self.device, self._dtype = device, matmul_dtype(device)
        self._schedules = {
            steps: fast_schedule(
                steps, t_high=self.settings.t_high, t_low=self.settings.t_low, relax=self.settings.relax, frozen=0.0
            )
            for steps in (self.settings.steps, self.settings.calm_steps)
        }
        self._denoisers = _denoisers(copy.deepcopy(prior.network).to(device), self._schedules, self._dtype)
        self._initialiser = templates.network_on(device, self._dtype, small_batch=True)
        self._mean_bones = torch.from_numpy(templates.bone_lengths_m).to(device, torch.float32)
        self._size = BodySize(templates.size_m, self.settings.person_height_m)
        self._templates = templates
        self._past: dict[int, PersonMemory] = {}

    def describe(self) -> dict[str, Any]:
        """Every setting that took effect, as JSON values, for the provenance of a recording."""
        settings, templates = {**asdict(self.settings), "causal": True}, self._templates
        return describe_computing(settings, templates.sha256, templates.network_sha256, self.device, self._dtype)

    def reset(self) -> None:
        """Forget everybody."""
        self._past.clear()

    @torch.inference_mode()
    def lift(self, people: Sequence[Person2D], time_s: float, camera: Camera) -> list[LivePose]:
        """Everybody in a frame of whom enough is seen.

        Args:
            people: with different track ids; the past of an id goes into its pose.
            time_s: when the frame was taken, seconds; if it is not later than that of the last call, the past is
                forgotten.
            camera: of the frame.
        """
        self._forget(time_s)
        evidence = [_evidence(person, time_s) for person in people]
        seen = [
            (person, keypoints, confidence)
            for person, (keypoints, confidence) in zip(people, evidence, strict=True)
            if np.count_nonzero(confidence >= self.settings.imputed_below) >= self.settings.least_joints
        ]
        if not seen:
            return []
        pasts = []
        for person, keypoints, confidence in seen:
            past = self._past.setdefault(_identity(person), PersonMemory())
            rays = known_rays(camera.rays(keypoints)[None], confidence[None])[0]
            self._remember(past, Row(time_s, rays, confidence))
            pasts.append(past)
        begin, doubt, steps = self._begin(pasts)
        found: dict[int, NDArray[np.float64]] = {}
        for count in set(steps):
            chosen = [i for i, needed in enumerate(steps) if needed == count]
            of_these = self._optimise([pasts[i] for i in chosen], [begin[i] for i in chosen], count)
            found.update(zip(chosen, of_these, strict=True))
        return [
            self._pose(person, keypoints, confidence, past, raw, time_s, expected)
            for (person, keypoints, confidence), past, (_, raw), expected in zip(
                seen, pasts, sorted(found.items()), doubt, strict=True
            )
        ]

    def _forget(self, time_s: float) -> None:
        """Drop people who were away for too long, and all if time went back."""
        last = {identity: past.rows[-1].time_s for identity, past in self._past.items()}
        if any(then >= time_s for then in last.values()):
            self._past.clear()
            return
        for identity, then in last.items():
            if time_s - then > self.settings.forget_s:
                del self._past[identity]

    def _remember(self, past: PersonMemory, row: Row) -> None:
        settings = self.settings
        if past.rows and shift(past.rows[-1], row) > settings.jumped:
            past.restart()
            past.rows.clear()
            past.jitter = Jitter()
        past.rows.append(row)
        past.rows = [old for old in past.rows if old.time_s >= row.time_s - settings.memory_s]

    def _begin(self, pasts: Sequence[PersonMemory]) -> tuple[list[Tensor], NDArray[np.float64], list[int]]:
        """Where the newest frame of everybody begins, ``[17, 3]`` each, the error expected of the initialiser, and how
        many steps each needs.
        """
        rows, group = together([past.rows for past in pasts])
        times = np.array([row.time_s for row in rows])
        evidence = self._evidence(rows, group)
        newest = newest_rows(group)
        around = neighbour_rows(times, group, OFFSETS_S, self.device)
        rays_then, confidence_then = around(evidence.rays, evidence.confidence)
        # Everybody twice: of a body that is not known, to learn more of it, and of the one that the past has shown.
        twice, known = np.concatenate([newest, newest]), torch.stack([past.body.mean() for past in pasts])
        body = torch.cat([torch.full_like(known, torch.nan), known]).to(self.device)
        found = learnt_poses(self._initialiser, rays_then[twice], confidence_then[twice], body=body)
        guesses, sigma_m = found.x[0, len(pasts) :], found.sigma_m[len(pasts) :]
        begin, steps = [], []
        for past, guess, *shown in zip(pasts, guesses, found.body.cpu(), found.certainty.cpu(), strict=False):
            past.body.see(*shown)
            before = past.rows[-2].x if len(past.rows) > 1 else None
            calm = False
            if before is not None:
                before = before - before.mean(dim=0) + guess.mean(dim=0)
                apart = float((before - guess).norm(dim=-1).mean())
                step_s = min(max(past.rows[-1].time_s - past.rows[-2].time_s, _CALM_S[0]), _CALM_S[1])
                calm = apart < min(self.settings.calm_m_s * step_s, self.settings.turned_m)
                if apart > self.settings.turned_m:
                    past.restart()
                    before = None
            steps.append(self.settings.calm_steps if calm else self.settings.steps)
            begin.append(guess if before is None else guess + self.settings.warm * (before - guess))
        return begin, sigma_m.cpu().numpy().astype(np.float64), steps

    def _optimise(
        self, pasts: Sequence[PersonMemory], initial: Sequence[Tensor], steps: int
    ) -> list[NDArray[np.float64]]:
        """Absolute joints ``[17, 3]`` of the newest frames, metres, of the size of a body."""
        settings = self.settings
        for past, x in zip(pasts, initial, strict=True):
            past.rows[-1].x = x
        windows = [[row for row in past.rows[-settings.rows :] if row.x is not None] for past in pasts]
        rows, group = together(windows)
        newest, moving = newest_rows(group), np.flatnonzero(later_rows(group) < settings.moving)
        evidence = self._evidence(rows, group)
        trusted = evidence.confidence.clone()
        trusted[newest] *= settings.trust
        kernel = None
        if settings.couple_s > 0 and len(rows) > len(pasts):
            times = np.array([row.time_s for row in rows])
            kernel = time_kernel(times, group, settings.couple_s, degree=1).of(moving).on(self.device)
        keeper = KnownBones(self._mean_bones, evidence, pasts)
        window = MovingRows(
            torch.stack([row.x for row in rows if row.x is not None]), torch.from_numpy(moving).to(self.device), kernel
        )
        x = window.x[moving]
        begin = State(x, torch.zeros_like(x[:, 0]))  # the translation is solved in the first step
        seen = Evidence.apart(evidence.rays[moving], trusted[moving])
        T = optimise(self._denoisers[steps], self._schedules[steps], begin, seen, [window]).T
        lengths = keeper.lengths(window.x)
        held = keeper.held(window.x, lengths)
        X = (held[newest] + T[newest_rows(group[moving])][:, None]).cpu().numpy().astype(np.float64)
        for row, settled in zip(rows, window.x + settings.bones * (held - window.x), strict=True):
            row.x = settled
        for past, length in zip(pasts, lengths[newest], strict=True):
            past.frames = min(past.frames + 1, BODY_FRAMES)
            known = length if past.lengths is None else past.lengths
            past.lengths = known + (length - known) / past.frames
        return [self._size.each(joints) for joints in X]

    def _pose(
        self,
        person: Person2D,
        keypoints: NDArray[np.float64],
        confidence: NDArray[np.float64],
        past: PersonMemory,
        raw: NDArray[np.float64],
        time_s: float,
        doubt: NDArray[np.float64],
    ) -> LivePose:
        imputed = confidence < self.settings.imputed_below
        restarted = past.filter is None
        return LivePose(
            track_id=_identity(person),
            joints_m=self._smoothed(past, raw, time_s),
            raw_joints_m=raw,
            sigma_m=joint_sigma(confidence[None], imputed[None], doubt[None])[0],
            imputed=imputed,
            keypoints_px=keypoints,
            confidence=confidence,
            box=person.box.astype(np.float64),
            restarted=restarted,
        )

    def _smoothed(self, past: PersonMemory, raw: NDArray[np.float64], time_s: float) -> NDArray[np.float64]:
        settings, row = self.settings, past.rows[-1]
        if past.filter is None:
            past.filter = BodyFilter(settings.calm_hz, settings.quick, settings.noise_m)
        jitter = past.jitter(row.rays[:, :2], row.confidence >= settings.imputed_below, time_s)
        return past.filter(raw, time_s, jitter * float(raw[0, 2]))

    def _evidence(self, rows: Sequence[Row], group: NDArray[np.int64]) -> Evidence:
        rays, confidence = np.stack([row.rays for row in rows]), np.stack([row.confidence for row in rows])
        return Evidence.of(rays, confidence, group, self.device)


def _denoisers(network: ScoreNetwork, schedules: Mapping[int, Schedule], dtype: torch.dtype) -> dict[int, Denoiser]:
    """The prior at the times of each of the schedules, with one copy of the weights."""
    times = torch.cat([schedule.times for schedule in schedules.values()])
    denoise = FoldedScoreNetwork(network, times, dtype, small_batch=True)
    first = np.cumsum([0, *map(len, schedules.values())]).tolist()
    return {name: partial(_from_step, denoise, begin) for name, begin in zip(schedules, first, strict=False)}


def _from_step(denoise: Denoiser, first: int, x: Tensor, step: int) -> Tensor:
    return denoise(x, first + step)


def _identity(person: Person2D) -> int:
    if person.track_id is None:
        raise ValueError("people must be tracked before they are lifted live; their track_id is None")
    return person.track_id


def _evidence(person: Person2D, time_s: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keypoints ``[17, 2]`` and confidence ``[17]`` in the order of Human3.6M."""
    keypoints, confidence = to_h36m17(
        PersonTrack2D(
            track_id=_identity(person),
            frame_index=np.zeros(1, np.int64),
            time_s=np.array([time_s]),
            keypoints_px=person.keypoints_px[None],
            confidence=person.confidence[None],
            boxes=person.box[None],
            layout=person.layout,
        )
    )
    return keypoints[0], confidence[0]
