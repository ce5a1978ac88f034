// The data of the page, and what is chosen to be seen of it.
import { unpacked } from "./columns.js";

export const JOINTS = 17;

/** Everything of the page's data as arrays. */
export async function readModel(json) {
  const frames = {
    index: await unpacked(json.frames.index),
    time: await unpacked(json.frames.time_s),
    shot: await unpacked(json.frames.shot),
    matrices: await unpacked(json.frames.world_from_camera),
  };
  frames.count = frames.index.length;
  const people = [];
  for (const own of json.people) {
    const joints = await unpacked(own.joints);
    const person = {
      id: own.id, name: String(own.id), colour: own.colour, first: own.first, length: own.joints.rows, second: false,
      joints, raw: await unpacked(own.raw, joints),
      sigma: await unpacked(own.sigma), imputed: await unpacked(own.imputed),
      keypoints: await unpacked(own.keypoints), confidence: await unpacked(own.confidence),
      boxes: await unpacked(own.boxes), contacts: await unpacked(own.contacts),
      angles: await unpacked(own.angles), anglesSd: await unpacked(own.angles_sd), speed: await unpacked(own.speed),
      visible: true,
    };
    person.gaps = gapsOf(person);
    people.push(person);
  }
  let video = null;
  if (json.video) {
    video = { ...json.video, index: await unpacked(json.video.frame_index), time: await unpacked(json.video.time_s) };
  }
  return { json, frames, people, video };
}

/** Row of a frame in a person's arrays, or -1 where the person is not seen. */
export function rowOf(person, frame) {
  const row = frame - person.first;
  return row >= 0 && row < person.length && Number.isFinite(person.joints[row * JOINTS * 3]) ? row : -1;
}

/** First and last frame of each gap between two sights. */
export function gapsOf(person) {
  const gaps = [];
  let begin = -1;
  for (let row = 0; row < person.length; row++) {
    const seen = Number.isFinite(person.joints[row * JOINTS * 3]);
    if (!seen && begin < 0) begin = row;
    if (seen && begin >= 0) { gaps.push([person.first + begin, person.first + row - 1]); begin = -1; }
  }
  return gaps;
}

/** What is seen, and who wants to know when it changes. */
export class View {
  constructor(values) { this.values = values; this.listeners = []; }
  get(name) { return this.values[name]; }
  set(changes) {
    const names = Object.keys(changes).filter(name => this.values[name] !== changes[name]);
    if (!names.length) return;
    Object.assign(this.values, changes);
    for (const listener of this.listeners) listener(new Set(names));
  }
  changed(listener) { this.listeners.push(listener); }
}

/** Seconds as a clock shows them, with hundredths. */
export function clock(seconds) {
  const hundredths = Math.max(0, Math.round(seconds * 100)), minutes = Math.floor(hundredths / 6000);
  return `${minutes}:${String(Math.floor(hundredths / 100) % 60).padStart(2, "0")}.${String(hundredths % 100).padStart(2, "0")}`;
}

export const css = colour => `rgb(${colour.join(",")})`;

/** A person's colour for lines on the page: darker where the page is light, for contrast. */
export function lineColour(person) {
  const light = document.documentElement.dataset.theme === "light";
  return css(light ? person.colour.map(value => Math.round(0.66 * value)) : person.colour);
}

/** A new element with attributes, properties that are functions as listeners, and children; text is only ever text. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export const byId = name => document.getElementById(name);
