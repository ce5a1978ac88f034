// The angles of lifting/kinematics/angles.py, for poses that come without them: the same definitions, no deviations.
import { JOINTS } from "./model.js";

const LEAST = Math.sin(Math.PI / 9), TIP = 1 - 0.5 * LEAST ** 2;
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const times = (a, factor) => [a[0] * factor, a[1] * factor, a[2] * factor];
const plus = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const unit = a => times(a, 1 / Math.sqrt(dot(a, a) + 1e-12));
const inside = (axes, vector) => { const along = unit(vector); return axes.map(axis => dot(axis, along)); };
const between = (a, b) => Math.atan2(Math.hypot(...cross(a, b)), dot(a, b));
const turnAbout = (axis, a, b) => Math.atan2(dot(axis, cross(a, b)), dot(a, b) - dot(axis, a) * dot(axis, b));

function frame(up, right) {
  const y = unit(up), x = unit(cross(y, right));
  return [x, y, cross(x, y)];
}

function frameAcross(right, up) {
  const z = unit(right), x = unit(cross(up, z));
  return [x, cross(z, x), z];
}

function sagittal(forwards, along, told = true) {
  return told && forwards ** 2 + along ** 2 > LEAST ** 2 ? Math.atan2(forwards, along) : NaN;
}

/** Vector turned by the smallest rotation that takes one unit vector to another (Rodrigues). */
function swung(begin, end, vector) {
  const across = cross(begin, end), cosine = dot(begin, end);
  const along = times(across, dot(across, vector) / (1 + cosine + 1e-9));
  return plus(plus(times(vector, cosine), cross(across, vector)), along);
}

/** Angles by name, in degrees, of one pose whose joints are given by a function of their name; y is up. */
function anglesOf(joint, rests) {
  const acrossHips = minus(joint("right_hip"), joint("left_hip"));
  const acrossShoulders = minus(joint("right_shoulder"), joint("left_shoulder"));
  const up = minus(joint("thorax"), joint("pelvis"));
  const pelvis = frameAcross(acrossHips, up), trunk = frame(up, acrossShoulders), level = frame([0, 1, 0], acrossHips);
  const hips = unit(acrossHips), faces = Math.hypot(hips[0], hips[2]) > LEAST, found = {};
  found.pelvis_heading = faces ? Math.atan2(level[0][0], level[0][2]) : NaN;
  found.pelvis_obliquity = Math.asin(-hips[1]);
  let [forwards, upwards, right] = inside(level, up);
  found.trunk_flexion = sagittal(forwards, upwards, faces);
  found.trunk_bending = faces ? Math.asin(right) : NaN;
  found.trunk_rotation = turnAbout(trunk[1], acrossHips, acrossShoulders);
  [forwards, upwards, right] = inside(trunk, minus(joint("head_top"), joint("thorax")));
  found.neck_flexion = sagittal(forwards, upwards);
  found.neck_bending = Math.asin(right);
  for (const [number, side] of ["right", "left"].entries()) {
    const inwards = side === "right" ? 1 : -1;
    const [hip, knee, ankle, shoulder, elbow, wrist] = ["hip", "knee", "ankle", "shoulder", "elbow", "wrist"]
      .map(name => joint(`${side}_${name}`));
    [forwards, upwards, right] = inside(pelvis, minus(knee, hip));
    let flexion = between(minus(knee, hip), minus(ankle, knee));
    found[`${side}_hip_flexion`] = sagittal(forwards, -upwards);
    found[`${side}_hip_adduction`] = Math.asin(-inwards * right);
    const thigh = unit(minus(hip, knee));
    const bent = Math.sin(flexion) > LEAST && Math.abs(right) < TIP;
    found[`${side}_hip_rotation`] =
      bent ? inwards * turnAbout(thigh, cross(thigh, pelvis[2]), minus(knee, ankle)) : NaN;
    found[`${side}_knee_flexion`] = flexion;
    [forwards, upwards] = inside(level, minus(knee, ankle));
    found[`${side}_ankle_dorsiflexion`] = sagittal(forwards, upwards, faces && rests[number]);
    [forwards, upwards, right] = inside(trunk, minus(elbow, shoulder));
    flexion = between(minus(elbow, shoulder), minus(wrist, elbow));
    found[`${side}_shoulder_flexion`] = sagittal(forwards, -upwards);
    found[`${side}_shoulder_abduction`] = Math.asin(inwards * right);
    found[`${side}_shoulder_elevation`] = between(minus(elbow, shoulder), times(up, -1));
    const raised = forwards ** 2 + right ** 2 > LEAST ** 2;
    found[`${side}_shoulder_plane`] = raised ? Math.atan2(forwards, inwards * right) : NaN;
    const arm = unit(minus(elbow, shoulder)), hanging = times(trunk[1], -1);
    const turned = turnAbout(times(arm, -1), swung(hanging, arm, trunk[0]), minus(wrist, elbow));
    found[`${side}_shoulder_rotation`] = Math.sin(flexion) > LEAST && -upwards > -TIP ? inwards * turned : NaN;
    found[`${side}_elbow_flexion`] = flexion;
  }
  return found;
}

/** Angles [rows * names.length] in degrees of a person with joints [rows * 51]; NaN where joints do not tell. */
export function anglesAlong(person, jointNames, angleNames) {
  const values = new Float64Array(person.length * angleNames.length).fill(NaN);
  const at = Object.fromEntries(jointNames.map((name, index) => [name, 3 * index]));
  for (let row = 0; row < person.length; row++) {
    const begin = row * JOINTS * 3;
    const joint = name => {
      const place = begin + at[name];
      return [person.joints[place], person.joints[place + 1], person.joints[place + 2]];
    };
    const rests = [0, 1].map(side => !person.contacts || person.contacts[2 * row + side] >= 0.5);
    const found = anglesOf(joint, rests);
    angleNames.forEach((name, index) => { values[row * angleNames.length + index] = found[name] * 180 / Math.PI; });
  }
  return values;
}
