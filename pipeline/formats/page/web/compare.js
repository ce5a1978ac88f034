// A second result over the first: .npz and .json of zedo-video, or markers in a .trc file.
import { anglesAlong } from "./angles.js";
import { JOINTS, gapsOf, rowOf } from "./model.js";
import { readNpz } from "./npz.js";

const WANTED = ["track_id", "time_s", "frame_index", "joints_m", "sigma_m", "imputed", "contacts", "world_frame_index",
  "world_from_camera", "metadata"];
/** Names that joints have in .trc files, without sides, in small letters and without spaces, "_" and ".". */
const ALIASES = {
  pelvis: ["pelvis", "hip", "hips", "midhip", "chip", "hipcenter", "sacrum"],
  spine: ["spine", "spine1", "torso", "abdomen"],
  thorax: ["thorax", "neck", "chest", "cshoulder", "spine3", "upperneck"],
  nose: ["nose"], head_top: ["headtop", "head", "topofhead", "vertex"],
  hip: ["hip", "hjc", "upleg", "hipjoint", "hipcenter"], knee: ["knee", "kjc", "leg", "kneejoint"],
  ankle: ["ankle", "ajc", "foot", "anklejoint"], shoulder: ["shoulder", "sjc", "arm", "shoulderjoint"],
  elbow: ["elbow", "ejc", "forearm", "elbowjoint"], wrist: ["wrist", "wjc", "hand", "wristjoint"],
};

/** People of a dropped file, on the frames of the page; raises an Error whose text says what is wrong. */
export async function readSecond(file, model) {
  const kind = /\.([a-z0-9]+)$/i.exec(file.name)?.[1].toLowerCase();
  if (!["npz", "json", "trc"].includes(kind)) {
    throw new Error("drop a result of zedo-video (.npz or .json) or markers (.trc); videos can be dropped, too");
  }
  if (file.size > 1 << 30) throw new Error("it is larger than 1 GB, too large for a page");
  let found;
  if (kind === "npz") found = ofArrays(await readNpz(await file.arrayBuffer(), WANTED), model);
  else if (kind === "json") found = ofRows(JSON.parse(await file.text()), model);
  else found = ofMarkers(await file.text(), model);
  if (!found.length) throw new Error("there is nobody in it");
  return { name: file.name, kind, sources: found };
}

/** A source: {id, time [T], joints [T * 51] in upright axes, sigma, imputed, contacts}. */
function ofArrays(arrays, model) {
  const missing = WANTED.slice(0, 4).filter(name => !arrays[name]);
  if (missing.length) throw new Error(`it is no result of zedo-video: it has no ${missing.join(", ")}`);
  const rows = arrays.track_id.values.length;
  if (arrays.joints_m.values.length !== rows * JOINTS * 3) throw new Error("its joints are not the 17 of zedo-video");
  const table = { ids: arrays.track_id.values };
  for (const [own, name] of [["time", "time_s"], ["frame", "frame_index"], ["joints", "joints_m"], ["sigma", "sigma_m"],
    ["imputed", "imputed"], ["contacts", "contacts"]]) table[own] = arrays[name]?.values ?? null;
  const index = arrays.world_frame_index?.values, matrices = arrays.world_from_camera?.values;
  return split(table, worldOf(index, matrices, 16), model);
}

function ofRows(json, model) {
  if (!Array.isArray(json?.rows) || !Array.isArray(json.joint_names)) throw new Error("it is no result of zedo-video");
  const flat = name => Float64Array.from(json.rows.flatMap(row => [row[name]].flat(2)), value => value ?? NaN);
  const table = {
    ids: flat("track_id"), time: flat("time_s"), frame: flat("frame_index"), joints: flat("joints_m"),
    sigma: flat("sigma_m"), imputed: flat("imputed"), contacts: flat("contacts"),
  };
  if (table.joints.length !== table.ids.length * JOINTS * 3) throw new Error("its joints are not the 17 of zedo-video");
  const matrices = Float64Array.from((json.world_from_camera ?? []).flat(2), value => value ?? NaN);
  return split(table, worldOf(json.world_frame_index ?? [], matrices, 16), model);
}

/** Frame number -> matrix of 12 numbers, or null where the result knows no world. */
function worldOf(index, matrices, width) {
  const at = new Map(Array.from(index ?? [], (frame, row) => [frame, row * width]));
  return frame => {
    const begin = at.get(frame);
    return begin === undefined || !Number.isFinite(matrices[begin]) ? null : matrices.subarray(begin, begin + 12);
  };
}

/** Rows parted by person, in the world of the file; where it has none, by the camera of the page. */
function split(table, world, model) {
  const own = new Map(Array.from(model.frames.index, (frame, at) => [frame, 12 * at]));
  const people = new Map();
  for (let row = 0; row < table.ids.length; row++) {
    const id = table.ids[row];
    if (!people.has(id)) people.set(id, []);
    people.get(id).push(row);
  }
  return Array.from(people, ([id, rows]) => {
    const pick = (values, width) => values && Float64Array.from({ length: rows.length * width },
      (_, i) => values[rows[Math.floor(i / width)] * width + i % width]);
    const joints = pick(table.joints, JOINTS * 3);
    rows.forEach((row, at) => {
      const frame = table.frame[row], place = own.get(frame);
      const matrix = world(frame) ?? (place === undefined ? null : model.frames.matrices.subarray(place, place + 12));
      for (let joint = 0; joint < JOINTS; joint++) {
        const begin = (at * JOINTS + joint) * 3, [x, y, z] = joints.subarray(begin, begin + 3);
        for (let axis = 0; axis < 3; axis++) {
          joints[begin + axis] = matrix === null ? NaN
            : matrix[4 * axis] * x + matrix[4 * axis + 1] * y + matrix[4 * axis + 2] * z + matrix[4 * axis + 3];
        }
      }
    });
    return {
      id, time: pick(table.time, 1), joints, sigma: pick(table.sigma, JOINTS), imputed: pick(table.imputed, JOINTS),
      contacts: pick(table.contacts, 2),
    };
  });
}

/** Markers whose names are those of joints; the others are left out. */
function ofMarkers(text, model) {
  const lines = text.split(/\r?\n/).map(line => line.split("\t"));
  const keys = lines[1] ?? [], facts = lines[2] ?? [], header = lines[3] ?? [];
  if (!/^PathFileType/.test(lines[0]?.[0] ?? "") || !/^Frame#?$/i.test(header[0]?.trim() ?? "")) {
    throw new Error("it is no .trc file");
  }
  const unit = facts[keys.findIndex(key => key.trim() === "Units")]?.trim().toLowerCase() === "mm" ? 0.001 : 1;
  const columns = model.json.joint_names.map(name => header.findIndex((text, at) => at > 1 && text.trim() && means(text, name)));
  if (columns.filter(at => at > 0).length < 3) throw new Error("fewer than three of its markers are called as joints are");
  const rows = lines.slice(5).filter(line => line.length > 4 && line[1].trim() !== "" && Number.isFinite(Number(line[1])));
  const joints = new Float64Array(rows.length * JOINTS * 3).fill(NaN);
  rows.forEach((line, row) => columns.forEach((at, joint) => {
    if (at < 0) return;
    for (let axis = 0; axis < 3; axis++) {
      const cell = (line[at + axis] ?? "").trim();
      joints[(row * JOINTS + joint) * 3 + axis] = cell === "" ? NaN : unit * Number(cell);
    }
  }));
  const hips = ["pelvis", "right_hip", "left_hip"].map(name => model.json.joint_names.indexOf(name));
  for (let row = 0; row < rows.length; row++) {
    const [pelvis, right, left] = hips.map(joint => (row * JOINTS + joint) * 3);
    for (let axis = 0; axis < 3 && columns[hips[0]] < 0; axis++) {
      joints[pelvis + axis] = (joints[right + axis] + joints[left + axis]) / 2;
    }
  }
  const time = Float64Array.from(rows, line => Number(line[1]));
  return [{ id: 1, time, joints, sigma: null, imputed: null, contacts: null }];
}

function means(marker, joint) {
  const plain = marker.toLowerCase().replace(/[\s_.:-]/g, ""), side = /^(left|right)_/.exec(joint)?.[1];
  if (!side) return ALIASES[joint].includes(plain);
  const body = ALIASES[joint.slice(side.length + 1)];
  return body.some(name => [side + name, name + side, side[0] + name, name + side[0]].includes(plain));
}

/** People of a source on the frames of the page, beside those of the page, of whoever is shown, that they are: {people, pairs}. */
export function placed(second, model, shift, angleNames) {
  const people = second.sources.map(source => onFrames(source, model, shift)), pairs = [], near = [];
  for (const first of model.people) {
    if (!first.visible) continue;
    for (const other of people) near.push([apart(first, other, second.kind === "trc"), first, other]);
  }
  // The nearest belong together.
  for (const [far, first, other] of near.sort((a, b) => a[0] - b[0])) {
    if (far < Infinity && !pairs.some(pair => pair[0] === first || pair[1] === other)) pairs.push([first, other]);
  }
  pairs.sort((a, b) => a[0].id - b[0].id);
  for (const person of people) {
    person.gaps = gapsOf(person);
    person.angles = anglesAlong(person, model.json.joint_names, angleNames);
  }
  return { people, pairs };
}

function onFrames(source, model, shift) {
  const { count, time } = model.frames, joints = new Float64Array(count * JOINTS * 3).fill(NaN);
  const sigma = source.sigma && new Float64Array(count * JOINTS).fill(NaN);
  const imputed = new Float64Array(count * JOINTS), contacts = source.contacts && new Float64Array(count * 2);
  const reach = count > 1 ? 0.6 * (time[count - 1] - time[0]) / (count - 1) : 0.02;
  for (let frame = 0, row = 0; frame < count; frame++) {
    const wanted = time[frame] - shift;
    while (row + 1 < source.time.length && Math.abs(source.time[row + 1] - wanted) <= Math.abs(source.time[row] - wanted)) row++;
    if (!(Math.abs(source.time[row] - wanted) <= reach)) continue;
    joints.set(source.joints.subarray(row * JOINTS * 3, (row + 1) * JOINTS * 3), frame * JOINTS * 3);
    sigma?.set(source.sigma.subarray(row * JOINTS, (row + 1) * JOINTS), frame * JOINTS);
    if (source.imputed) imputed.set(source.imputed.subarray(row * JOINTS, (row + 1) * JOINTS), frame * JOINTS);
    contacts?.set(source.contacts.subarray(row * 2, row * 2 + 2), frame * 2);
  }
  return {
    id: source.id, name: `${source.id} of the other`, first: 0, length: count, second: true, visible: true,
    original: joints, joints: joints.slice(), raw: null, sigma, imputed, contacts, speed: null, anglesSd: null,
  };
}

/** Mean distance of pelvises in metres; of markers, which stand anywhere, only for how long both are seen. */
function apart(first, other, anywhere) {
  let sum = 0, count = 0;
  for (let frame = first.first; frame < first.first + first.length; frame++) {
    const row = rowOf(first, frame), second = rowOf(other, frame);
    if (row < 0 || second < 0) continue;
    const [a, b] = [row * JOINTS * 3, second * JOINTS * 3];
    sum += Math.hypot(first.joints[a] - other.joints[b], first.joints[a + 1] - other.joints[b + 1], first.joints[a + 2] - other.joints[b + 2]);
    count++;
  }
  return count ? (anywhere ? -count : sum / count) : Infinity;
}

/** Moves the second person of a pair: "as is", "pelvis" (in every frame), or "once" (turned about the vertical). */
export function align(first, second, how) {
  second.joints.set(second.original);
  if (how === "pelvis") {
    for (let frame = 0; frame < second.length; frame++) {
      const row = rowOf(first, frame), begin = frame * JOINTS * 3;
      if (row < 0) continue;
      const step = [0, 1, 2].map(axis => first.joints[row * JOINTS * 3 + axis] - second.original[begin + axis]);
      for (let i = 0; i < JOINTS * 3; i++) second.joints[begin + i] += step[i % 3];
    }
  } else if (how === "once") moveOnce(first, second);
  first.difference = differenceOf(first, second);
}

/** The turn about the vertical and the shift that bring all joints of all frames nearest (least squares). */
function moveOnce(first, second) {
  const sums = new Float64Array(6), pairs = [];
  for (let frame = first.first; frame < first.first + first.length; frame++) {
    const row = rowOf(first, frame);
    if (row < 0) continue;
    for (let joint = 0; joint < JOINTS; joint++) {
      const a = (row * JOINTS + joint) * 3, b = (frame * JOINTS + joint) * 3;
      if (!Number.isFinite(first.joints[a]) || !Number.isFinite(second.original[b])) continue;
      pairs.push([a, b]);
      for (let axis = 0; axis < 3; axis++) { sums[axis] += first.joints[a + axis]; sums[3 + axis] += second.original[b + axis]; }
    }
  }
  if (!pairs.length) return;
  const middle = sums.map(sum => sum / pairs.length);
  let along = 0, across = 0;
  for (const [a, b] of pairs) {
    const [x, z] = [second.original[b] - middle[3], second.original[b + 2] - middle[5]];
    const [u, w] = [first.joints[a] - middle[0], first.joints[a + 2] - middle[2]];
    along += x * u + z * w;
    across += z * u - x * w;
  }
  const angle = Math.atan2(across, along), cosine = Math.cos(angle), sine = Math.sin(angle);
  for (let i = 0; i < second.joints.length; i += 3) {
    const [x, z] = [second.original[i] - middle[3], second.original[i + 2] - middle[5]];
    second.joints[i] = middle[0] + cosine * x + sine * z;
    second.joints[i + 1] = second.original[i + 1] - middle[4] + middle[1];
    second.joints[i + 2] = middle[2] - sine * x + cosine * z;
  }
}

/** Mean distance of the joints in mm for each row of the first person. */
function differenceOf(first, second) {
  const values = new Float64Array(first.length).fill(NaN);
  for (let row = 0; row < first.length; row++) {
    let sum = 0, count = 0;
    for (let joint = 0; joint < JOINTS; joint++) {
      const a = (row * JOINTS + joint) * 3, b = ((first.first + row) * JOINTS + joint) * 3;
      const far = Math.hypot(first.joints[a] - second.joints[b], first.joints[a + 1] - second.joints[b + 1], first.joints[a + 2] - second.joints[b + 2]);
      if (Number.isFinite(far)) { sum += far; count++; }
    }
    if (count) values[row] = 1000 * sum / count;
  }
  return values;
}
