"""From 2D tracks to 3D tracks: evidence, windows, optimiser, body size, smoothing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detectors.h36m import to_h36m17
from detectors.people import PersonTrack2D
from lifting.body.bones import BoneKeeper
from lifting.body.proportions import PROPORTIONS
from lifting.body.skeleton import bone_lengths, stature
from lifting.device import matmul_dtype
from lifting.evidence import Evidence
from lifting.geometry.camera import Camera
from lifting.initial.features import OFFSETS_S
from lifting.initial.learnt import GridInitialiser, Initialiser, LearntInitialiser
from lifting.initial.weights import Templates
from lifting.optimise.fast import solve_fast
from lifting.optimise.reference import PublishedIPO, lift_reference
from lifting.prior.energy import energy_noise
from lifting.prior.weights import Prior
from lifting.settings import LiftSettings
from lifting.temporal.kernel import neighbour_rows, smooth_track, time_kernel
from lifting.tracks import Track3D
from lifting.uncertainty import joint_sigma

__all__ = ["Lifter"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Window:
    """Rows ``first`` to ``last`` of a track that are optimised together."""

    track: int
    first: int
    last: int


class Lifter:
    """Lifts people to 3D: ZeDO over all frames and people of a batch at once.

    Args:
        prior: the score network.
        starts: template poses and mean body size.
        settings: see ``LiftSettings``.
        device: where the optimiser runs.

    Raises:
        ValueError: the number of template poses asked for is not in ``starts``, or the prior has other joints.
    """

    def __init__(self, prior: Prior, starts: Templates, settings: LiftSettings, device: torch.device) -> None:
        if settings.clusters not in starts.poses:
            raise ValueError(f"there are template poses for S = {sorted(starts.poses)}, not for {settings.clusters}")
        if prior.network.joints != 17:
            raise ValueError(f"the prior {prior.name} has {prior.network.joints} joints; lifting a video needs 17")
        self.settings, self.device = settings, device
        self._network = copy.deepcopy(prior.network).to(device)
        self._poses = torch.from_numpy(starts.poses[settings.clusters]).to(device)
        self._size_m = starts.size_m
        self._mean_bones = torch.from_numpy(starts.bone_lengths_m).to(device, torch.float32)
        self._noise = energy_noise(torch.Generator().manual_seed(settings.seed)).to(device)
        self._starts = starts
        self._dtype = matmul_dtype(device) if settings.preset == "fast" else torch.float32
        self._initialiser = None
        if settings.preset == "fast" and settings.ipo == "learnt":
            if starts.network is None:
                raise ValueError("there is no network for the initialiser; give one, or start from the grid")
            self._initialiser = copy.deepcopy(starts.network).to(device).calculating_in(self._dtype)
        # Frames that know no neighbours need none of another window either.
        self._overlap = settings.overlap if settings.preset == "fast" else 0
        # A processor's cache holds a few hundred rows; a GPU wants thousands.
        self._batch_rows = settings.window if device.type == "cpu" else max(settings.window, 4096)

    def describe(self) -> dict[str, Any]:
        """Every setting that took effect, as JSON values, for the provenance of a result."""
        return {
            "lifting": {**asdict(self.settings), "steps": len(self.settings.schedule())},
            "templates_sha256": self._starts.sha256,
            "initialiser_sha256": self._starts.network_sha256 if self._initialiser is not None else "",
            "computed_on": str(self.device),
            "matrix_products_in": str(self._dtype).removeprefix("torch."),
        }

    def lift(
        self, tracks: Sequence[PersonTrack2D], camera: Camera, on_progress: Progress | None = None
    ) -> list[Track3D]:
        """Every track in 3D, in the same order; tracks in which no frame shows enough joints are left out.

        Args:
            tracks: people in pixels of the upright frame.
            camera: of that frame.
            on_progress: called with (frames done, frames in all), frames counted once per person.
        """
        evidence = [to_h36m17(track) for track in tracks]
        usable = [
            (confidence >= self.settings.imputed_below).sum(1) >= self.settings.least_joints
            for _, confidence in evidence
        ]
        poses = self._lift_rows(
            [camera.rays(keypoints[rows]) for (keypoints, _), rows in zip(evidence, usable, strict=True)],
            [confidence[rows] for (_, confidence), rows in zip(evidence, usable, strict=True)],
            [track.time_s[rows] for track, rows in zip(tracks, usable, strict=True)],
            on_progress,
        )
        return [
            self._track(track, rows, keypoints, confidence, joints, doubt)
            for track, rows, (keypoints, confidence), (joints, doubt) in zip(
                tracks, usable, evidence, poses, strict=True
            )
            if rows.any()
        ]

    def lift_rows(
        self, rays: NDArray[np.float64], confidence: NDArray[np.float64], time_s: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """One person, or frames that have nothing to do with each other (``time_s`` None).

        Args:
            rays: ``[N, 17, 3]`` directions with z = 1; anything where the confidence is 0.
            confidence: ``[N, 17]`` in 0..1.
            time_s: ``[N]`` increasing seconds.

        Returns:
            ``[N, 17, 3]`` absolute joints in metres, camera axes, not smoothed afterwards.
        """
        if time_s is not None:
            return self._lift_rows([rays], [confidence], [time_s], None)[0][0]
        found = [np.zeros((0, 17, 3))]
        for first in range(0, len(rays), self._batch_rows):
            rows = slice(first, first + self._batch_rows)
            alone = np.arange(len(rays[rows]))
            X, _ = self._optimise(rays[rows], confidence[rows], np.zeros(len(alone)), alone)
            found.append(self._sized(self._held(X, confidence[rows], alone), confidence[rows], alone))
        return np.concatenate(found)

    def _lift_rows(
        self,
        rays: list[NDArray[np.float64]],
        confidence: list[NDArray[np.float64]],
        time_s: list[NDArray[np.float64]],
        on_progress: Progress | None,
    ) -> list[tuple[NDArray[np.float64], NDArray[np.float64] | None]]:
        """Absolute joints of every track after the size of the body was set, and what the start thinks of its error."""
        joints = [np.zeros((len(times), 17, 3)) for times in time_s]
        sigma = [np.zeros((len(times), 17)) for times in time_s]
        share = [np.zeros(len(times)) for times in time_s]
        total, done = sum(map(len, time_s)), 0
        bodies = self._bodies(rays, confidence, time_s)
        for batch in self._batches([len(times) for times in time_s]):
            body = None if bodies is None else bodies[[window.track for window in batch]]
            X, doubt = self._optimise(*_stacked(batch, rays, confidence, time_s), body)
            at = 0
            for window in batch:
                count = window.last - window.first
                weight = self._fade(window, len(time_s[window.track]))
                joints[window.track][window.first : window.last] += weight[:, None, None] * X[at : at + count]
                if doubt is not None:
                    sigma[window.track][window.first : window.last] += weight[:, None] * doubt[at : at + count]
                share[window.track][window.first : window.last] += weight
                at += count
            done = min(total, done + sum(w.last - w.first for w in batch))
            if on_progress is not None:
                on_progress(done, total)
        found: list[tuple[NDArray[np.float64], NDArray[np.float64] | None]] = []
        for X, doubt, weight, trust in zip(joints, sigma, share, confidence, strict=True):
            weight = np.maximum(weight, 1e-12)[:, None]
            together = np.zeros(len(X), np.int64)
            X = self._sized(self._held(X / weight[..., None], trust, together), trust, together)
            found.append((X, None if self._initialiser is None else doubt / weight))
        return found

    def _bodies(
        self,
        rays: list[NDArray[np.float64]],
        confidence: list[NDArray[np.float64]],
        time_s: list[NDArray[np.float64]],
    ) -> NDArray[np.float64] | None:
        """Proportions ``[tracks, 8]`` that all frames of each track show together; None without a initialiser.

        A person has one body, whichever window of the track is looked at.
        """
        if self._initialiser is None or self.settings.couple_s == 0:
            return None
        told, certainty = np.zeros((2, len(rays), len(PROPORTIONS)))
        for batch in self._batches([len(times) for times in time_s]):
            rays_of, confidence_of, then, group = _stacked(batch, rays, confidence, time_s)
            around = neighbour_rows(then, group, OFFSETS_S, self.device)
            found = LearntInitialiser(self._initialiser, around).poses(self._evidence(rays_of, confidence_of, group))
            weight = np.concatenate([self._fade(window, len(time_s[window.track])) for window in batch])
            sure = weight[:, None] * found.certainty.cpu().numpy()
            track = np.array([window.track for window in batch])[group]
            np.add.at(told, track, sure * found.body.cpu().numpy())
            np.add.at(certainty, track, sure)
        return np.asarray(told / np.maximum(certainty, 1e-12))

    def _batches(self, lengths: Sequence[int]) -> Iterator[list[_Window]]:
        """Windows of all tracks, packed into batches of rows that suit the device (short tracks share one)."""
        size, overlap = self.settings.window, self._overlap
        batch: list[_Window] = []
        rows = 0
        for track, length in enumerate(lengths):
            pieces = 1 if length <= size else 1 + -(-(length - size) // (size - overlap))
            span = min(size, length)
            for first in np.linspace(0, length - span, pieces).round().astype(int).tolist() if length else []:
                if batch and rows + span > self._batch_rows:
                    yield batch
                    batch, rows = [], 0
                batch.append(_Window(track, first, first + span))
                rows += span
        if batch:
            yield batch

    def _fade(self, window: _Window, length: int) -> NDArray[np.float64]:
        """Weights of a window's rows: linear in the inner half of an overlap.

        Its outer quarter belongs to the neighbour alone: the rows at the end of a window know the least of others.
        """
        overlap = self._overlap
        ramp = np.clip(2 * (np.arange(overlap) + 0.5) / overlap - 0.5, 0.0, 1.0)
        weight = np.ones(window.last - window.first)
        if overlap and window.first > 0:
            weight[:overlap] *= ramp
        if overlap and window.last < length:
            weight[-overlap:] *= ramp[::-1]
        return weight

    def _optimise(
        self,
        rays: NDArray[np.float64],
        confidence: NDArray[np.float64],
        time_s: NDArray[np.float64],
        group: NDArray[np.int64],
        bodies: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Joints ``[B, 17, 3]`` and, from the initialiser, the error it expects ``[B, 17]``; ``bodies [G, 8]``."""
        settings = self.settings
        evidence = self._evidence(rays, confidence, group)
        if settings.preset == "reference":
            X, doubt = self._as_published(evidence), None
        else:
            kernel = None
            coupled = settings.couple_s > 0 and len(group) > evidence.groups
            if coupled:
                kernel = time_kernel(time_s, group, settings.couple_s, 2, confidence, settings.doubt_widens).on(
                    self.device
                )
            start: Initialiser = GridInitialiser(self._poses)
            if self._initialiser is not None:
                around = neighbour_rows(time_s, group, OFFSETS_S, self.device) if coupled else None
                body = None
                if coupled and bodies is not None:
                    body = torch.from_numpy(bodies[group]).to(self.device, torch.float32)
                start = LearntInitialiser(self._initialiser, around, body)
            X, doubt = solve_fast(
                self._network, settings.schedule(), start, self._mean_bones, evidence, kernel,
                hypotheses=settings.alternatives, bones=settings.bones, noise=self._noise, dtype=self._dtype,
            )  # fmt: skip
        return X.cpu().numpy().astype(np.float64), None if doubt is None else doubt.cpu().numpy().astype(np.float64)

    def _evidence(
        self, rays: NDArray[np.float64], confidence: NDArray[np.float64], group: NDArray[np.int64]
    ) -> Evidence:
        # A joint without evidence is never looked at, but NaN times 0 would be NaN.
        known = np.where(confidence[..., None] > 0, rays, [0.0, 0.0, 1.0])
        return Evidence(
            rays=torch.from_numpy(known).to(self.device, torch.float32),
            confidence=torch.from_numpy(confidence).to(self.device, torch.float32),
            group=torch.from_numpy(group).to(self.device),
            groups=int(group[-1]) + 1,
        )

    def _as_published(self, evidence: Evidence) -> Tensor:
        """The protocol that was published for pictures taken in the wild, that of 3DPW, from one template pose."""
        steps = len(self.settings.schedule())
        found = lift_reference(
            self._network, PublishedIPO(), self._poses[:1], evidence.rays, evidence.confidence, steps=steps,
            batch_rows=self._batch_rows,
        )  # fmt: skip
        return found[0]

    def _sized(
        self, joints: NDArray[np.float64], confidence: NDArray[np.float64], group: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Scaled about the camera, which keeps the picture, to the size of a body: one factor for each group of rows.

        The published optimiser has no such step; with it only a height that was asked for is set.
        """
        settings = self.settings
        if not len(joints) or (settings.preset == "reference" and settings.person_height_m is None):
            return joints
        wanted, sizes = self._size_m, bone_lengths(joints).sum(axis=-1)
        if settings.person_height_m is not None:
            wanted, sizes = settings.person_height_m, stature(joints)
        if group[-1] == 0:
            # The frames that show the whole body know best how large it is.
            seen = confidence.sum(axis=1)
            sizes = np.median(sizes[seen >= np.quantile(seen, 0.25)])
        return joints * np.asarray(wanted / sizes).reshape(-1, 1, 1)

    def _held(
        self, joints: NDArray[np.float64], confidence: NDArray[np.float64], group: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Joints with the same bone lengths in all rows of a group; windows have estimated them one by one."""
        if self.settings.preset == "reference" or self.settings.bones == 0 or not len(joints):
            return joints
        keeper = BoneKeeper(
            self._mean_bones.cpu().double(), torch.from_numpy(group), int(group[-1]) + 1, torch.from_numpy(confidence)
        )
        return np.asarray(keeper(torch.from_numpy(joints), 1.0).numpy())

    def _track(
        self,
        track: PersonTrack2D,
        rows: NDArray[np.bool_],
        keypoints: NDArray[np.float64],
        confidence: NDArray[np.float64],
        joints: NDArray[np.float64],
        doubt: NDArray[np.float64] | None,
    ) -> Track3D:
        """One row per decoded frame from first to last sight, NaN in the gaps, smoothed."""
        time_s, confidence = track.time_s[rows], confidence[rows]
        imputed = confidence < self.settings.imputed_below
        return Track3D.from_frames(
            track.track_id,
            track.frame_index[rows],
            time_s,
            joints_m=smooth(joints, time_s, self.settings.smooth_s),
            raw_joints_m=joints,
            sigma_m=joint_sigma(confidence, imputed, doubt),
            imputed=imputed,
            keypoints_px=keypoints[rows],
            confidence=confidence,
            boxes=track.boxes[rows],
        )


def _stacked(
    batch: Sequence[_Window],
    rays: list[NDArray[np.float64]],
    confidence: list[NDArray[np.float64]],
    time_s: list[NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Rays, confidences and times of all rows of some windows, and which window each row is of."""

    def rows(values: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        return np.concatenate([values[window.track][window.first : window.last] for window in batch])

    group = np.repeat(np.arange(len(batch)), [window.last - window.first for window in batch])
    return rows(rays), rows(confidence), rows(time_s), group


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
