/* Two units unrolled over one sequence of letters: a simple RNN and an LSTM whose gates are set by hand.
   X is 1, Y is -1, the distractors lie between, E and B are 0.
   RNN: h_t = tanh(u h_{t-1} + x_t). LSTM: the input gate opens for X and Y only, c_t = f c_{t-1} + i_t x_t.
   What is left of the first X or Y: the same sequence is read with that letter turned round, and the
   difference between the two states is divided by what it was when the letter had just been read. */
"use strict";
(() => {
  const inputs = { X: 1, Y: -1, a: 0.4, b: -0.4, c: 0.2, d: -0.2, E: 0, B: 0 };
  const most = 48, shown = 8;
  const text = kit.words({
    en: {
      letters: "sequence (X, Y, a, b, c, d)", first: "first letter", step: "look at step", u: "recurrent weight u",
      f: "forget gate f",
      wrong: (letter) => `“${letter}” is not one of the letters X, Y, a, b, c, d.`,
      none: "The sequence needs an X or a Y.",
      says: (t, letter, x, rnn, lstm) => `Step ${t} reads ${letter}, x = ${x}: RNN h = ${rnn}, LSTM c = ${lstm}. `,
      left: (letter, ago, rnn, lstm) =>
        ago < 0 ? `The first ${letter} has not come yet.`
          : `Of the ${letter} read ${ago} step${ago === 1 ? "" : "s"} ago the RNN holds ${rnn} %, the LSTM ${lstm} %.`,
    },
    id: {
      letters: "runtun (X, Y, a, b, c, d)", first: "huruf pertama", step: "lihat langkah", u: "bobot rekuren u",
      f: "forget gate f",
      wrong: (letter) => `“${letter}” bukan salah satu huruf X, Y, a, b, c, d.`,
      none: "Runtun ini memerlukan sebuah X atau Y.",
      says: (t, letter, x, rnn, lstm) => `Langkah ${t} membaca ${letter}, x = ${x}: RNN h = ${rnn}, LSTM c = ${lstm}. `,
      left: (letter, ago, rnn, lstm) =>
        ago < 0 ? `${letter} pertama belum datang.`
          : `Dari ${letter} yang dibaca ${ago} langkah lalu, RNN masih menyimpan ${rnn} %, LSTM ${lstm} %.`,
    },
  });

  /** The states of both units along a sequence of letters. */
  function read(letters, u, f) {
    const rnn = [], lstm = [];
    let h = 0, c = 0;
    for (const letter of letters) {
      const x = inputs[letter], i = letter === "X" || letter === "Y" ? 1 : 0;
      h = Math.tanh(u * h + x);
      c = f * c + i * x;
      rnn.push(h);
      lstm.push(c);
    }
    return { rnn, lstm };
  }

  kit.figure("unrolled", (panel, label) => {
    const state = { letters: "EabXcdbacdabdcabbdacYdcabdbacdcB", t: 6, u: 0.9, f: 0.98 };
    const canvas = kit.canvas(640, 430, label), says = kit.report();
    const line = (d, attributes) => kit.svg("path", { d, fill: "none", stroke: "currentColor", ...attributes });

    function word(x, y, content, size) {
      const element = kit.svg("text", { x, y, "text-anchor": "middle" }, content);
      if (size) element.style.fontSize = `${size}px`;
      return element;
    }

    /** The unrolled network around the chosen step: states above and below their inputs. */
    function drawSteps(states) {
      const n = state.letters.length, begin = Math.max(0, Math.min(n - shown, state.t - shown / 2));
      for (let t = begin; t < Math.min(n, begin + shown); t++) {
        const x = 72 + (t - begin) * 75, here = t === state.t;
        const relevant = state.letters[t] === "X" || state.letters[t] === "Y";
        for (const [name, y, from, to] of [["lstm", 40, 98, 68], ["rnn", 200, 142, 172]]) {
          const value = states[name][t];
          if (t) canvas.append(line(`M${x - 50} ${y}H${x - 27}m-7 -5l7 5l-7 5`, { "stroke-width": 2 }));
          canvas.append(
            line(`M${x} ${from}V${to}m-5 ${Math.sign(from - to) * 7}l5 ${Math.sign(to - from) * 7}l5 ${Math.sign(from - to) * 7}`,
              { "stroke-width": 2, "stroke-opacity": relevant || name === "rnn" ? 1 : 0.15 }),
            kit.svg("circle", {
              cx: x, cy: y, r: 25, fill: value < 0 ? kit.colours.blue : kit.colours.orange,
              "fill-opacity": 0.45 * Math.min(1, Math.abs(value)), stroke: "currentColor", "stroke-width": here ? 3.5 : 1.2,
            }),
            word(x, y + 6, kit.number(value, 2), 18),
          );
        }
        canvas.append(
          kit.svg("rect", {
            x: x - 18, y: 102, width: 36, height: 36, rx: 4, fill: relevant ? "currentColor" : "none", "fill-opacity": 0.14,
            stroke: "currentColor", "stroke-width": here ? 3.5 : 1.2,
          }),
          word(x, 127, state.letters[t], 21), word(x, 250, kit.number(t), 15),
        );
      }
      canvas.append(word(16, 46, "c"), word(16, 127, "x"), word(16, 206, "h"), word(16, 250, "t"));
    }

    /** What is left of the first letter, over the whole sequence. */
    function drawLeft(left, first) {
      const n = state.letters.length, x = (t) => 40 + (t / (n - 1)) * 590, y = (v) => 400 - 110 * Math.min(v, 1.15);
      canvas.append(
        line("M40 270V400H632", { "stroke-width": 1.5 }), line(`M${x(state.t)} 272V400`, { "stroke-dasharray": "3 3" }),
        line(`M34 ${y(1)}H40`, { "stroke-width": 1.5 }), word(20, y(1) + 6, "1"), word(20, 406, "0"), word(626, 424, "t"),
      );
      for (const [name, colour, dash] of [["lstm", kit.colours.orange, "none"], ["rnn", kit.colours.blue, "7 4"]]) {
        const points = left[name].map((v, k) => `${x(first + k).toFixed(1)} ${y(v).toFixed(1)}`);
        canvas.append(line(`M${points.join("L")}`, { stroke: colour, "stroke-width": 2.5, "stroke-dasharray": dash }));
      }
    }

    function draw() {
      canvas.replaceChildren();
      const { letters, u, f, t } = state, first = letters.search(/[XY]/);
      const letter = letters[first], other = letter === "X" ? "Y" : "X";
      const states = read(letters, u, f), turned = read(letters.slice(0, first) + other + letters.slice(first + 1), u, f);
      const left = {};
      for (const name of ["rnn", "lstm"]) {
        const gaps = states[name].map((v, k) => Math.abs(v - turned[name][k])).slice(first);
        left[name] = gaps.map((gap) => gap / gaps[0]);
      }
      drawSteps(states);
      drawLeft(left, first);
      const share = (name) => (t < first ? "" : kit.number(100 * left[name][t - first], 1));
      says.textContent = text.says(t, letters[t], kit.number(inputs[letters[t]], 1), kit.number(states.rnn[t], 2), kit.number(states.lstm[t], 2)) +
        text.left(letter, t - first, share("rnn"), share("lstm"));
    }

    const field = kit.html("input", {
      type: "text", maxlength: most, spellcheck: "false", autocomplete: "off", autocapitalize: "off", class: "kit-text",
    });
    field.value = state.letters.slice(1, -1);
    const steps = kit.slider(text.step, { min: 0, max: state.letters.length - 1, value: state.t },
      (value) => { state.t = value; draw(); });

    /** Take over what stands in the field, or say what is wrong with it. */
    function take() {
      const typed = field.value.replace(/\s/g, ""), strange = typed.match(/[^XYabcd]/);
      const problem = strange ? text.wrong(strange[0]) : /[XY]/.test(typed) ? "" : text.none;
      field.setAttribute("aria-invalid", String(problem !== ""));
      if (problem) { says.textContent = problem; return; }
      state.letters = `E${typed}B`;
      steps.input.max = state.letters.length - 1;
      state.t = Math.min(state.t, state.letters.length - 1);
      steps.set(state.t);
      for (const input of choice.querySelectorAll("input")) input.checked = input.value === state.letters.match(/[XY]/)[0];
      draw();
    }
    field.addEventListener("input", take);
    const choice = kit.choice(text.first, { X: "X", Y: "Y" }, "X", (letter) => {
      field.value = field.value.replace(/[XY]/, letter);
      take();
    });
    const control = (name, high) => kit.slider(text[name], { min: 0, max: high, step: 0.01, value: state[name], show: (v) => kit.number(v, 2) },
      (value) => { state[name] = value; draw(); }).row;
    panel.append(
      canvas, kit.html("label", { class: "kit-row kit-wide" }, kit.html("span", {}, text.letters), field),
      choice, steps.row, control("f", 1), control("u", 1.5), says,
    );
    draw();
  });
})();
