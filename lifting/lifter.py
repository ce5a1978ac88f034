"""From 2D tracks to 3D tracks: evidence, windows, optimiser, body size, smoothing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from detectors.h36m import to_h36m17
from detectors.people import PersonTrack2D
from lifting.body.bones import BoneKeeper
from lifting.body.proportions import PROPORTIONS
from lifting.body.size import BodySize
from lifting.device import describe_computing
from lifting.evidence import Evidence, known_rays
from lifting.geometry.camera import Camera
from lifting.initial.weights import Templates
from lifting.optimise.presets import make_solver
from lifting.prior.weights import Prior
from lifting.settings import LiftSettings
from lifting.temporal.kernel import smooth_track, time_kernel
from lifting.temporal.windows import Blend, Window, Windows, stacked
from lifting.tracks import Track3D
from lifting.uncertainty import joint_sigma
from lifting.world.floor import KnownGround
from lifting.world.frame import World
from lifting.world.ground import GroundNetwork
from lifting.world.grounding import LiftedTrack, ground_tracks, on_ground
from lifting.world.motion import CameraMotion

__all__ = ["Lifted", "Lifter"]

Progress = Callable[[int, int], None]
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Lifted:
    """What becomes of the people of a video.

    Attributes:
        tracks: everybody of whom enough was seen.
        world: up, the floor and how the camera moved; None from an optimiser that knows no neighbours.
    """

    tracks: list[Track3D]
    world: World | None


class Lifter:
    """Lifts people to 3D: ZeDO over all frames and people of a batch at once.

    Args:
        prior: the score network.
        templates: template poses, mean body and initialiser.
        settings: see ``LiftSettings``.
        device: where the optimiser runs.
        ground: tells where up is and which feet rest; None leaves everybody where each frame puts them.

    Raises:
        ValueError: the settings ask for the initialiser and there is none, or the prior has other joints.
    """

    def __init__(
        self,
        prior: Prior,
        templates: Templates,
        settings: LiftSettings,
        device: torch.device,
        ground: GroundNetwork | None = None,
    ) -> None:
        if prior.network.joints != 17:
            raise ValueError(f"the prior {prior.name} has {prior.network.joints} joints; lifting a video needs 17")
        self.settings, self.device = settings, device
        # A processor's cache holds a few hundred rows; a GPU wants thousands.
        rows = settings.window if device.type == "cpu" else max(settings.window, 4096)
        self.solver = make_solver(settings, copy.deepcopy(prior.network).to(device), templates, device, rows)
        self._coupled = settings.couple_s > 0 and not self.solver.published
        # Frames that know no neighbours need none of another window either.
        self._windows = Windows(settings.window, 0 if self.solver.published else settings.overlap, rows)
        self._size = BodySize(templates.size_m, settings.person_height_m)
        self._mean_bones = torch.from_numpy(templates.bone_lengths_m.astype(np.float32)).double()
        self._templates = templates
        self._ground = ground if self._coupled else None

    def describe(self) -> dict[str, Any]:
        """Every setting that took effect, as JSON values, for the provenance of a result."""
        settings = {**asdict(self.settings), "steps": self.solver.steps}
        initialiser = self._templates.network_sha256 if self.solver.learnt else ""
        computing = describe_computing(settings, self._templates.sha256, initialiser, self.device, self.solver.dtype)
        return computing | ({} if self._ground is None else {"ground_sha256": self._ground.sha256})

    def lift(
        self,
        tracks: Sequence[PersonTrack2D],
        camera: Camera,
        on_progress: Progress | None = None,
        motion: CameraMotion | None = None,
        *,
        known: KnownGround = KnownGround(),  # noqa: B008 - frozen
    ) -> Lifted:
        """Every track in 3D, in the same order; tracks in which no frame shows enough joints are left out.

        Args:
            tracks: people in pixels of the upright frame.
            camera: of that frame.
            on_progress: called with (frames done, frames in all), frames counted once per person.
            motion: of the camera, in all frames of the tracks; None is a camera of which nothing is known.
            known: of up and the floor beforehand.
        """
        if motion is None:
            every = [track.frame_index for track in tracks]
            motion = CameraMotion.still(np.unique(np.concatenate([np.zeros(0, np.int64), *every])), "unknown")
        evidence = [to_h36m17(track) for track in tracks]
        usable = [
            (confidence >= self.settings.imputed_below).sum(1) >= self.settings.least_joints
            for _, confidence in evidence
        ]
        kept = [number for number, rows in enumerate(usable) if rows.any()]
        rays = [_rays(camera, motion, tracks[n].frame_index[usable[n]], evidence[n][0][usable[n]]) for n in kept]
        confidence = [evidence[number][1][usable[number]] for number in kept]
        time_s = [tracks[number].time_s[usable[number]] for number in kept]
        frames = [tracks[number].frame_index[usable[number]] for number in kept]
        poses = self._lift_tracks(rays, confidence, time_s, on_progress)
        joints, world, grounded = [X for X, _ in poses], None, None
        smoothed = [smooth(X, times, self.settings.smooth_s) for X, times in zip(joints, time_s, strict=True)]
        contacts = [np.zeros((len(X), 2)) for X in joints]
        if self._ground is not None:
            # Rays of what was not seen may be anything; weight 0 does not make numbers of NaN.
            rays = [known_rays(*each) for each in zip(rays, confidence, strict=True)]
            lifted = [LiftedTrack(*each) for each in zip(joints, rays, confidence, frames, time_s, strict=True)]
            world, grounded = ground_tracks(
                lifted,
                motion,
                self._ground,
                resize=self.settings.person_height_m is None,
                known=known,
            )
            joints = [on_ground(track, ground, 0.0) for track, ground in zip(lifted, grounded, strict=True)]
            smoothed = [
                on_ground(track, ground, self.settings.smooth_s, before)
                for track, ground, before in zip(lifted, grounded, smoothed, strict=True)
            ]
            contacts = [ground.contacts for ground in grounded]
        return Lifted(
            [
                self._track(
                    tracks[n], usable[n], *evidence[n], joints[place], smoothed[place], poses[place][1], contacts[place]
                )
                for place, n in enumerate(kept)
            ],
            world,
        )

    def lift_rows(self, rays: Array, confidence: Array, time_s: Array | None) -> Array:
        """One person, or frames that have nothing to do with each other (``time_s`` None).

        Args:
            rays: ``[N, 17, 3]`` directions with z = 1; anything where the confidence is 0.
            confidence: ``[N, 17]`` in 0..1.
            time_s: ``[N]`` increasing seconds.

        Returns:
            ``[N, 17, 3]`` absolute joints in metres, camera axes, not smoothed afterwards.
        """
        if time_s is not None:
            return self._lift_tracks([rays], [confidence], [time_s], None)[0][0]
        found = [np.zeros((0, 17, 3))]
        for first in range(0, len(rays), self._windows.batch_rows):
            rows = slice(first, first + self._windows.batch_rows)
            alone = np.arange(len(rays[rows]))
            X, _ = self._solved(Evidence.of(rays[rows], confidence[rows], alone, self.device))
            found.append(self._size.each(self._held(X, confidence[rows], alone)) if self._sizes else X)
        return np.concatenate(found)

    def _lift_tracks(
        self, rays: list[Array], confidence: list[Array], time_s: list[Array], on_progress: Progress | None
    ) -> list[tuple[Array, Array | None]]:
        """Absolute joints of every track after the size of the body was set, and the error the initialiser expects."""
        lengths = [len(times) for times in time_s]
        joints, sigma = Blend(self._windows, lengths, (17, 3)), Blend(self._windows, lengths, (17,))
        bodies = self._bodies(rays, confidence, time_s)
        done = 0
        for batch in self._windows.batches(lengths):
            X, doubt = self._solved(self._coupled_evidence(batch, rays, confidence, time_s, bodies))
            joints.add(batch, X)
            if doubt is not None:
                sigma.add(batch, doubt)
            done = min(sum(lengths), done + sum(map(len, batch)))
            if on_progress is not None:
                on_progress(done, sum(lengths))
        return [
            (self._one_body(X, trust), doubt if self.solver.learnt else None)
            for X, doubt, trust in zip(joints.tracks(), sigma.tracks(), confidence, strict=True)
        ]

    def _evidence(
        self, batch: Sequence[Window], rays: list[Array], confidence: list[Array], time_s: list[Array]
    ) -> tuple[Evidence, NDArray[np.int64]]:
        """The rows of some windows, and which of them each row is of."""
        group = np.repeat(np.arange(len(batch)), [len(window) for window in batch])
        times = stacked(batch, time_s) if self._coupled else None
        return Evidence.of(stacked(batch, rays), stacked(batch, confidence), group, self.device, times), group

    def _coupled_evidence(
        self,
        batch: Sequence[Window],
        rays: list[Array],
        confidence: list[Array],
        time_s: list[Array],
        bodies: Array | None,
    ) -> Evidence:
        """``_evidence`` with what the rows know of each other, and the bodies ``[tracks, 8]``, if they are known."""
        evidence, group = self._evidence(batch, rays, confidence, time_s)
        if evidence.neighbours is None:
            return evidence
        settings, times, trust = self.settings, stacked(batch, time_s), stacked(batch, confidence)
        kernel = time_kernel(times, group, settings.couple_s, 2, trust, settings.doubt_widens)
        body = None
        if bodies is not None:
            rows = bodies[[window.track for window in batch]][group]
            body = torch.from_numpy(rows).to(self.device, torch.float32)
        return replace(evidence, kernel=kernel.on(self.device), body=body)

    def _bodies(self, rays: list[Array], confidence: list[Array], time_s: list[Array]) -> Array | None:
        """Proportions ``[tracks, 8]`` that all frames of each track show together; None without the initialiser.

        A person has one body, whichever window of the track is looked at.
        """
        if not self._coupled:
            return None
        lengths = [len(times) for times in time_s]
        shown, certainty = np.zeros((2, len(rays), len(PROPORTIONS)))
        for batch in self._windows.batches(lengths):
            evidence, group = self._evidence(batch, rays, confidence, time_s)
            found = self.solver.proportions(evidence)
            if found is None:
                return None
            seen, sure = (values.cpu().numpy() for values in found)
            weight = np.concatenate([self._windows.fade(window, lengths[window.track]) for window in batch])
            sure = weight[:, None] * sure
            track = np.array([window.track for window in batch])[group]
            np.add.at(shown, track, sure * seen)
            np.add.at(certainty, track, sure)
        return np.asarray(shown / np.maximum(certainty, 1e-12))

    def _solved(self, evidence: Evidence) -> tuple[Array, Array | None]:
        """Joints ``[B, 17, 3]`` and the error that the initialiser expects ``[B, 17]``."""
        found = self.solver.solve(evidence)
        sigma = None if found.sigma_m is None else found.sigma_m.cpu().numpy().astype(np.float64)
        return found.X.cpu().numpy().astype(np.float64), sigma

    @property
    def _sizes(self) -> bool:
        """The published optimiser sets no size; with it only a height that was asked for is set."""
        return not self.solver.published or self.settings.person_height_m is not None

    def _one_body(self, joints: Array, confidence: Array) -> Array:
        """A track with the same bone lengths in all frames, of the size of a person."""
        if not len(joints) or not self._sizes:
            return joints
        return self._size.together(self._held(joints, confidence, np.zeros(len(joints), np.int64)), confidence)

    def _held(self, joints: Array, confidence: Array, group: NDArray[np.int64]) -> Array:
        """Joints with the same bone lengths in all rows of a group; windows have estimated them one by one."""
        if self.solver.published or self.settings.bones == 0:
            return joints
        keeper = BoneKeeper(self._mean_bones, torch.from_numpy(group), int(group[-1]) + 1, torch.from_numpy(confidence))
        return np.asarray(keeper(torch.from_numpy(joints), 1.0).numpy())

    def _track(
        self,
        track: PersonTrack2D,
        rows: NDArray[np.bool_],
        keypoints: Array,
        confidence: Array,
        joints: Array,
        smoothed: Array,
        doubt: Array | None,
        contacts: Array,
    ) -> Track3D:
        """One row per decoded frame from first to last sight, NaN in the gaps."""
        confidence = confidence[rows]
        imputed = confidence < self.settings.imputed_below
        return Track3D.from_frames(
            track.track_id,
            track.frame_index[rows],
            track.time_s[rows],
            joints_m=smoothed,
            raw_joints_m=joints,
            sigma_m=joint_sigma(confidence, imputed, doubt),
            imputed=imputed,
            keypoints_px=keypoints[rows],
            confidence=confidence,
            boxes=track.boxes[rows],
            contacts=contacts,
        )


def smooth(joints: NDArray[np.float64], time_s: NDArray[np.float64], sigma_s: float) -> NDArray[np.float64]:
    """Zero-phase smoothing of absolute joints ``[T, 17, 3]`` along a track, width in seconds; gaps separate.

    The distance from the camera is the least certain number of all and changes slowly: it gets three times the width.
    """
    if sigma_s <= 0 or len(joints) < 3:
        return joints
    root = joints[:, :1]
    distance = np.linalg.norm(root, axis=-1, keepdims=True)
    steady = np.exp(smooth_track(np.log(distance), time_s, 3 * sigma_s))
    return smooth_track(joints - root, time_s, sigma_s) + smooth_track(root / distance, time_s, sigma_s) * steady


def _rays(camera: Camera, motion: CameraMotion, frame_index: NDArray[np.int64], keypoints: Array) -> Array:
    """Rays ``[N, 17, 3]`` with z = 1 of keypoints ``[N, 17, 2]`` in pixels, before the zoom of each frame."""
    rays = camera.rays(keypoints)
    zoom = motion.zoom[np.searchsorted(motion.frame_index, frame_index)]
    if (zoom != 1).any():
        rays[..., :2] /= zoom[:, None, None]
    return rays
