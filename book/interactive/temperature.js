/* What the chapter's network expects next, and what is left of it: temperature, then top-k, then top-p, as in
   runtun.decoding.choose_tokens. The logits are those of the network that the page itself has trained; they stand
   in its output as <script type="application/json" data-figure="temperature">. Without them the picture stays. */
"use strict";
(() => {
  const source = document.querySelector('script[type="application/json"][data-figure="temperature"]');
  if (!source) return;
  const { tokens, logits } = JSON.parse(source.textContent);
  const beginnings = Object.keys(logits), all = tokens.length;
  const text = kit.words({
    en: {
      begin: "what has been written", tau: "temperature τ", k: "top-k", p: "top-p", all: "all",
      says: (left, entropy, choices, best, most) => `${left} of ${all} signs remain. ` +
        `Entropy ${entropy} bits, as uncertain as an even choice among ${choices}. Most probable: ${best}, with ${most}. `,
      draws: (drawn) => `Twenty draws: ${drawn}`,
    },
    id: {
      begin: "yang sudah tertulis", tau: "suhu τ", k: "top-k", p: "top-p", all: "semua",
      says: (left, entropy, choices, best, most) => `Tersisa ${left} dari ${all} tanda. ` +
        `Entropinya ${entropy} bit, seragu pilihan merata di antara ${choices}. Paling mungkin: ${best}, dengan ${most}. `,
      draws: (drawn) => `Dua puluh undian: ${drawn}`,
    },
  });
  const visible = (token) => ({ "\n": "↵", " ": "␣" })[token] || token;

  /** The places of the tokens, the most probable first. */
  const sorted = (values) => values.map((_, i) => i).sort((i, j) => values[j] - values[i] || i - j);

  /** The probabilities, in the order given, after temperature, top-k and top-p. */
  function choose(values, order, { tau, k, p }) {
    const ranked = order.map((i) => values[i]);
    let weights = ranked.map((a, rank) => (tau === 0 ? Number(rank === 0) : Math.exp((a - ranked[0]) / tau)));
    const normalise = () => {
      const total = weights.reduce((a, b) => a + b, 0);
      weights = weights.map((w) => w / total);
    };
    weights = weights.map((w, rank) => (rank < k ? w : 0));
    normalise();
    let before = 0;
    weights = weights.map((w) => {
      const kept = before < p ? w : 0;
      before += w;
      return kept;
    });
    normalise();
    return weights;
  }

  kit.figure("temperature", (panel, label) => {
    const state = { begin: beginnings[0], tau: 1, k: all, p: 1 };
    const canvas = kit.canvas(640, 268, label), layer = kit.svg("g"), says = kit.report();
    canvas.append(layer);
    const x0 = 40, floor = 232, height = 212, pitch = (640 - x0) / all;
    const random = kit.random(14), chances = Array.from({ length: 20 }, random);

    function draw() {
      layer.replaceChildren();
      for (const tick of [0, 0.5, 1]) {
        layer.append(
          kit.svg("path", { d: `M${x0} ${floor - height * tick}H640`, stroke: "currentColor", "stroke-opacity": tick ? 0.2 : 1 }),
          kit.svg("text", { x: x0 - 8, y: floor - height * tick + 5, "text-anchor": "end" }, kit.number(tick, 1)));
      }
      const values = logits[state.begin], order = sorted(values);
      const own = choose(values, order, { tau: 1, k: all, p: 1 }), p = choose(values, order, state);
      order.forEach((token, rank) => {
        const x = x0 + rank * pitch + 2, width = pitch - 4;
        layer.append(
          kit.svg("rect", { x, y: floor - height * p[rank], width, height: height * p[rank], fill: kit.colours.blue, class: "chosen" }),
          kit.svg("path", { d: `M${x - 1} ${floor - height * own[rank]}h${width + 2}`, stroke: kit.colours.orange, "stroke-width": 2.5 }),
          kit.svg("text", { x: x + width / 2, y: floor + 20, "text-anchor": "middle", "fill-opacity": p[rank] > 0 ? 1 : 0.35 }, visible(tokens[token])));
      });
      const entropy = p.reduce((sum, w) => sum - (w > 0 ? w * Math.log2(w) : 0), 0);
      const drawn = chances.map((chance) => {
        let reached = 0;
        const rank = p.findIndex((w) => (reached += w) > chance);
        return visible(tokens[order[rank < 0 ? 0 : rank]]);
      });
      says.textContent = text.says(
        p.filter((w) => w > 0).length, kit.number(Math.abs(entropy), 2), kit.number(2 ** entropy, 1),
        visible(tokens[order[0]]), kit.number(p[0], 2)) + text.draws(drawn.join(" "));
    }

    const change = (key) => (value) => { state[key] = value; draw(); };
    const tau = kit.slider(text.tau, { min: 0, max: 3, step: 0.05, value: state.tau, show: (v) => kit.number(v, 2) }, change("tau"));
    const k = kit.slider(text.k, { min: 1, max: all, value: all, show: (v) => (v === all ? text.all : String(v)) }, change("k"));
    const p = kit.slider(text.p, { min: 0.05, max: 1, step: 0.01, value: 1, show: (v) => (v === 1 ? text.all : kit.number(v, 2)) }, change("p"));
    const names = Object.fromEntries(beginnings.map((begin) => [begin, begin]));
    panel.append(canvas, kit.choice(text.begin, names, state.begin, change("begin")), tau.row, k.row, p.row, says);
    draw();
  });
})();
