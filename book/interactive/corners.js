/* One GRU unit under two gates that the reader holds: a pulse up, a plateau, a pulse down.
   Orange: h_t = z h_{t-1} + (1 - z) tanh(x_t + 0.8 r h_{t-1}). Dotted: x_t. */
"use strict";
(() => {
  const steps = 40, weight = 0.8;
  const input = (t) => (t === 4 ? 1.5 : t >= 14 && t < 22 ? 0.8 : t === 30 ? -1.5 : 0);
  const text = kit.words({
    en: {
      z: "update gate z", r: "reset gate r",
      copy: "The unit copies itself: nothing gets in.",
      simple: "This is a simple RNN: all of the old state goes through the candidate.",
      forward: "This is a feed-forward layer: nothing of the past gets in.",
      smooth: (keep) => `A mixture: ${keep} % of the old state is kept directly at each step.`,
      last: (value) => `At the last step h = ${value}.`,
    },
    id: {
      z: "update gate z", r: "reset gate r",
      copy: "Unit ini menyalin dirinya sendiri: tidak ada yang masuk.",
      simple: "Inilah RNN sederhana: seluruh state lama lewat calon isi.",
      forward: "Inilah lapisan feed-forward: tidak ada masa lalu yang masuk.",
      smooth: (keep) => `Campuran: ${keep} % state lama disimpan langsung di setiap langkah.`,
      last: (value) => `Pada langkah terakhir h = ${value}.`,
    },
  });

  kit.figure("corners", (panel, label) => {
    const state = { z: 0.9, r: 1 };
    const canvas = kit.canvas(640, 270, label), says = kit.report();
    const x = (t) => 40 + t * 14.6, y = (v) => 135 - 75 * v;
    canvas.append(kit.svg("path", { d: "M40 15V255M40 135H632", fill: "none", stroke: "currentColor", "stroke-width": 1.5 }));
    canvas.append(kit.svg("text", { x: 620, y: 156 }, "t"));
    const path = (values) => "M" + values.map((v, t) => `${x(t).toFixed(1)} ${y(v).toFixed(1)}`).join("L");
    const inputs = Array.from({ length: steps }, (_, t) => input(t));
    canvas.append(kit.svg("path", { d: path(inputs), fill: "none", stroke: "currentColor", "stroke-width": 1.5, "stroke-dasharray": "2 4" }));
    const line = kit.svg("path", { fill: "none", stroke: kit.colours.orange, "stroke-width": 2.5 });
    canvas.append(line);

    function draw() {
      const { z, r } = state;
      const h = [];
      for (let t = 0; t < steps; t++) {
        const past = t ? h[t - 1] : 0;
        h.push(z * past + (1 - z) * Math.tanh(inputs[t] + weight * r * past));
      }
      line.setAttribute("d", path(h));
      const kind = z === 1 ? text.copy : z === 0 && r === 1 ? text.simple : z === 0 && r === 0 ? text.forward
        : text.smooth(kit.number(100 * z));
      says.textContent = `${kind} ${text.last(kit.number(h[steps - 1], 3))}`;
    }
    const control = (name) => kit.slider(text[name], { min: 0, max: 1, step: 0.01, value: state[name], show: (v) => kit.number(v, 2) },
      (value) => { state[name] = value; draw(); }).row;
    panel.append(canvas, control("z"), control("r"), says);
    draw();
  });
})();
