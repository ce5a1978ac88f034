// People drawn over the video, as visualize/overlay.py draws them.
import { JOINTS, css, rowOf } from "./model.js";

const CONFIDENT = 0.3, RIM = "rgba(14,17,24,.85)";

/** Clears a canvas over the video and draws everybody of a frame. */
export function drawOverlay(context, model, frame, scale) {
  const { json } = model;
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  for (const person of model.people) {
    const row = rowOf(person, frame);
    if (row < 0 || !person.visible) continue;
    drawPerson(context, json, person, row, scale);
  }
}

function drawPerson(context, json, person, row, scale) {
  const width = Math.max(1.5, Math.min(context.canvas.width, context.canvas.height) / 260);
  const points = [], firm = [];
  for (let joint = 0; joint < JOINTS; joint++) {
    const at = row * JOINTS + joint, imputed = person.imputed[at] > 0, sure = person.confidence[at];
    const point = [person.keypoints[2 * at] * scale, person.keypoints[2 * at + 1] * scale];
    const shown = Number.isFinite(point[0]) && (imputed || sure >= CONFIDENT / 2);
    points.push(shown ? point : null);
    firm.push(shown && !imputed && sure >= CONFIDENT);
  }
  const box = Array.from(person.boxes.subarray(4 * row, 4 * row + 4), value => value * scale);
  if (box.every(Number.isFinite)) {
    context.lineWidth = width * 0.7;
    context.strokeStyle = css(person.colour);
    context.strokeRect(box[0], box[1], box[2] - box[0], box[3] - box[1]);
  }
  context.lineCap = "round";
  const bones = json.bones.map(([a, b], bone) => ({ a, b, side: json.bone_sides[bone] })).filter(({ a, b }) => points[a] && points[b]);
  const stroke = ({ a, b }, colour, thick, dash) => {
    context.setLineDash(dash);
    context.lineWidth = thick;
    context.strokeStyle = colour;
    context.beginPath();
    context.moveTo(...points[a]);
    context.lineTo(...points[b]);
    context.stroke();
  };
  const solid = ({ a, b }) => firm[a] && firm[b];
  for (const bone of bones) if (solid(bone)) stroke(bone, RIM, 1.3 * width + 2, []);
  for (const bone of bones) {
    stroke(bone, css(json.side_colours[bone.side]), solid(bone) ? 1.3 * width : 0.8 * width, solid(bone) ? [] : [2.5 * width, 2.5 * width]);
  }
  context.setLineDash([]);
  points.forEach((point, joint) => {
    if (!point) return;
    context.beginPath();
    context.arc(...point, 1.5 * width, 0, 2 * Math.PI);
    const colour = css(json.side_colours[json.sides[joint]]);
    if (firm[joint]) {
      context.fillStyle = colour;
      context.fill();
      context.lineWidth = 0.6 * width;
      context.strokeStyle = RIM;
    } else {
      // Hollow: the picture did not show it.
      context.lineWidth = 0.7 * width;
      context.strokeStyle = colour;
    }
    context.stroke();
  });
  if (box.every(Number.isFinite)) drawChip(context, person, box, width);
}

function drawChip(context, person, box, width) {
  const size = Math.max(12, 6 * width);
  context.font = `600 ${size}px system-ui, sans-serif`;
  const length = context.measureText(person.name).width + size * 0.8;
  const top = Math.max(0, box[1] - 1.4 * size);
  context.fillStyle = css(person.colour);
  context.fillRect(box[0], top, length, 1.35 * size);
  context.fillStyle = "#10141c";
  context.textBaseline = "middle";
  context.fillText(person.name, box[0] + size * 0.4, top + 0.72 * size);
}
