// Puts the page together: reads the data, wires controls, keys and dropped files, draws when something has changed.
import { bytesOf } from "./columns.js";
import { align, placed, readSecond } from "./compare.js";
import { download, fileName, pictureOf, tableOf } from "./exports.js";
import { View, byId, clock, lineColour, readModel } from "./model.js";
import { drawOverlay } from "./overlay.js";
import { listPeople, tellDifference, tellOrigin } from "./panels.js";
import { Player } from "./player.js";
import { Plot } from "./plots.js";
import { makeQuantities } from "./quantities.js";
import { Scene } from "./scene.js";
import { drawStrip } from "./timeline.js";

const SPEEDS = [0.1, 0.25, 0.5, 1, 2];
const PLOTTED = ["left_knee_flexion", "right_knee_flexion"];

function say(text, wrong = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("wrong", wrong);
}

/** Whether frames are left out because drawing takes too long. */
class Pace {
  begin() { this.since = performance.now(); this.drawn = 0; this.passed = 0; this.frame = null; }

  /** A frame was drawn while the film runs; true if most frames are missed although the screen could show them. */
  late(frame) {
    this.drawn += 1;
    this.passed += this.frame === null ? 0 : Math.abs(frame - this.frame);
    this.frame = frame;
    if (this.drawn < 12) return false;
    const late = this.passed > 1.4 * this.drawn && performance.now() - this.since > 40 * this.drawn;
    this.begin();
    return late;
  }
}

async function begin() {
  window.page = { drawn: 0, frame: 0, ready: false };
  const model = await readModel(JSON.parse(byId("data").textContent));
  byId("data").remove();
  const { json, frames, people } = model, video = byId("video"), quantities = makeQuantities(model);
  const view = new View({ raw: false, uncertainty: "none", contacts: true, camera: true, overlay: true,
    colours: people.length > 1 ? "person" : "side", theme: "auto" });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = () => view.get("theme") === "auto" ? (dark.matches ? "dark" : "light") : view.get("theme");
  let scene = null, waiting = false, second = null, plots = [], tainted = false;

  const pace = new Pace();
  const player = new Player(model, video, frame => { show(frame); }, () => {
    if (scene && !player.playing && scene.quality < 1) { scene.quality = 1; redraw(); }
    pace.begin();
    byId("play").textContent = player.playing ? "Pause" : "Play";
    byId("play").setAttribute("aria-pressed", player.playing);
  });
  const seek = frame => { player.pause(); player.seek(frame); };
  const visible = () => [...people, ...(second?.people ?? [])].filter(person => person.visible);

  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }

  /** A new frame: what is seen of it is drawn at once, in the same picture of the screen as the video's. */
  function show(frame) {
    const seconds = frames.time[frame] ?? 0, slider = byId("time");
    if (document.activeElement !== slider || player.playing || player.wanted === null) slider.value = frame;
    slider.setAttribute("aria-valuetext", `${clock(seconds)}, frame ${frames.index[frame] ?? 0}`);
    byId("clock").textContent = `${clock(seconds)} · frame ${frames.index[frame] ?? 0}`;
    if (scene && player.playing && pace.late(frame)) scene.quality = Math.max(0.45, 0.75 * scene.quality);
    draw();
  }

  function draw() {
    const frame = player.frame;
    fitOverlay();
    const context = byId("overlay").getContext("2d");
    if (view.get("overlay")) drawOverlay(context, model, frame, byId("overlay").width / json.image_size[0]);
    else context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    scene?.draw(frame, view.values, player.inVideo(frame) && !tainted);
    for (const plot of plots) plot.draw(theme());
    showPeople(frame);
    if (second?.pairs.length) tellDifference(byId("difference"), second.pairs, frame, plots.map(plot => plot.quantity));
    window.page.drawn += 1;
    window.page.frame = frame;
  }

  function fitOverlay() {
    const overlay = byId("overlay"), ratio = Math.min(2, devicePixelRatio || 1);
    const width = Math.round(overlay.clientWidth * ratio), height = Math.round(overlay.clientHeight * ratio);
    if (width && (overlay.width !== width || overlay.height !== height)) { overlay.width = width; overlay.height = height; }
  }

  function stale() {
    for (const plot of plots) plot.stale();
    drawStrip(byId("strip"), model);
    redraw();
  }

  /** Somebody was switched on or off: markers belong to whoever is shown. */
  function switched() {
    if (second?.source.kind === "trc") placeSecond(second.source);
    else stale();
  }

  function addPlot(key) {
    const plot = new Plot(model, quantities, key, { people: visible, frame: () => player.frame, seek,
      changed: redraw, remove: gone => { plots = plots.filter(one => one !== gone); gone.element.remove(); redraw(); } });
    plot.fillChoices(second !== null);
    plots.push(plot);
    byId("plots").append(plot.element);
    redraw();
    return plot;
  }

  // ---- pictures
  byId("title").textContent = json.title;
  byId("stage").style.setProperty("--shape", `${json.image_size[0]} / ${json.image_size[1]}`);
  byId("stage").style.setProperty("--ratio", json.image_size[0] / json.image_size[1]);
  try {
    scene = new Scene(byId("scene"), model, video, redraw);
  } catch (problem) {
    byId("noscene").hidden = false;
    byId("scene").hidden = true;
  }
  const setTheme = () => {
    document.documentElement.dataset.theme = theme();
    for (const swatch of byId("people").querySelectorAll(".swatch")) {
      swatch.style.background = lineColour(people[Number(swatch.dataset.person)]);
    }
    scene?.setTheme(theme());
    stale();
  };
  dark.addEventListener("change", setTheme);
  window.addEventListener("resize", stale);

  // ---- the video
  function noVideo(text) {
    player.dropVideo();
    byId("novideo").textContent = text;
    byId("novideo").hidden = false;
    redraw();
  }
  /** Seconds in the video of every frame of the page. */
  function startsOf(index, time) {
    const at = new Map(Array.from(index, (frame, row) => [frame, time[row]]));
    return Float64Array.from(frames.index, frame => at.get(frame) ?? NaN);
  }
  function play(source, starts, name, foreign) {
    tainted = foreign;
    byId("novideo").hidden = true;
    video.onloadeddata = () => { player.useVideo(starts); say(`${json.title} is ready`); };
    video.onerror = () => noVideo(foreign
      ? `Put ${name} beside this page, or choose it with “Open…”: it is not inside. The people can be seen without it.`
      : `This browser cannot play ${name}. The people can be seen without it.`);
    video.src = source;
  }
  const inside = byId("video-data").textContent;
  byId("video-data").remove();
  if (inside) {
    play(URL.createObjectURL(new Blob([bytesOf(inside)], { type: "video/mp4" })), startsOf(model.video.index, model.video.time), model.video.name, false);
  } else if (model.video) play(encodeURIComponent(model.video.name), frames.time, model.video.name, true);
  else noVideo("This page was made without the video. Choose it with “Open…”, or drop it here, to see it beside the people.");

  // ---- time
  const slider = byId("time");
  slider.max = Math.max(0, frames.count - 1);
  slider.addEventListener("input", () => seek(Number(slider.value)));
  byId("play").addEventListener("click", () => player.toggle());
  byId("back").addEventListener("click", () => player.step(-1));
  byId("forward").addEventListener("click", () => player.step(1));
  byId("loop").addEventListener("change", () => { player.loop = byId("loop").checked; });
  const setSpeed = speed => { player.setSpeed(speed); byId("speed").value = String(speed); };
  byId("speed").addEventListener("change", () => setSpeed(Number(byId("speed").value)));

  // ---- what is seen
  const showPeople = listPeople(byId("people"), model, switched, 0);
  const control = name => byId(name === "overlay" ? "overlayshown" : name);
  const wire = (name, read) => control(name).addEventListener("change", () => view.set({ [name]: read(control(name)) }));
  for (const name of ["contacts", "camera", "overlay"]) wire(name, box => box.checked);
  for (const name of ["uncertainty", "colours", "theme"]) wire(name, select => select.value);
  wire("raw", select => select.value === "raw");
  view.changed(names => {
    for (const name of names) {
      const own = control(name), value = view.get(name);
      if (own.type === "checkbox") own.checked = value;
      else own.value = name === "raw" ? (value ? "raw" : "smooth") : value;
    }
    if (names.has("theme")) setTheme();
    redraw();
  });
  byId("colours").value = view.get("colours");
  byId("fit").addEventListener("click", () => scene?.fit());
  byId("withcamera").addEventListener("click", () => scene?.fit(player.frame));
  byId("fromcamera").addEventListener("click", () => scene?.fromCamera(player.frame));
  byId("addplot").addEventListener("click", () => addPlot("speed").select.focus());

  // ---- how it was made
  const warnings = tellOrigin(byId("origin"), model);
  byId("warned").hidden = !warnings;
  byId("warned").textContent = warnings === 1 ? "1 warning" : `${warnings} warnings`;
  byId("warned").addEventListener("click", () => { byId("about").open = true; byId("about").scrollIntoView(); });

  // ---- files that are given
  const angleNames = json.angles.map(angle => angle.name);
  function placeSecond(source) {
    second?.people.forEach(quantities.forget);
    const shift = Number(byId("shift").value) || 0;
    second = { source, ...placed(source, model, shift, angleNames) };
    alignAll();
    scene?.setOthers(second.people);
  }
  function alignAll() {
    const how = byId("align").value;
    for (const person of people) person.difference = null;
    for (const [first, other] of second.pairs) align(first, other, how);
    [...people, ...second.people].forEach(quantities.forget);
    stale();
  }
  async function open(file) {
    try {
      if (file.type.startsWith("video/")) {
        const starts = model.video?.inside === false || !model.video ? frames.time : startsOf(model.video.index, frames.time);
        play(URL.createObjectURL(file), starts, file.name, false);
        return;
      }
      say(`reading ${file.name}`);
      const source = await readSecond(file, model);
      byId("align").value = source.kind === "trc" ? "once" : "none";
      placeSecond(source);
      byId("compare").hidden = false;
      byId("secondname").textContent = file.name;
      plots.forEach(plot => plot.fillChoices(true));
      const matched = second.pairs.length;
      say(matched ? `${file.name} lies over the result: the thin figures, the dashed lines`
        : `${file.name} was read, but nobody in it is seen at the times of this result; try the time shift`, !matched);
    } catch (problem) {
      say(`${file.name} cannot be used: ${problem.message}`, true);
    }
  }
  byId("file").addEventListener("change", () => { for (const file of byId("file").files) open(file); byId("file").value = ""; });
  byId("open").addEventListener("click", () => byId("file").click());
  byId("align").addEventListener("change", alignAll);
  byId("shift").addEventListener("change", () => placeSecond(second.source));
  byId("closesecond").addEventListener("click", () => {
    for (const person of people) { person.difference = null; quantities.forget(person); }
    second = null;
    scene?.setOthers([]);
    byId("compare").hidden = true;
    for (const plot of plots) { plot.fillChoices(false); if (plot.quantity.needsSecond) plot.choose("speed"); }
    stale();
  });
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, event => { event.preventDefault(); document.body.classList.add("dropping"); });
  }
  document.addEventListener("dragleave", event => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
  document.addEventListener("drop", event => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    for (const file of event.dataTransfer.files) open(file);
  });

  // ---- files to keep
  function picture() {
    draw();
    const usable = player.inVideo(player.frame) && !tainted;
    if (player.inVideo(player.frame) && tainted) say("the browser does not let pages copy a video that lies beside them; the picture is without it");
    return pictureOf({
      title: `${json.title} · ${byId("clock").textContent}`, video: usable ? video : null, overlay: byId("overlay"),
      scene: scene && byId("scene"), style: getComputedStyle(document.documentElement),
      plots: plots.map(plot => ({ canvas: plot.canvas, title: `${plot.quantity.label} (${plot.quantity.unit.trim()})` })),
    });
  }
  byId("png").addEventListener("click", () => picture().toBlob(blob => download(blob, fileName(json.title, frames.index[player.frame] ?? 0, "png"))));
  const table = () => tableOf(model, visible(), [...new Set(plots.map(plot => plot.quantity))]);
  byId("csv").addEventListener("click", () => download(new Blob([table()], { type: "text/csv" }), fileName(json.title, null, "csv")));

  // ---- keys
  const keys = {
    " ": () => player.toggle(), k: () => player.toggle(), ArrowLeft: () => player.step(-1), ArrowRight: () => player.step(1),
    Home: () => seek(0), End: () => seek(player.last),
    "<": () => setSpeed(SPEEDS[Math.max(0, SPEEDS.indexOf(player.speed) - 1)]),
    ">": () => setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, SPEEDS.indexOf(player.speed) + 1)]),
    r: () => view.set({ raw: !view.get("raw") }), v: () => view.set({ overlay: !view.get("overlay") }),
    u: () => view.set({ uncertainty: { none: "fade", fade: "ellipsoids", ellipsoids: "none" }[view.get("uncertainty")] }),
    c: () => scene?.fromCamera(player.frame), f: () => scene?.fit(), w: () => scene?.fit(player.frame), "?": () => { byId("help").open = true; byId("help").scrollIntoView(); },
  };
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.target, typing = at.matches?.("select, input:not([type=checkbox]):not([type=range]), pre");
    const presses = at.matches?.("button, summary, input[type=checkbox]") && (event.key === " " || event.key === "Enter");
    const slides = at === slider && !/^[a-z<>?1-9 ]$/.test(event.key);
    if (typing || presses || slides) return;
    const person = people[Number(event.key) - 1];
    if (/^[1-9]$/.test(event.key) && person) { person.visible = !person.visible; switched(); }
    else if (event.shiftKey && /^Arrow(Left|Right)$/.test(event.key)) player.step(event.key === "ArrowLeft" ? -10 : 10);
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  });

  Object.assign(window.page, { model, player, view, scene, plots: () => plots, second: () => second, open, picture, table });
  PLOTTED.forEach(addPlot);
  if (!people.length) say("Nobody was found in this video: there is nothing to turn or to plot.");
  else say(frames.count === 1 ? "one picture" : `${json.title} is ready`);
  setTheme();
  player.seek(0);
  window.page.ready = true;
}

begin().catch(problem => say(`This page cannot be shown: ${problem.message}. A newer browser may help (Chrome 88, Firefox 113, Safari 16.4).`, true));
