/* Windows over one short series: input length, horizon, stride, and two ways of splitting.
   Blue: what a window sees. Green: what it must forecast. Faded: windows that belong to no part.
   Orange: targets of test windows that some training window has already held in its hands. */
"use strict";
(() => {
  const length = 24, border = 17; // steps in the series; the first step of the test part
  const text = kit.words({
    en: {
      T: "input length T", k: "horizon k", s: "stride s", split: "split",
      time: "by time, then cut windows", random: "cut windows, then share out at random",
      says: (n, train, test, seen, of) =>
        `N = ⌊(${length} − T − k) / s⌋ + 1 = ${n} windows over the whole series; ${train} train, ${test} test. ` +
        (test ? `Of the ${of} values to forecast in the test, ${seen} were already in a training window.`
          : "There is nothing left to test with."),
    },
    id: {
      T: "panjang masukan T", k: "horizon k", s: "tapak s", split: "pembagian",
      time: "bagi menurut waktu, lalu potong jendela", random: "potong jendela, lalu bagikan secara acak",
      says: (n, train, test, seen, of) =>
        `N = ⌊(${length} − T − k) / s⌋ + 1 = ${n} jendela atas seluruh deret; ${train} latih, ${test} uji. ` +
        (test ? `Dari ${of} nilai yang harus diramal dalam pengujian, ${seen} sudah pernah ada di sebuah jendela latih.`
          : "Tidak tersisa apa pun untuk menguji."),
    },
  });
  const series = Array.from({ length }, (_, t) => Math.sin(t / 2) + 0.5 * Math.sin(t / 1.3 + 1));

  /** All windows and the part each belongs to: "train", "test" or null. */
  function cut({ T, k, s, split }) {
    const windows = [], draw = kit.random(4);
    for (let start = 0; start + T + k <= length; start += s) {
      const end = start + T + k;
      let part;
      if (split === "random") part = draw() < border / length ? "train" : "test";
      else part = end <= border ? "train" : start + T >= border ? "test" : null;
      windows.push({ start, end, part });
    }
    return windows;
  }

  kit.figure("windows", (panel, label) => {
    const state = { T: 6, k: 2, s: 1, split: "time" };
    const canvas = kit.canvas(640, 330, label), layer = kit.svg("g"), says = kit.report();
    const x = (t) => 20 + t * 26;
    canvas.append(
      kit.svg("path", { d: "M" + series.map((v, t) => `${x(t)} ${36 - 16 * v}`).join("L"), fill: "none", stroke: "currentColor", "stroke-width": 1.5 }),
      ...series.map((v, t) => kit.svg("circle", { cx: x(t), cy: 36 - 16 * v, r: 4, fill: "currentColor" })), layer);

    function draw() {
      const windows = cut(state), { T, split } = state;
      const held = new Set();
      for (const w of windows) if (w.part === "train") for (let t = w.start; t < w.end; t++) held.add(t);
      const targets = new Set();
      layer.replaceChildren();
      if (split === "time") layer.append(kit.svg("path", { d: `M${x(border) - 13} 4V322`, stroke: "currentColor", "stroke-width": 1.5, "stroke-dasharray": "5 4" }));
      const pitch = Math.min(16, 246 / windows.length);
      windows.forEach((w, row) => {
        const y = 76 + row * pitch, height = pitch * 0.62;
        const group = kit.svg("g", { opacity: w.part ? 1 : 0.25 });
        const bar = (from, to, colour) => kit.svg("rect", {
          x: x(from) - 11, y, width: (to - from) * 26 - 4, height, rx: 2, fill: colour,
          ...(w.part === "test" ? { stroke: "currentColor", "stroke-width": 1.5 } : {}),
        });
        group.append(bar(w.start, w.start + T, kit.colours.blue));
        for (let t = w.start + T; t < w.end; t++) {
          const known = w.part === "test" && held.has(t);
          if (w.part === "test") targets.add(t);
          group.append(bar(t, t + 1, known ? kit.colours.orange : kit.colours.green));
        }
        layer.append(group);
      });
      const count = (part) => windows.filter((w) => w.part === part).length;
      const seen = [...targets].filter((t) => held.has(t)).length;
      says.textContent = text.says(windows.length, count("train"), count("test"), seen, targets.size);
    }
    const control = (name, max) => kit.slider(text[name], { min: 1, max, value: state[name] },
      (value) => { state[name] = value; draw(); }).row;
    panel.append(canvas, control("T", 12), control("k", 6), control("s", 6),
      kit.choice(text.split, { time: text.time, random: text.random }, state.split, (value) => { state.split = value; draw(); }), says);
    draw();
  });
})();
