// SPDX-License-Identifier: GPL-3.0-or-later
// Keeps the page as it was served up to date from /json. Without it the page is complete all the same.
"use strict";

const EVERY_MS = 2000;
const $ = (q, from = document) => from.querySelector(q);
let paused = false, failures = 0, spoken = "";

function ago(ms) {
  const s = Math.floor(ms / 1000);
  if (s >= 86400) return `${Math.floor(s / 86400)}d ${Math.floor(s / 3600) % 24}h`;
  if (s >= 3600) return `${Math.floor(s / 3600)}h ${Math.floor(s / 60) % 60}m`;
  return s >= 60 ? `${Math.floor(s / 60)}m ${s % 60}s` : `${s}s`;
}

function say(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

// Elements say which value they show: data-t="rate", data-ago="uptime_ms".
function fill(root, values) {
  for (const e of root.querySelectorAll("[data-t]"))
    if (e.dataset.t in values) say(e, String(values[e.dataset.t]));
  for (const e of root.querySelectorAll("[data-ago]"))
    if (e.dataset.ago in values) say(e, ago(values[e.dataset.ago]));
}

function showMember(card, m) {
  card.className = `member ${m.class}`;
  fill(card, m);
  $(".bar rect", card).setAttribute("width", 100 * Math.min(1, m.in_flight / m.maxconn));
  for (const b of card.querySelectorAll("button[data-when]"))
    b.disabled = b.dataset.when === m.admin;
}

function showMembers(members) {
  const cards = [...document.querySelectorAll("[data-member]")];
  const names = cards.map((c) => c.dataset.member).join();
  if (names !== members.map((m) => m.name).join()) return location.reload();
  cards.forEach((card, i) => showMember(card, members[i]));
}

// The same drawing as page.c's: 360 wide, 100 high, the latest at the right; the time it spans
// grows with what there is.
function span(n) {
  return [60, 180, 360].find((steps) => steps >= n) || 360;
}

function at(i, n) {
  return ((i + span(n) - n + 1) * 360 / span(n)).toFixed(1);
}

function line(values, most) {
  const n = values.length;
  return values.map((v, i) => `${i ? "L" : "M"}${at(i, n)} ${(100 - 100 * v / most).toFixed(1)}`).join("");
}

function draw(id, series, most, unit) {
  for (const [name, values] of Object.entries(series))
    $(`#${id} .${name}`).setAttribute("d", line(values, most));
  const main = series.main, minutes = span(main.length) / 6;
  $(`#${id} .fill`).setAttribute("d", main.length ? `${line(main, most)}V100H${at(0, main.length)}Z` : "");
  say($(`#${id} .most`), `${most} ${unit}`);
  say($(`#${id} .oldest`), `${minutes} min ago`);
  say($(`#${id} .half`), `${minutes / 2} min`);
}

function rounded(most) {
  for (let step = 1; ; step *= 10)
    for (const k of [1, 2, 5]) if (k * step >= most) return k * step;
}

function showCurves(h) {
  const s = h.step_ms / 1000, perS = (v) => v.map((n) => n / s);
  const requests = perS(h.requests), failed = perS(h.failed);
  draw("requests", { main: requests, failed }, rounded(Math.max(1, ...requests)), "per second");
  draw("holding", { main: h.held }, rounded(Math.max(5, ...h.held)), "at once");
  draw("latency", { main: h.p99_ms, median: h.p50_ms }, rounded(Math.max(10, ...h.p99_ms)), "ms");
}

function showEvents(events) {
  const list = $("#events");
  const items = events.map((e) => {
    const item = document.createElement("li"), time = document.createElement("time");
    const text = document.createElement("span");
    time.textContent = `${ago(e.ago_ms)} ago`;
    text.textContent = e.text;
    item.append(time, text);
    return item;
  });
  if (!items.length) {
    items.push(document.createElement("li"));
    items[0].textContent = "Nothing happened in the last hour.";
  }
  list.replaceChildren(...items);
}

function show(j) {
  fill(document.body, { ...j, members: undefined });
  $("#status").className = `status ${j.level}`;
  document.title = `${j.headline} · bramble`;
  if (spoken && spoken !== j.headline) say($("#live"), j.headline);
  spoken = j.headline;
  showMembers(j.members);
  showCurves(j.history);
  showEvents(j.events);
}

function stale(is) {
  const e = $("#stale");
  if (e.hidden !== !is) e.hidden = !is;
}

async function refresh() {
  if (paused || document.hidden) return;
  try {
    // With its origin said: a page whose address holds a password may not fetch relative to it.
    const r = await fetch(`${location.origin}/json`, { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (!r.ok) throw new Error(r.status);
    show(await r.json());
    failures = 0;
  } catch {
    failures++;
  }
  stale(failures > 1);
}

function start() {
  const pause = $("#pause");
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", paused);
    say(pause, paused ? "Resume updates" : "Pause updates");
    refresh();
  });
  document.addEventListener("visibilitychange", refresh);
  spoken = $("#headline").textContent;
  (async function again() {
    await refresh();
    setTimeout(again, EVERY_MS);
  })();
}

start();
