// The strip under the time slider: when who is seen, gaps, shots.
import { lineColour } from "./model.js";

const ROW = 7, MOST = 98;

/** Draws the strip; people are those that are listed, visible or not. */
export function drawStrip(canvas, model) {
  const { frames, people } = model, width = canvas.clientWidth, ratio = Math.min(2, devicePixelRatio || 1);
  const row = people.length ? Math.min(ROW, MOST / people.length) : 0, height = Math.max(4, row * people.length + 4);
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const style = getComputedStyle(document.documentElement);
  // The thumb of a slider keeps off its ends by half its width.
  const x = frame => 8 + (width - 16) * frame / Math.max(1, frames.count - 1);
  people.forEach((person, index) => {
    const y = 2 + index * row, thick = Math.max(1, row - 2);
    context.globalAlpha = person.visible ? 1 : 0.3;
    context.fillStyle = lineColour(person);
    context.fillRect(x(person.first), y, Math.max(1, x(person.first + person.length - 1) - x(person.first)), thick);
    for (const [first, last] of person.gaps) {
      const begin = x(Math.max(0, first - 0.5)), length = Math.max(1.5, x(last + 0.5) - begin);
      context.fillStyle = style.getPropertyValue("--panel");
      context.fillRect(begin, y, length, thick);
      context.strokeStyle = lineColour(person);
      context.lineWidth = 0.8;
      context.strokeRect(begin, y + 0.4, length, thick - 0.8);
    }
  });
  context.globalAlpha = 1;
  context.fillStyle = style.getPropertyValue("--ink");
  for (let frame = 1; frame < frames.count; frame++) {
    if (frames.shot[frame] !== frames.shot[frame - 1]) context.fillRect(x(frame - 0.5), 0, 1, height);
  }
}
