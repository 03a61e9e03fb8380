/* Attention made by hand: queries and keys are codes of positions, so each target step looks where its query says.
   Left: the map of weights, targets down, sources across. Right of it, below: the row of one target step as bars. */
"use strict";
(() => {
  const steps = 12, size = 16;
  const text = kit.words({
    en: {
      t: "target step t", sharp: "sharpness β", rule: "the query asks for",
      same: "the same place", back: "the mirrored place", before: "the step before",
      says: (t, s, most, spread) => `Target step ${t} looks hardest at source step ${s}, with weight ${most}. ` +
        `Its attention is spread over ${spread} source steps.`,
    },
    id: {
      t: "langkah target t", sharp: "ketajaman β", rule: "kueri menanyakan",
      same: "tempat yang sama", back: "tempat cerminannya", before: "langkah sebelumnya",
      says: (t, s, most, spread) => `Langkah target ${t} paling tajam melihat langkah sumber ${s}, dengan bobot ${most}. ` +
        `Attention-nya tersebar pada ${spread} langkah sumber.`,
    },
  });
  const wanted = { same: (t) => t, back: (t) => steps - 1 - t, before: (t) => t - 1 };

  /** The sinusoidal code of a position. */
  const code = (position) => Array.from({ length: size }, (_, e) => {
    const angle = position / 10000 ** ((2 * Math.floor(e / 2)) / size);
    return e % 2 ? Math.cos(angle) : Math.sin(angle);
  });
  const dot = (a, b) => a.reduce((sum, value, e) => sum + value * b[e], 0);
  const keys = Array.from({ length: steps }, (_, s) => code(s));

  /** The weights of one target step over the source. */
  function weigh(t, rule, sharp) {
    const query = code(wanted[rule](t));
    const scores = keys.map((key) => (sharp * dot(query, key)) / Math.sqrt(size));
    const top = Math.max(...scores), raw = scores.map((score) => Math.exp(score - top));
    const total = raw.reduce((a, b) => a + b, 0);
    return raw.map((value) => value / total);
  }

  kit.figure("alignment", (panel, label) => {
    const state = { t: 3, sharp: 12, rule: "back" };
    const canvas = kit.canvas(640, 292, label), layer = kit.svg("g"), says = kit.report();
    canvas.append(layer);
    const cell = 22, x0 = 34, y0 = 16, bars = 350, floor = 262;

    function draw() {
      layer.replaceChildren();
      for (let t = 0; t < steps; t++) {
        weigh(t, state.rule, state.sharp).forEach((weight, s) => layer.append(kit.svg("rect", {
          x: x0 + s * cell, y: y0 + t * cell, width: cell, height: cell, fill: kit.colours.blue, "fill-opacity": weight.toFixed(3),
        })));
      }
      layer.append(
        kit.svg("rect", { x: x0, y: y0, width: steps * cell, height: steps * cell, fill: "none", stroke: "currentColor" }),
        kit.svg("rect", { x: x0, y: y0 + state.t * cell, width: steps * cell, height: cell, fill: "none", stroke: kit.colours.orange, "stroke-width": 2.5 }),
        kit.svg("text", { x: 10, y: y0 + state.t * cell + 17 }, "t"), kit.svg("path", { d: `M${bars} ${floor}H636`, stroke: "currentColor", "stroke-width": 1.5 }));
      const row = weigh(state.t, state.rule, state.sharp);
      row.forEach((weight, s) => layer.append(kit.svg("rect", {
        x: bars + 3 + s * 23.6, y: floor - 240 * weight, width: 18, height: 240 * weight, fill: kit.colours.blue,
      })));
      layer.append(kit.svg("text", { x: 628, y: floor + 20 }, "s"));
      const most = Math.max(...row), entropy = row.reduce((sum, w) => sum - (w > 0 ? w * Math.log(w) : 0), 0);
      says.textContent = text.says(state.t + 1, row.indexOf(most) + 1, kit.number(most, 2), kit.number(Math.exp(entropy), 1));
    }
    const step = kit.slider(text.t, { min: 1, max: steps, value: state.t + 1 }, (value) => { state.t = value - 1; draw(); });
    const sharp = kit.slider(text.sharp, { min: 0, max: 40, value: state.sharp }, (value) => { state.sharp = value; draw(); });
    panel.append(canvas, step.row, sharp.row,
      kit.choice(text.rule, { back: text.back, same: text.same, before: text.before }, state.rule, (value) => { state.rule = value; draw(); }), says);
    draw();
  });
})();
