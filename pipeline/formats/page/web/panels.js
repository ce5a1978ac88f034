// What stands beside the pictures: the people, how the result was made, and what a second result differs by.
import { clock, element, rowOf } from "./model.js";

/** The list of people, each with a switch; changed() is called when one is switched. */
export function listPeople(place, model, changed, frame) {
  const rows = model.people.map((person, index) => {
    const box = element("input", { type: "checkbox", change: () => { person.visible = box.checked; changed(); } });
    box.checked = person.visible;
    const swatch = element("span", { class: "swatch", "data-person": index });
    const key = index < 9 ? element("kbd", {}, String(index + 1)) : "";
    const label = element("label", {}, box, swatch, ` person ${person.id} `, key);
    return { person, box, label, state: element("span", { class: "note" }) };
  });
  place.replaceChildren(...rows.map(row => element("li", {}, row.label, row.state)));
  if (!rows.length) place.append(element("li", {}, "Nobody was found in this video."));
  const show = at => {
    for (const { person, box, state } of rows) {
      box.checked = person.visible;
      const text = rowOf(person, at) >= 0 ? sightOf(person, model) : `out of sight now · ${sightOf(person, model)}`;
      if (state.textContent !== text) state.textContent = text;
    }
  };
  show(frame);
  return show;
}

function sightOf(person, model) {
  const { time } = model.frames, from = clock(time[person.first]), to = clock(time[person.first + person.length - 1]);
  const gaps = person.gaps.length;
  return `${from} to ${to}${gaps ? `, ${gaps} ${gaps === 1 ? "gap" : "gaps"}` : ""}`;
}

/** Who made this: everything that the result says of itself, and warnings first. */
export function tellOrigin(place, model) {
  const { record, axes } = model.json, warnings = warningsOf(model);
  const facts = [
    ["prior", named(record.prior)], ["detector", named(record.detector)],
    ["camera", record.camera && `${record.camera.source}; field of view ${record.camera.fov_deg}°`],
    ["axes", axes], ["preset", record.preset], ["seed", record.seed],
    ["video", record.video && `${record.video.file}, ${record.video.width} x ${record.video.height}, ${Number(record.video.fps).toFixed(2)} frames a second`],
    ["version", record.versions?.["zedo-video"]],
  ].filter(([, value]) => value !== undefined && value !== null && value !== "");
  (record.shots ?? []).forEach((shot, index) => facts.push([`shot ${index + 1}`,
    `camera: ${shot.camera_motion}; up from: ${shot.up}; floor from: ${shot.floor}${shot.note ? `; ${shot.note}` : ""}`]));
  const list = element("dl", {}, ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, String(value))]));
  const whole = element("pre", { tabindex: "0" }, JSON.stringify(record, null, 1));
  place.replaceChildren(
    ...(warnings.length ? [element("h3", {}, "Warnings"), element("ul", { class: "warnings" }, ...warnings.map(text => element("li", {}, text)))] : []),
    list, element("details", {}, element("summary", {}, "all settings and versions"), whole));
  return warnings.length;
}

export function warningsOf(model) {
  const { record } = model.json, told = Array.isArray(record.warnings) ? record.warnings.map(String) : [];
  const notes = (record.shots ?? []).map(shot => shot.note).filter(Boolean);
  return [...told, ...notes.filter(note => !told.includes(note))];
}

function named(thing) {
  if (!thing || typeof thing !== "object") return thing;
  const hash = thing.sha256 ?? Object.values(thing.files ?? {})[0];
  return `${thing.name ?? "unknown"}${typeof hash === "string" ? ` (SHA-256 ${hash.slice(0, 12)}…)` : ""}`;
}

/** Of each pair of people: mean distance now and over all, and of each plotted angle. */
export function tellDifference(place, pairs, frame, plotted) {
  const rows = [];
  for (const [first, second] of pairs) {
    const row = rowOf(first, frame), own = first.difference ?? [];
    const known = Array.from(own).filter(Number.isFinite);
    rows.push([`person ${first.id}, joints`, millimetres(row < 0 ? NaN : own[row]), millimetres(mean(known))]);
    for (const quantity of plotted) {
      if (quantity.group !== "angles") continue;
      const [a, b] = [quantity.series(first).value, quantity.series(second).value];
      const apart = Array.from(a, (value, at) => turn(b[first.first + at] - value));
      rows.push([`person ${first.id}, ${quantity.label}`, degrees(apart[frame - first.first]), degrees(mean(apart.filter(Number.isFinite).map(Math.abs)))]);
    }
  }
  const head = element("tr", {}, ...["", "now", "mean of all"].map(text => element("th", { scope: "col" }, text)));
  const body = rows.map(([name, now, all]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, now), element("td", {}, all)));
  place.replaceChildren(element("thead", {}, head), element("tbody", {}, ...body));
}

const mean = values => values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : NaN;
const turn = value => value - 360 * Math.round(value / 360);
const millimetres = value => Number.isFinite(value) ? `${value.toFixed(0)} mm` : "–";
const degrees = value => Number.isFinite(value) ? `${value.toFixed(1)}°` : "–";
