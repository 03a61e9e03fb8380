/* The tree of connections that leads to the last output of a stack of causal convolutions.
   Blue: what the last output sees. Grey: what it does not. */
"use strict";
(() => {
  const shown = 32, deepest = 5;
  const text = kit.words({
    en: {
      K: "kernel width K", L: "layers L", grow: "dilations",
      double: "1, 2, 4, 8, …", ones: "1, 1, 1, 1, …", holes: "2, 4, 8, 16, …",
      says: (sum, R, seen, need) => `R = 1 + (K − 1) · ${sum} = ${R}. ${seen} ${need}`,
      seen: (n) => `The last output sees ${n} inputs.`,
      gaps: (n, R) => `The last output reaches over ${R} steps and sees ${n} of them: the stack has holes.`,
      need: (n) => `To reach over 1,000 steps, such a stack needs ${n} layers.`,
    },
    id: {
      K: "lebar kernel K", L: "lapisan L", grow: "dilasi",
      double: "1, 2, 4, 8, …", ones: "1, 1, 1, 1, …", holes: "2, 4, 8, 16, …",
      says: (sum, R, seen, need) => `R = 1 + (K − 1) · ${sum} = ${R}. ${seen} ${need}`,
      seen: (n) => `Keluaran terakhir melihat ${n} masukan.`,
      gaps: (n, R) => `Keluaran terakhir menjangkau ${R} langkah dan melihat ${n} di antaranya: tumpukan ini berlubang.`,
      need: (n) => `Untuk menjangkau 1.000 langkah, tumpukan seperti ini memerlukan ${n} lapisan.`,
    },
  });
  const rules = { double: (l) => 2 ** l, ones: () => 1, holes: (l) => 2 ** (l + 1) };

  /** Dilations of the first `layers` layers. */
  const dilations = (rule, layers) => Array.from({ length: layers }, (_, l) => rules[rule](l));
  const sum = (values) => values.reduce((a, b) => a + b, 0);

  /** Which distances from the last step each layer needs, from the top layer down to the input. */
  function reach(K, gaps) {
    const levels = [new Set([0])];
    for (const d of [...gaps].reverse()) {
      const below = new Set();
      for (const at of levels[0]) for (let k = 0; k < K; k++) below.add(at + k * d);
      levels.unshift(below);
    }
    return levels; // levels[0]: the input
  }

  function layersFor(K, rule, steps) {
    let layers = 1;
    while (1 + (K - 1) * sum(dilations(rule, layers)) < steps) layers++;
    return layers;
  }

  kit.figure("field", (panel, label) => {
    const state = { K: 2, L: 4, grow: "double" };
    const canvas = kit.canvas(640, 300, label), layer = kit.svg("g"), says = kit.report();
    canvas.append(layer);
    const x = (back) => 622 - back * 18.6;

    function draw() {
      const { K, L, grow } = state, gaps = dilations(grow, L), levels = reach(K, gaps);
      const y = (level) => 276 - level * (240 / deepest);
      layer.replaceChildren();
      levels.forEach((needed, level) => {
        if (level) for (const at of needed) for (let k = 0; k < K; k++) {
          const from = at + k * gaps[level - 1];
          if (at < shown) layer.append(kit.svg("path", {
            d: `M${x(Math.min(from, shown + 4))} ${y(level - 1)}L${x(at)} ${y(level)}`, stroke: kit.colours.blue, "stroke-width": 1.5,
          }));
        }
      });
      levels.forEach((needed, level) => {
        for (let back = 0; back < shown; back++) layer.append(kit.svg("circle", {
          cx: x(back), cy: y(level), r: needed.has(back) ? 5 : 2.5, fill: needed.has(back) ? kit.colours.blue : "#808893",
        }));
        layer.append(kit.svg("text", { x: 8, y: y(level) + 6 }, level ? String(gaps[level - 1]) : "x"));
      });
      const total = sum(gaps), R = 1 + (K - 1) * total, seen = levels[0].size;
      says.textContent = text.says(total, kit.number(R),
        seen === R ? text.seen(kit.number(seen)) : text.gaps(kit.number(seen), kit.number(R)),
        text.need(kit.number(layersFor(K, grow, 1000))));
    }
    const control = (name, min, max) => kit.slider(text[name], { min, max, value: state[name] },
      (value) => { state[name] = value; draw(); }).row;
    panel.append(canvas, control("K", 2, 4), control("L", 1, deepest),
      kit.choice(text.grow, { double: text.double, ones: text.ones, holes: text.holes }, state.grow, (value) => { state.grow = value; draw(); }), says);
    draw();
  });
})();
