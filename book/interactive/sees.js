/* Which inputs one output can see, through two layers that read forwards, backwards or both ways. */
"use strict";
(() => {
  const steps = 8;
  const text = kit.words({
    en: {
      first: "first layer", second: "second layer", output: "output step t",
      ahead: "forwards →", back: "backwards ←", both: "both ways ⇄",
      all: (t) => `y${t} sees all inputs, whether they come before it or after it.`,
      past: (t) => `y${t} sees the inputs 1 to ${t}: its past, and nothing after it.`,
      future: (t) => `y${t} sees the inputs ${t} to ${steps}, and nothing before it.`,
      one: (t) => `y${t} sees input ${t} only.`,
    },
    id: {
      first: "lapisan pertama", second: "lapisan kedua", output: "langkah keluaran t",
      ahead: "maju →", back: "mundur ←", both: "dua arah ⇄",
      all: (t) => `y${t} melihat semua masukan, baik yang datang sebelumnya maupun sesudahnya.`,
      past: (t) => `y${t} melihat masukan 1 sampai ${t}: masa lalunya, dan tidak ada sesudahnya.`,
      future: (t) => `y${t} melihat masukan ${t} sampai ${steps}, dan tidak ada sebelumnya.`,
      one: (t) => `y${t} melihat masukan ${t} saja.`,
    },
  });
  const readers = { ahead: ["ahead"], back: ["back"], both: ["ahead", "back"] };

  kit.figure("sees", (panel, label) => {
    const state = { first: "both", second: "ahead", t: 4 };
    const canvas = kit.canvas(640, 330, label), says = kit.report();
    const x = (t) => 62 + (t - 1) * 74;

    function draw() {
      canvas.replaceChildren();
      const layers = [readers[state.first], readers[state.second]];
      const place = new Map(), feeds = new Map();
      const add = (id, left, top, from) => { place.set(id, [left, top]); feeds.set(id, from); };
      for (let t = 1; t <= steps; t++) {
        add(`x${t}`, x(t), 300, []);
        layers.forEach((directions, l) => {
          const middle = l ? 115 : 210, two = directions.length === 2;
          for (const d of directions) {
            const below = l ? layers[0].map((e) => `0${e}${t}`) : [`x${t}`];
            const before = d === "ahead" ? t - 1 : t + 1;
            if (before >= 1 && before <= steps) below.push(`${l}${d}${before}`);
            const shift = two ? (d === "ahead" ? -13 : 13) : 0;
            add(`${l}${d}${t}`, x(t) + shift, middle - (two ? shift : 0), below);
          }
        });
        add(`y${t}`, x(t), 30, layers[1].map((d) => `1${d}${t}`));
      }
      const seen = new Set(), queue = [`y${state.t}`];
      while (queue.length) {
        const id = queue.pop();
        if (!seen.has(id)) { seen.add(id); queue.push(...feeds.get(id)); }
      }
      const marks = [];
      for (const [id, from] of feeds) {
        for (const other of from) {
          const on = seen.has(id), [a, b] = place.get(other), [c, d] = place.get(id);
          const line = kit.svg("path", {
            d: `M${a} ${b}L${c} ${d}`, fill: "none", stroke: on ? kit.colours.orange : "currentColor",
            "stroke-width": on ? 2.5 : 1, "stroke-opacity": on ? 1 : 0.25,
          });
          if (on) marks.push(line); else canvas.append(line);
        }
      }
      canvas.append(...marks);
      for (const [id, [left, top]] of place) {
        const on = seen.has(id), edge = /[xy]/.test(id);
        const shape = edge
          ? kit.svg("rect", { x: left - 17, y: top - 14, width: 34, height: 28, rx: id[0] === "y" ? 14 : 4 })
          : kit.svg("circle", { cx: left, cy: top, r: 9 });
        shape.setAttribute("fill", on ? kit.colours.orange : "var(--pst-color-background, #fff)");
        shape.setAttribute("stroke", on ? kit.colours.orange : "currentColor");
        shape.setAttribute("stroke-opacity", on ? 1 : 0.5);
        if (edge && on) shape.setAttribute("class", `reached-${id[0]}`);
        canvas.append(shape);
        if (edge) {
          const name = kit.svg("text", { x: left, y: top + 6, "text-anchor": "middle", "font-size": 17 }, `${id[0]}${id.slice(1)}`);
          name.style.fill = on ? "#1a1a1a" : "currentColor";
          canvas.append(name);
        }
      }
      const { first, second, t } = state;
      const reached = [...seen].filter((id) => id[0] === "x").map((id) => Number(id.slice(1)));
      const past = Math.min(...reached) < t, future = Math.max(...reached) > t;
      const kind = first === "ahead" && second === "ahead" ? (past ? text.past : text.one)
        : first === "back" && second === "back" ? (future ? text.future : text.one) : text.all;
      says.textContent = kind(t);
    }
    const choose = (name) => kit.choice(text[name], { ahead: text.ahead, back: text.back, both: text.both }, state[name],
      (value) => { state[name] = value; draw(); });
    const slider = kit.slider(text.output, { min: 1, max: steps, value: state.t }, (value) => { state.t = value; draw(); });
    panel.append(canvas, choose("first"), choose("second"), slider.row, says);
    draw();
  });
})();
