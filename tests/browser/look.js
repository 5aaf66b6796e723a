// SPDX-License-Identifier: GPL-3.0-or-later
// What of the page cannot be read: text with less contrast than WCAG 2.2 asks for (1.4.3), targets under
// 24 by 24 pixels (2.5.8), and what is wider than the screen. Returns a list of faults.
(() => {
  const faults = [];
  const numbers = (c) => (c.match(/[\d.]+/g) || []).map(Number);
  function over(top, under) {
    const a = top[3] === undefined ? 1 : top[3];
    return [0, 1, 2].map((i) => top[i] * a + under[i] * (1 - a));
  }
  // The colours a background may show: its own, and each stop of a gradient over it.
  function backgrounds(e) {
    const layers = [];
    for (let n = e; n; n = n.parentElement) {
      const s = getComputedStyle(n), c = numbers(s.backgroundColor);
      const stops = (s.backgroundImage.match(/rgba?\([^)]*\)/g) || []).map(numbers);
      layers.unshift({ stops, colour: c });
    }
    let all = [[255, 255, 255]];
    if (matchMedia("(prefers-color-scheme: dark)").matches) all = [[18, 18, 18]];
    for (const l of layers) {
      all = all.map((u) => over(l.colour, u));
      if (l.stops.length) all = l.stops.flatMap((s) => all.map((u) => over(s, u)));
    }
    return all;
  }
  const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (c) => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  function ratio(a, b) {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let t; (t = walker.nextNode());) {
    const e = t.parentElement;
    if (!t.textContent.trim() || e.closest(".quiet, .skip, [hidden], script, noscript, button[disabled]") || !e.offsetParent) continue;
    const s = getComputedStyle(e), size = parseFloat(s.fontSize);
    const large = size >= 24 || (size >= 18.66 && s.fontWeight >= 700);
    const worst = Math.min(...backgrounds(e).map((b) => ratio(over(numbers(s.color), b), b)));
    if (worst < (large ? 3 : 4.5)) faults.push(`contrast ${worst.toFixed(2)}: "${t.textContent.trim().slice(0, 40)}" in ${e.tagName}.${e.className}`);
  }
  for (const e of document.querySelectorAll("a, button, summary")) {
    const r = e.getBoundingClientRect();
    if (e.closest(".skip") || !r.width) continue;
    if (r.width < 24 || r.height < 24) faults.push(`target ${r.width}x${r.height}: "${e.textContent.trim()}"`);
  }
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) {
    const out = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll"));
    faults.push(`${wide} px wider than the screen: ${out.slice(0, 3).map((e) => e.tagName + "." + e.className)}`);
  }
  return faults;
})()
