/* One cell state under three gates that the reader holds. Two candidates arrive, g = 1 and g = -0.6.
   Orange: c_t = f c_{t-1} + i g_t. Blue: h_t = o tanh(c_t). */
"use strict";
(() => {
  const steps = 40, arrivals = { 4: 1, 22: -0.6 };
  const text = kit.words({
    en: {
      f: "forget gate f", i: "input gate i", o: "output gate o",
      says: (half, last) => `${half} At the last step c = ${last}.`,
      half: (n) => `Half of a memory is gone after ${n} steps.`,
      forever: "With f = 1 nothing is ever forgotten.", never: "With f = 0 nothing outlives its step.",
    },
    id: {
      f: "forget gate f", i: "input gate i", o: "output gate o",
      says: (half, last) => `${half} Pada langkah terakhir c = ${last}.`,
      half: (n) => `Separuh ingatan hilang setelah ${n} langkah.`,
      forever: "Dengan f = 1 tidak ada yang pernah terlupa.", never: "Dengan f = 0 tidak ada yang hidup lebih dari selangkah.",
    },
  });

  kit.figure("gates", (panel, label) => {
    const state = { f: 0.9, i: 1, o: 1 };
    const canvas = kit.canvas(640, 250, label), says = kit.report();
    const x = (t) => 40 + t * 14.6, y = (v) => 125 - 90 * v;
    canvas.append(kit.svg("path", { d: "M40 20V230M40 125H632", fill: "none", stroke: "currentColor", "stroke-width": 1.5 }));
    for (const [t, g] of Object.entries(arrivals)) {
      canvas.append(kit.svg("path", { d: `M${x(t)} 125V${y(g)}`, stroke: "currentColor", "stroke-width": 2, "stroke-dasharray": "3 3" }));
    }
    canvas.append(kit.svg("text", { x: 620, y: 146 }, "t"));
    const line = (colour, dash) => kit.svg("path", { fill: "none", stroke: colour, "stroke-width": 2.5, "stroke-dasharray": dash });
    const cell = line(kit.colours.orange, "none"), hidden = line(kit.colours.blue, "7 4");
    canvas.append(cell, hidden);

    function draw() {
      const c = [];
      for (let t = 0; t < steps; t++) c.push(state.f * (t ? c[t - 1] : 0) + state.i * (arrivals[t] || 0));
      const path = (values) => "M" + values.map((v, t) => `${x(t).toFixed(1)} ${y(v).toFixed(1)}`).join("L");
      cell.setAttribute("d", path(c));
      hidden.setAttribute("d", path(c.map((v) => state.o * Math.tanh(v))));
      const { f } = state;
      const half = f === 1 ? text.forever : f === 0 ? text.never : text.half(kit.number(Math.log(0.5) / Math.log(f), 1));
      says.textContent = text.says(half, kit.number(c[steps - 1], 3));
    }
    const control = (name) => kit.slider(text[name], { min: 0, max: 1, step: 0.01, value: state[name], show: (v) => kit.number(v, 2) },
      (value) => { state[name] = value; draw(); }).row;
    panel.append(canvas, control("f"), control("i"), control("o"), says);
    draw();
  });
})();
