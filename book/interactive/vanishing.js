/* What is left of a derivative after k steps through one linear unit, h_t = w h_{t-1} + x_t: w^k.
   Left on a linear axis, right on a logarithmic one. Orange: the w of the reader. Grey: w = 1. */
"use strict";
(() => {
  const start = { w: 0.9, T: 50 }, decades = 12;
  const text = kit.words({
    en: {
      w: "weight w", T: "steps T",
      same: (T) => `1 to the power ${T} is 1: nothing is lost on the way, and nothing grows.`,
      less: (power, share, half) => `${power}. What happened T steps ago counts ${share} as much as what happens now; half is gone after every ${half} steps.`,
      more: (power, times, twice) => `${power}. What happened T steps ago counts ${times} times as much as what happens now; it doubles every ${twice} steps.`,
    },
    id: {
      w: "bobot w", T: "langkah T",
      same: (T) => `1 pangkat ${T} ialah 1: tidak ada yang hilang di jalan, dan tidak ada yang membesar.`,
      less: (power, share, half) => `${power}. Yang terjadi T langkah lalu diperhitungkan ${share} dari yang terjadi sekarang; separuhnya hilang setiap ${half} langkah.`,
      more: (power, times, twice) => `${power}. Yang terjadi T langkah lalu diperhitungkan ${times} kali yang terjadi sekarang; nilainya berlipat dua setiap ${twice} langkah.`,
    },
  });

  const raised = (n) => String(n).replace(/./g, (c) => ({ "-": "⁻" })[c] || "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]);

  /** A positive number with three digits that count, as a power of ten where it is far from 1. */
  function digits(value) {
    const exponent = Math.floor(Math.log10(value) + 1e-12);
    if (exponent < -3 || exponent > 4) return `${kit.number(value / 10 ** exponent, 2)} · 10${raised(exponent)}`;
    return kit.number(value, Math.max(0, 2 - exponent));
  }

  kit.figure("vanishing", (panel, label) => {
    const state = { ...start };
    const canvas = kit.canvas(640, 260, label), says = kit.report();
    const axes = kit.svg("path", { d: "M40 15V215H300M370 15V215H630", fill: "none", stroke: "currentColor", "stroke-width": 1.5 });
    const line = (colour, width, dash = "none") => kit.svg("path", { fill: "none", stroke: colour, "stroke-width": width, "stroke-dasharray": dash });
    const one = [line("#808893", 1.5, "2 4"), line("#808893", 1.5, "2 4")];
    const curve = [line(kit.colours.orange, 2.5), line(kit.colours.orange, 2.5)];
    const frame = kit.svg("clipPath", { id: "vanishing-frame" }, kit.svg("rect", { x: 370, y: 15, width: 262, height: 200 }));
    curve[1].setAttribute("clip-path", "url(#vanishing-frame)");
    const mark = (x, y, anchor = "end") => kit.svg("text", { x, y, "text-anchor": anchor });
    const top = mark(34, 24), unit = mark(34, 0), end = [mark(300, 238), mark(630, 238)];
    const powers = [-decades, 0, decades].map((n) => [n, mark(364, 121 - n * 7.5)]);
    for (const [n, place] of powers) place.textContent = n ? `10${raised(n)}` : "1";
    const wk = mark(48, 24, "start");
    wk.textContent = "wᵏ";
    canvas.append(frame, axes, ...one, ...curve, top, unit, ...end, wk, ...powers.map(([, place]) => place));

    function draw() {
      const { w, T } = state, last = w ** T, high = Math.max(1, last);
      const x = (k, from) => from + (k / T) * 260;
      const y = (v) => 215 - (v / high) * 190;
      const logarithm = (v) => 115 - Math.log10(v) * 7.5;
      const path = (from, height, base) =>
        "M" + Array.from({ length: T + 1 }, (_, k) => `${x(k, from).toFixed(1)} ${height(base ** k).toFixed(1)}`).join("L");
      curve[0].setAttribute("d", path(40, y, w));
      curve[1].setAttribute("d", path(370, logarithm, w));
      one[0].setAttribute("d", path(40, y, 1));
      one[1].setAttribute("d", path(370, logarithm, 1));
      const far = high > 1.5;
      top.textContent = far ? (high < 1e4 ? kit.number(high) : `10${raised(Math.round(Math.log10(high)))}`) : "1";
      top.setAttribute("y", far ? 30 : y(1) + 6);
      unit.textContent = far && y(1) > 60 && y(1) < 205 ? "1" : "";
      unit.setAttribute("y", y(1) + 6);
      for (const place of end) place.textContent = `k = ${T}`;
      const power = `${kit.number(w, 2)}${raised(T)} = ${digits(last)}`;
      const turn = kit.number(Math.abs(Math.log(2) / Math.log(w)), 1);
      says.textContent = w === 1 ? text.same(T)
        : w < 1 ? text.less(power, last > 1e-4 ? `${kit.number(100 * last, last < 0.1 ? 2 : 0)} %` : digits(last), turn)
          : text.more(power, digits(last), turn);
    }
    const control = (name, min, max, step, show) => kit.slider(text[name], { min, max, step, value: state[name], show },
      (value) => { state[name] = value; draw(); }).row;
    panel.append(canvas, control("w", 0.5, 1.5, 0.01, (v) => kit.number(v, 2)), control("T", 5, 100, 1, String), says);
    draw();
  });
})();
