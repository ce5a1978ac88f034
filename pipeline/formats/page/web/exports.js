// What is shown, as a picture and as a table.
import { rowOf } from "./model.js";

/** Saves bytes under a name. */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Name of a file beside that of the video. */
export const fileName = (title, frame, ending) =>
  `${title.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}._-]+/gu, "_").slice(0, 80) || "result"}${frame === null ? "" : `-${frame}`}.${ending}`;

/** Rows for each visible person and frame: the plotted quantities with their deviations. */
export function tableOf(model, people, quantities) {
  const columns = quantities.flatMap(quantity => {
    const unit = { "°": "deg", " m": "m", " m/s": "m_s", " mm": "mm" }[quantity.unit];
    return [`${quantity.key}_${unit}`, `${quantity.key}_sd_${unit}`];
  });
  const lines = [["person", "frame", "time_s", ...columns].join(",")];
  for (const person of people) {
    const series = quantities.map(quantity => [quantity, quantity.series(person)]);
    for (let row = 0; row < person.length; row++) {
      const frame = person.first + row, cell = (quantity, value) => Number.isFinite(value) ? value.toFixed(quantity.decimals) : "";
      const cells = series.flatMap(([quantity, { value, sd }]) => [cell(quantity, value?.[row]), cell(quantity, sd?.[row])]);
      if (person.second && rowOf(person, frame) < 0) continue;
      lines.push([person.second ? `${person.id} (second)` : person.id, model.frames.index[frame], model.frames.time[frame].toFixed(4), ...cells].join(","));
    }
  }
  return lines.join("\n") + "\n";
}

/** Video with overlay, scene and plots as they are seen, one below the other; video is null if it cannot be read. */
export function pictureOf({ title, video, overlay, scene, plots, style }) {
  const ratio = 2, gap = 16 * ratio, parts = [];
  const height = 420 * ratio, colour = name => style.getPropertyValue(name);
  const widthOf = canvas => Math.round(height * canvas.width / canvas.height);
  let x = gap;
  if (overlay?.width) { parts.push([[video, overlay], x, widthOf(overlay)]); x += widthOf(overlay) + gap; }
  if (scene) { parts.push([[scene], x, widthOf(scene)]); x += widthOf(scene) + gap; }
  const width = Math.max(x, 900 * ratio), top = 44 * ratio;
  const heights = plots.map(plot => Math.round((width - 2 * gap) * plot.canvas.height / plot.canvas.width) + 26 * ratio);
  const whole = document.createElement("canvas");
  whole.width = width;
  whole.height = top + height + gap + heights.reduce((sum, value) => sum + value, 0);
  const context = whole.getContext("2d");
  context.fillStyle = colour("--page");
  context.fillRect(0, 0, whole.width, whole.height);
  context.fillStyle = colour("--ink");
  context.font = `600 ${15 * ratio}px system-ui, sans-serif`;
  context.fillText(title, gap, 28 * ratio);
  for (const [layers, left, wide] of parts) {
    for (const layer of layers) if (layer) context.drawImage(layer, left, top, wide, height);
  }
  let y = top + height + gap;
  plots.forEach((plot, index) => {
    context.font = `${13 * ratio}px system-ui, sans-serif`;
    context.fillText(plot.title, gap, y + 14 * ratio);
    context.drawImage(plot.canvas, gap, y + 22 * ratio, width - 2 * gap, heights[index] - 26 * ratio);
    y += heights[index];
  });
  return whole;
}
