/* Gradient descent near a cliff. One unit h_t = tanh(w h_{t-1} + b) starts at 0.5 and is to be at 0.7
   after ten steps; the map shows the loss over b (across) and w (up), the deeper the blue the larger.
   Orange: the path of 60 steps of gradient descent, clipped as the reader wants. Right: its loss. */
"use strict";
(() => {
  const limits = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];
  const start = { kind: "norm", c: limits.indexOf(1), b: -0.52 };
  const first = 1.8, rate = 0.1, steps = 60, unrolled = 10, target = 0.7;
  const left = -1, right = 2.6, low = 1, high = 3.2; // what the map shows
  const text = kit.words({
    en: {
      kind: "clipping", none: "none", norm: "by norm", value: "by value", c: "limit c", b: "start at b",
      says: (longest, turned, end, loss) => `Longest step ${longest}. ${turned}After ${steps} steps b = ${end}, and the loss is ${loss}. `,
      turned: (angle) => `Steps are turned by up to ${angle}°. `,
      there: "It has arrived in the valley.", away: "It was thrown onto a plateau and stays there.", still: "It has not arrived yet.",
    },
    id: {
      kind: "pemotongan", none: "tanpa", norm: "menurut norma", value: "menurut nilai", c: "batas c", b: "mulai dari b",
      says: (longest, turned, end, loss) => `Langkah terpanjang ${longest}. ${turned}Sesudah ${steps} langkah b = ${end}, dan loss-nya ${loss}. `,
      turned: (angle) => `Langkah dibelokkan sampai ${angle}°. `,
      there: "Ia sampai di lembah.", away: "Ia terlempar ke sebuah dataran dan tinggal di sana.", still: "Ia belum sampai.",
    },
  });

  /** The loss and its derivatives by w and b. */
  function lossAndSlope(w, b) {
    let h = 0.5, byW = 0, byB = 0;
    for (let t = 0; t < unrolled; t++) {
      const next = Math.tanh(w * h + b), slope = 1 - next * next;
      byW = slope * (h + w * byW);
      byB = slope * (1 + w * byB);
      h = next;
    }
    return [(h - target) ** 2, 2 * (h - target) * byW, 2 * (h - target) * byB];
  }

  function clip(kind, c, gradient) {
    const length = Math.hypot(...gradient);
    if (kind === "norm") return gradient.map((g) => g * Math.min(1, c / length));
    if (kind === "value") return gradient.map((g) => Math.max(-c, Math.min(c, g)));
    return gradient;
  }

  function descend({ kind, c, b }) {
    const path = [[first, b, lossAndSlope(first, b)[0]]];
    let longest = 0, turned = 0;
    for (let n = 0; n < steps; n++) {
      const [w, at] = path[n], [, ...gradient] = lossAndSlope(w, at), used = clip(kind, limits[c], gradient);
      const lengths = Math.hypot(...gradient) * Math.hypot(...used);
      if (lengths > 0) turned = Math.max(turned, Math.acos(Math.min(1, (gradient[0] * used[0] + gradient[1] * used[1]) / lengths)));
      longest = Math.max(longest, rate * Math.hypot(...used));
      const next = [w - rate * used[0], at - rate * used[1]];
      path.push([...next, lossAndSlope(...next)[0]]);
    }
    return { path, longest, turned: (turned * 180) / Math.PI };
  }

  /** The map as a picture: the deeper the blue, the larger the loss, on a logarithmic scale. */
  function landscape(width, height) {
    const picture = kit.html("canvas", { width, height }), brush = picture.getContext("2d"), pixels = brush.createImageData(width, height);
    for (let row = 0; row < height; row++) for (let column = 0; column < width; column++) {
      const w = high - ((row + 0.5) / height) * (high - low), b = left + ((column + 0.5) / width) * (right - left);
      const depth = Math.log(Math.max(1e-3, lossAndSlope(w, b)[0]) / 1e-3) / Math.log(3e3);
      pixels.data.set([0, 114, 178, 235 * Math.min(1, depth)], 4 * (row * width + column));
    }
    brush.putImageData(pixels, 0, 0);
    return picture.toDataURL();
  }

  kit.figure("clipping", (panel, label) => {
    const state = { ...start };
    const canvas = kit.canvas(640, 300, label), says = kit.report();
    const x = (b) => 34 + ((b - left) / (right - left)) * 370, y = (w) => 260 - ((w - low) / (high - low)) * 245;
    const over = (n) => 470 + (n / steps) * 160, under = (loss) => 260 - (Math.log10(Math.max(1e-6, loss)) + 6) * 35;
    const clipPath = kit.svg("clipPath", { id: "clipping-map" }, kit.svg("rect", { x: 34, y: 15, width: 370, height: 245 }));
    const path = kit.svg("g", { "clip-path": "url(#clipping-map)" });
    const curve = kit.svg("path", { fill: "none", stroke: kit.colours.orange, "stroke-width": 2.5 });
    canvas.append(
      clipPath,
      kit.svg("image", { href: landscape(185, 123), x: 34, y: 15, width: 370, height: 245, preserveAspectRatio: "none" }),
      kit.svg("path", { d: "M34 15V260H404M470 15V260H630", fill: "none", stroke: "currentColor", "stroke-width": 1.5 }),
      path, curve,
    );
    const mark = (x, y, shown, anchor = "middle") => canvas.append(kit.svg("text", { x, y, "text-anchor": anchor }, shown));
    for (const b of [-1, 0, 1, 2]) mark(x(b), 280, String(b).replace("-", "−"));
    for (const w of [1, 2, 3]) mark(26, y(w) + 6, w, "end");
    mark(404, 280, "b"); mark(26, 24, "w", "end"); mark(630, 280, steps); mark(550, 280, "n");
    mark(464, under(1) + 6, "1", "end"); mark(464, under(1e-3) + 6, "10⁻³", "end"); mark(464, under(1e-6) + 6, "10⁻⁶", "end");

    function draw() {
      const { path: points, longest, turned } = descend(state);
      path.replaceChildren();
      const line = points.map(([w, b]) => `${x(b).toFixed(1)} ${y(w).toFixed(1)}`).join("L");
      path.append(kit.svg("path", { d: `M${line}`, fill: "none", stroke: kit.colours.orange, "stroke-width": 1.5 }));
      points.forEach(([w, b], n) => path.append(kit.svg("circle", { cx: x(b).toFixed(1), cy: y(w).toFixed(1), r: n ? 3 : 6, fill: kit.colours.orange })));
      curve.setAttribute("d", "M" + points.map(([, , loss], n) => `${over(n).toFixed(1)} ${under(loss).toFixed(1)}`).join("L"));
      const [, end, loss] = points[steps];
      const where = loss < 0.01 ? text.there : end > 0.5 ? text.away : text.still;
      says.textContent = text.says(kit.number(longest, 2), turned > 0.05 ? text.turned(kit.number(turned, 1)) : "",
        kit.number(end, 2), kit.number(loss, loss < 0.01 ? 5 : 3)) + where;
    }
    const control = (name, min, max, step, show) => kit.slider(text[name], { min, max, step, value: state[name], show },
      (value) => { state[name] = value; draw(); }).row;
    panel.append(canvas,
      kit.choice(text.kind, { none: text.none, norm: text.norm, value: text.value }, state.kind, (value) => { state.kind = value; draw(); }),
      control("c", 0, limits.length - 1, 1, (n) => kit.number(limits[n], limits[n] < 1 ? 2 : 0)),
      control("b", -0.6, -0.35, 0.01, (v) => kit.number(v, 2)), says);
    draw();
  });
})();
