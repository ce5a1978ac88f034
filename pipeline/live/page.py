"""The page of a live session: one file without dependencies."""

from __future__ import annotations

__all__ = ["PAGE"]

#: It asks for the picture after the one it has drawn, again and again: it never falls behind, and finds a session that
#: was started again.
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>zedo-video live</title>
<link rel="icon" href="data:,">
<style>
:root { color-scheme: dark; }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; background: #0c0f16; color: #dee4ee; display: flex; flex-direction: column;
  font: 15px/1.4 system-ui, sans-serif; }
header { display: flex; gap: 1.6em; align-items: baseline; padding: .7em 1.2em; flex-wrap: wrap; }
h1 { font-size: 1em; margin: 0; font-weight: 600; }
dl { display: flex; gap: 1.4em; margin: 0; flex-wrap: wrap; }
dl div { display: flex; gap: .4em; } dt { color: #96a3bb; } dd { margin: 0; font-variant-numeric: tabular-nums; }
main { flex: 1; display: grid; place-items: center; padding: 0 1.2em; position: relative; min-height: 0; }
canvas { max-width: 100%; max-height: calc(100vh - 8em); border-radius: 10px; background: #161b26; }
#state { position: absolute; padding: .6em 1.1em; border-radius: 8px; background: #161b26ee; }
#state:empty { display: none; }
footer { display: flex; gap: .6em; padding: .9em 1.2em; flex-wrap: wrap; }
button { font: inherit; color: inherit; background: #232b3c; border: 1px solid #36425a; border-radius: 7px;
  padding: .35em .9em; cursor: pointer; }
button:hover, button:focus-visible { background: #303b52; } button[aria-pressed=true] { background: #7c2a31; }
kbd { color: #96a3bb; font: inherit; margin-left: .45em; }
</style>
<header><h1>zedo-video live</h1><dl>
<div><dt>displayed</dt><dd id="fps">-</dd></div><div><dt>latency</dt><dd id="latency">-</dd></div>
<div><dt>lifting</dt><dd id="lift">-</dd></div><div><dt>dropped</dt><dd id="dropped">-</dd></div>
<div><dt>people</dt><dd id="people">-</dd></div></dl></header>
<main><canvas id="picture" width="1120" height="480"></canvas><div id="state" role="status">connecting</div></main>
<footer>
<button data-key="stream" id="stream">Stop<kbd>s</kbd></button>
<button data-key="m" id="mirror">Mirror<kbd>m</kbd></button>
<button data-key="r" id="record">Record<kbd>r</kbd></button>
<button data-key="p">Switch person<kbd>p</kbd></button>
<button data-key="space">Reset<kbd>space</kbd></button>
<button data-key="q">Quit<kbd>q</kbd></button>
</footer>
<script>
"use strict";
const $ = id => document.getElementById(id), token = new URLSearchParams(location.search).get("token") || "";
const canvas = $("picture"), context = canvas.getContext("2d");
let drawn = -1, running = true, quitted = false;
window.frames_drawn = 0; window.connections = 0;
const sleep = ms => new Promise(done => setTimeout(done, ms));
const address = (path, query) => path + "?" + new URLSearchParams({...query, token});
const ms = value => value === null || value === undefined ? "-" : Math.round(value) + " ms";

function show(status) {
  $("fps").textContent = status.fps.toFixed(1) + " fps";
  $("latency").textContent = ms(status.page_ms ?? status.latency_ms);
  $("latency").title = "from the camera to this page and back; to the picture: " + ms(status.latency_ms);
  $("lift").textContent = ms(status.lift_ms);
  $("dropped").textContent = status.dropped;
  $("people").textContent = status.people.length ? status.people.join(", ") : "nobody";
  $("mirror").setAttribute("aria-pressed", status.mirrored);
  $("record").setAttribute("aria-pressed", status.recording);
}

async function stream() {
  let connected = false;
  for (;;) {
    if (!running) { connected = false; drawn = -1; await sleep(100); continue; }
    try {
      const answer = await fetch(address("/frame", {after: drawn}), {cache: "no-store"});
      if (!answer.ok) throw new Error(answer.status);
      if (!connected) { connected = true; window.connections += 1; quitted = false; }
      if (answer.status === 204) { $("state").textContent = "waiting for the camera"; continue; }
      const bitmap = await createImageBitmap(await answer.blob());
      if (!running) continue;
      if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
        canvas.width = bitmap.width; canvas.height = bitmap.height;
      }
      context.drawImage(bitmap, 0, 0);
      bitmap.close();
      drawn = Number(answer.headers.get("X-Frame"));
      window.frames_drawn += 1;
      show(JSON.parse(answer.headers.get("X-Status")));
      $("state").textContent = "";
    } catch (problem) {
      connected = false; drawn = -1;
      $("state").textContent = problem.message === "403" ? "the token in the address is wrong"
        : quitted ? "the session has ended" : "not connected, trying again";
      await sleep(700);
    }
  }
}

async function press(key) {
  if (key === "stream") {
    running = !running;
    $("stream").firstChild.textContent = running ? "Stop" : "Go on";
    $("state").textContent = running ? "connecting" : "stopped";
    return;
  }
  quitted = quitted || key === "q";
  try { await fetch(address("/key", {k: key}), {method: "POST", headers: {"X-Zedo": "1"}}); } catch (problem) { }
}

document.querySelectorAll("button").forEach(button => button.addEventListener("click", () => {
  button.blur(); press(button.dataset.key);
}));
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = {" ": "space", s: "stream"}[event.key] || event.key;
  if (["m", "r", "p", "q", "space", "stream"].includes(key)) { event.preventDefault(); press(key); }
});
stream();
</script>
</html>
"""
