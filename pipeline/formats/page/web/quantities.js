// What can be plotted: angles, heights, speed, and how far two results are apart.
import { JOINTS } from "./model.js";

const words = name => name.replaceAll("_", " ");

/** Every quantity: key, label, group, unit, decimals, and series(person) -> {value, sd} along its rows. */
export function makeQuantities(model) {
  const { json, frames } = model, angles = json.angles, made = [];
  angles.forEach((angle, index) => made.push({
    key: angle.name, label: words(angle.name), note: angle.meaning, group: "angles", unit: "°", decimals: 1,
    series: person => ({
      value: column(person.angles, index, angles.length), sd: column(person.anglesSd, index, angles.length),
    }),
  }));
  json.joint_names.forEach((name, joint) => made.push({
    key: `height_${name}`, label: `height of ${words(name)}`, group: "heights", unit: " m", decimals: 3,
    note: "above the floor; the deviation is that of the joint against the pelvis",
    series: person => ({
      value: column(person.joints, 3 * joint + 1, 3 * JOINTS),
      sd: joint === 0 || !person.sigma ? null : heightSd(person, joint, frames, json.spread),
    }),
  }));
  made.push({
    key: "speed", label: "speed over the floor", group: "speed", unit: " m/s", decimals: 2,
    note: "of the pelvis, from 0.1 s before to 0.1 s after; no deviation is known",
    series: person => ({ value: person.speed, sd: null }),
  });
  made.push({
    key: "difference", label: "difference to the other result", group: "compare", unit: " mm", decimals: 0,
    note: "mean distance of the joints", needsSecond: true,
    series: person => ({ value: person.difference ?? new Float64Array(person.length).fill(NaN), sd: null }),
  });
  const caches = new Map();
  for (const quantity of made) {
    const compute = quantity.series;
    quantity.series = person => {
      const kept = caches.get(person) ?? caches.set(person, new Map()).get(person);
      if (!kept.has(quantity.key)) kept.set(quantity.key, compute(person));
      return kept.get(quantity.key);
    };
  }
  return { all: made, forget: person => caches.delete(person) };
}

function column(table, index, width) {
  if (!table) return null;
  const values = new Float64Array(table.length / width);
  for (let row = 0; row < values.length; row++) values[row] = table[row * width + index];
  return values;
}

/** Deviation of a joint's height: as docs/exports.md has it, larger along the ray of the camera than across it. */
function heightSd(person, joint, frames, spread) {
  const values = new Float64Array(person.length);
  for (let row = 0; row < person.length; row++) {
    const share = rayOf(person, row, frames)[1] ** 2;
    values[row] = person.sigma[row * JOINTS + joint] * Math.sqrt(spread.across ** 2 * (1 - share) + spread.along ** 2 * share);
  }
  return values;
}

/** Unit vector from the camera to a person's pelvis, in the world. */
export function rayOf(person, row, frames) {
  const at = 12 * Math.min(person.first + row, frames.count - 1), begin = row * JOINTS * 3;
  const ray = [0, 1, 2].map(axis => person.joints[begin + axis] - frames.matrices[at + 4 * axis + 3]);
  const length = Math.hypot(...ray) || 1;
  return ray.map(part => part / length);
}

/** Number as it is shown, with its deviation. */
export function shown(quantity, value, sd = NaN) {
  if (!Number.isFinite(value)) return "–";
  const text = value.toFixed(quantity.decimals);
  return Number.isFinite(sd) ? `${text} ± ${sd.toFixed(quantity.decimals)}${quantity.unit}` : text + quantity.unit;
}
