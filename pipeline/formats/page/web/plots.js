// Curves over time with their deviation as a band and the shown moment as a line. On a plain canvas: of a library such
// as uPlot only axes and paths would be used; keys, marks of gaps, the moment that the video shows and the table of
// extremes would have to be written around it, and cost more than the hundred lines that it saves.
import { clock, element, lineColour } from "./model.js";
import { shown } from "./quantities.js";

const LEFT = 46, RIGHT = 10, TOP = 8, BOTTOM = 20, HEIGHT = 150, MOST_ROWS = 6;

export class Plot {
  /** quantities: of makeQuantities; key: what is plotted; ask: {people(), frame(), seek(frame), changed(), remove(plot)}. */
  constructor(model, quantities, key, ask) {
    Object.assign(this, { model, quantities, ask });
    this.select = element("select", { "aria-label": "what is plotted", change: () => { this.choose(this.select.value); ask.changed(); } });
    this.fillChoices(false);
    const remove = element("button", { type: "button", class: "quiet", "aria-label": "remove this plot", title: "remove this plot", click: () => ask.remove(this) }, "×");
    this.note = element("p", { class: "note" });
    this.canvas = element("canvas", {
      role: "slider", tabindex: "0", class: "plot", keydown: event => this.key(event),
      pointerdown: event => { this.canvas.setPointerCapture(event.pointerId); this.point(event); },
      pointermove: event => { if (event.buttons) this.point(event); },
    });
    this.table = element("table", { class: "extremes" });
    this.element = element("section", { class: "plotbox" }, element("header", {}, this.select, remove), this.note, this.canvas, this.table);
    this.choose(key);
  }

  /** Who is plotted: of differences only those that differ from somebody. */
  people() { return this.ask.people().filter(person => !(person.second && this.quantity.needsSecond)); }

  fillChoices(second) {
    const groups = new Map();
    for (const quantity of this.quantities.all) {
      if (quantity.needsSecond && !second) continue;
      if (!groups.has(quantity.group)) groups.set(quantity.group, element("optgroup", { label: quantity.group }));
      groups.get(quantity.group).append(element("option", { value: quantity.key }, quantity.label));
    }
    this.select.replaceChildren(...groups.values());
    if (this.quantity) this.select.value = this.quantity.key;
  }

  choose(key) {
    this.quantity = this.quantities.all.find(quantity => quantity.key === key) ?? this.quantities.all[0];
    this.select.value = this.quantity.key;
    this.note.textContent = this.quantity.note;
    this.canvas.setAttribute("aria-label", `${this.quantity.label} over time; arrow keys move the shown moment`);
    this.background = null;
  }

  /** To be called when people or data have changed; draws nothing. */
  stale() { this.background = null; }

  draw(theme) {
    const width = this.canvas.clientWidth, ratio = Math.min(2, devicePixelRatio || 1);
    if (!width) return;
    if (!this.background || this.background.width !== Math.round(width * ratio) || this.theme !== theme) {
      this.theme = theme;
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(HEIGHT * ratio);
      this.background = element("canvas", { width: this.canvas.width, height: this.canvas.height });
      this.paint(this.background.getContext("2d"), width, ratio);
      this.fillTable();
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this.background, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.cursor(context);
    this.now();
  }

  paint(context, width, ratio) {
    context.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement), ink = style.getPropertyValue("--muted"), line = style.getPropertyValue("--line");
    const { time, count } = this.model.frames;
    const people = this.people(), begin = time[0] ?? 0, end = count > 1 ? time[count - 1] : begin + 1;
    let low = Infinity, high = -Infinity;
    const curves = people.map(person => ({ person, ...this.quantity.series(person) })).filter(curve => curve.value);
    for (const { value, sd } of curves) {
      value.forEach((number, row) => {
        if (!Number.isFinite(number)) return;
        const margin = sd && Number.isFinite(sd[row]) ? sd[row] : 0;
        low = Math.min(low, number - margin);
        high = Math.max(high, number + margin);
      });
    }
    if (low > high) { low = 0; high = 1; }
    if (high - low < 1e-6) { low -= 0.5; high += 0.5; }
    this.x = seconds => LEFT + (seconds - begin) / Math.max(1e-9, end - begin) * (width - LEFT - RIGHT);
    this.y = value => HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM);
    this.seconds = x => begin + (x - LEFT) / (width - LEFT - RIGHT) * (end - begin);
    context.font = "11px system-ui, sans-serif";
    context.lineWidth = 1;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const tick of ticks(low, high, 4)) {
      context.strokeStyle = line;
      stroke(context, [[LEFT, this.y(tick)], [width - RIGHT, this.y(tick)]]);
      context.fillStyle = ink;
      context.fillText(plain(tick), LEFT - 6, this.y(tick));
    }
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const tick of ticks(begin, end, Math.max(2, Math.floor(width / 110)))) {
      context.fillStyle = ink;
      context.fillText(`${plain(tick)} s`, Math.min(width - 14, this.x(tick)), HEIGHT - BOTTOM + 5);
    }
    for (const { person } of curves) this.gaps(context, person);
    for (const curve of curves) this.band(context, curve);
    for (const curve of curves) this.curve(context, curve);
  }

  /** Where somebody is out of sight between two sights. */
  gaps(context, person) {
    if (person.second) return;
    context.fillStyle = lineColour(person);
    context.globalAlpha = 0.14;
    for (const [first, last] of person.gaps) {
      const [from, to] = [this.x(this.model.frames.time[first]), this.x(this.model.frames.time[last])];
      context.fillRect(from, TOP, Math.max(1, to - from), HEIGHT - TOP - BOTTOM);
    }
    context.globalAlpha = 1;
  }

  band(context, { person, value, sd }) {
    if (!sd) return;
    context.fillStyle = lineColour(person);
    context.globalAlpha = 0.24;
    for (const [first, last] of runs(value)) {
      context.beginPath();
      for (let row = first; row <= last; row++) context.lineTo(this.place(person, row), this.y(value[row] + (sd[row] || 0)));
      for (let row = last; row >= first; row--) context.lineTo(this.place(person, row), this.y(value[row] - (sd[row] || 0)));
      context.fill();
    }
    context.globalAlpha = 1;
  }

  curve(context, { person, value }) {
    context.strokeStyle = person.second ? getComputedStyle(document.documentElement).getPropertyValue("--ink") : lineColour(person);
    context.lineWidth = person.second ? 1.2 : 1.8;
    context.setLineDash(person.second ? [5, 4] : []);
    context.lineJoin = "round";
    for (const [first, last] of runs(value)) {
      const points = [];
      for (let row = first; row <= last; row++) points.push([this.place(person, row), this.y(value[row])]);
      if (points.length === 1) points.push([points[0][0] + 1, points[0][1]]);
      stroke(context, points);
    }
    context.setLineDash([]);
  }

  place(person, row) { return this.x(this.model.frames.time[person.first + row]); }

  cursor(context) {
    const frame = this.ask.frame(), x = this.x(this.model.frames.time[frame] ?? 0);
    context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
    context.lineWidth = 1.5;
    stroke(context, [[x, TOP], [x, HEIGHT - BOTTOM]]);
    for (const person of this.people()) {
      const value = this.quantity.series(person).value?.[frame - person.first];
      if (!Number.isFinite(value)) continue;
      context.beginPath();
      context.arc(x, this.y(value), 4, 0, 2 * Math.PI);
      context.fillStyle = person.second ? getComputedStyle(document.documentElement).getPropertyValue("--ink") : lineColour(person);
      context.fill();
    }
  }

  /** Rows of now, least and most; the extremes are buttons that go there. */
  fillTable() {
    const people = this.people();
    this.cells = people.slice(0, MOST_ROWS).map(person => ({ person, cell: element("td") }));
    const rows = this.cells.map(({ person, cell }) => {
      const { value, sd } = this.quantity.series(person);
      const [least, most] = extremes(value);
      const jump = row => {
        if (row < 0) return "–";
        const frame = person.first + row;
        return element("button", { type: "button", class: "jump", click: () => this.ask.seek(frame) },
          `${shown(this.quantity, value[row], sd?.[row])} at ${clock(this.model.frames.time[frame])}`);
      };
      const swatch = element("span", { class: "swatch" });
      swatch.style.background = person.second ? "var(--ink)" : lineColour(person);
      return element("tr", {}, element("th", { scope: "row" }, swatch, ` ${person.name}`), cell,
        element("td", {}, jump(least)), element("td", {}, jump(most)));
    });
    const head = element("tr", {}, ...["person", "now", "least", "most"].map(text => element("th", { scope: "col" }, text)));
    this.table.replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
    if (people.length > MOST_ROWS) {
      this.table.append(element("caption", {}, `${people.length - MOST_ROWS} more are drawn; switch people off to see their numbers`));
    }
  }

  now() {
    const frame = this.ask.frame(), texts = [];
    for (const { person, cell } of this.cells ?? []) {
      const { value, sd } = this.quantity.series(person), row = frame - person.first;
      const text = shown(this.quantity, value?.[row] ?? NaN, sd?.[row]);
      if (cell.textContent !== text) cell.textContent = text;
      texts.push(`${person.name}: ${text}`);
    }
    this.canvas.setAttribute("aria-valuemin", 0);
    this.canvas.setAttribute("aria-valuemax", Math.max(0, this.model.frames.count - 1));
    this.canvas.setAttribute("aria-valuenow", frame);
    this.canvas.setAttribute("aria-valuetext", texts.slice(0, 3).join(", "));
  }

  point(event) {
    const x = event.clientX - this.canvas.getBoundingClientRect().left;
    this.ask.seek(nearest(this.model.frames.time, this.seconds(x)));
  }

  key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10 }[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.ask.seek(this.ask.frame() + by * (event.shiftKey ? 10 : 1));
  }
}

/** Index of the time that is nearest. */
export function nearest(times, seconds) {
  let low = 0, high = Math.max(0, times.length - 1);
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle] <= seconds) low = middle; else high = middle;
  }
  return Math.abs(times[low] - seconds) <= Math.abs(times[high] - seconds) ? low : high;
}

function stroke(context, points) {
  context.beginPath();
  points.forEach(point => context.lineTo(...point));
  context.stroke();
}

/** First and last row of everything that has numbers without a break. */
function runs(values) {
  const found = [];
  let begin = -1;
  for (let row = 0; row <= values.length; row++) {
    const there = row < values.length && Number.isFinite(values[row]);
    if (there && begin < 0) begin = row;
    if (!there && begin >= 0) { found.push([begin, row - 1]); begin = -1; }
  }
  return found;
}

function extremes(values) {
  let least = -1, most = -1;
  values?.forEach((value, row) => {
    if (!Number.isFinite(value)) return;
    if (least < 0 || value < values[least]) least = row;
    if (most < 0 || value > values[most]) most = row;
  });
  return [least, most];
}

/** Round numbers in a range. */
export function ticks(low, high, about) {
  const rough = (high - low) / about, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= rough), found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + 1e-9 * step; tick += step) found.push(tick);
  return found;
}

const plain = value => String(Number(value.toPrecision(6)));
