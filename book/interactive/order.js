/* One week of electricity demand; the reader destroys its order bit by bit.
   Left: the series. Right: every value against the one that follows it. */
"use strict";
(() => {
  // England and Wales, MW, half-hours of 5-11 June 2000 (a test compares them with the library's file).
  const demand = [
    22262, 21756, 22247, 22759, 22549, 22313, 22128, 21860, 21751, 21336, 21363, 22176, 24649, 27466, 31020, 33529,
    35428, 36034, 36834, 37296, 37338, 37608, 37692, 37944, 37880, 37493, 37065, 36855, 36871, 36837, 36603, 36982,
    37369, 37650, 37413, 36475, 35486, 34452, 33704, 32883, 31940, 32215, 32572, 32850, 32251, 30895, 28460, 26572,
    25093, 24320, 24684, 25338, 24943, 24637, 24424, 24163, 23943, 23324, 23412, 24065, 26035, 28632, 32023, 34315,
    35927, 36367, 37087, 37184, 37009, 37212, 37531, 37890, 37982, 37540, 37160, 36920, 37060, 36930, 36640, 36910,
    37220, 37530, 37320, 36331, 35206, 34203, 33273, 32376, 31838, 31211, 31505, 31838, 32185, 30881, 28800, 26833,
    25095, 24437, 24697, 25259, 25029, 24806, 24437, 24279, 23902, 23418, 23424, 24094, 26039, 28636, 32034, 34235,
    35694, 35978, 36475, 36675, 36720, 36842, 36890, 36917, 36854, 36525, 36431, 36212, 36061, 35931, 35835, 36148,
    36523, 36859, 36731, 35804, 34721, 34035, 33234, 32532, 31474, 31957, 32500, 32586, 31917, 30636, 28705, 26707,
    25092, 24412, 24714, 25079, 24904, 24380, 24009, 23913, 23657, 23262, 23283, 23870, 26001, 28448, 31876, 34363,
    35819, 36295, 36949, 37095, 37086, 37520, 37540, 37671, 37695, 37314, 37113, 36796, 36705, 36634, 36357, 36664,
    37020, 37152, 36836, 36008, 34981, 34265, 33385, 32477, 31966, 31402, 31703, 32192, 32322, 30972, 28910, 26992,
    25324, 24684, 24893, 25092, 24751, 24238, 23906, 23755, 23625, 23027, 23097, 23692, 25936, 28501, 31838, 34308,
    36305, 36743, 37705, 37980, 38084, 38379, 38526, 38429, 38344, 37785, 37495, 37190, 37010, 36641, 36296, 36309,
    36532, 36662, 36229, 35321, 34409, 33425, 32708, 31460, 30955, 30274, 30302, 30427, 30154, 29311, 27699, 26213,
    24756, 23847, 23917, 23989, 23555, 23026, 22668, 22451, 21969, 21212, 20978, 21155, 22370, 23537, 25210, 26961,
    28770, 29915, 30895, 31273, 31390, 31287, 31163, 30811, 30310, 29767, 29016, 28374, 28064, 27599, 27338, 27156,
    27355, 27860, 28315, 28396, 27932, 27776, 27520, 27026, 26649, 26343, 26487, 27219, 27384, 26680, 25658, 24258,
    22864, 21998, 22165, 22308, 21863, 21439, 21067, 20781, 20389, 19663, 19305, 19410, 20079, 20701, 21639, 22722,
    24046, 25150, 26285, 27420, 28438, 28770, 29309, 29586, 29721, 29598, 28776, 28008, 27487, 27272, 27091, 27156,
    27190, 27461, 27722, 27583, 27575, 27512, 27603, 27155, 27250, 27200, 27798, 28487, 28691, 27260, 25371, 23689,
  ];
  const text = kit.words({
    en: {
      amount: "values that lose their place", again: "another shuffle",
      says: (error, r, mean, sd) =>
        `“The same as half an hour ago” is wrong by ${error} MW on average; correlation of neighbours ${r}. ` +
        `Mean ${mean} MW and standard deviation ${sd} MW: as before.`,
    },
    id: {
      amount: "nilai yang kehilangan tempatnya", again: "acak lagi",
      says: (error, r, mean, sd) =>
        `Tebakan “sama dengan setengah jam lalu” rata-rata meleset ${error} MW; korelasi antartetangga ${r}. ` +
        `Rata-rata ${mean} MW dan simpangan baku ${sd} MW: tetap seperti semula.`,
    },
  });
  const low = 18000, high = 39000, n = demand.length;

  /** Exchange a share of the values among themselves; the rest stay where they are. */
  function disorder(share, seed) {
    const draw = kit.random(seed), order = [...demand.keys()];
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(draw() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    const places = order.slice(0, Math.round(share * n)), result = [...demand];
    places.forEach((place, k) => { result[place] = demand[places[(k + 1) % places.length]]; });
    return result;
  }

  const average = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;

  kit.figure("order", (panel, label) => {
    const canvas = kit.canvas(640, 250, label), says = kit.report();
    const up = (v, size) => size - ((v - low) / (high - low)) * size;
    canvas.append(
      kit.svg("path", { d: "M30 10V210H400M440 10V210H640", fill: "none", stroke: "currentColor", "stroke-width": 1.5 }),
      kit.svg("text", { x: 392, y: 234 }, "t"), kit.svg("text", { x: 2, y: 20 }, "x"),
      kit.svg("text", { x: 612, y: 234 }, "x"), kit.svg("text", { x: 410, y: 20 }, "x"),
    );
    for (const [x, y, sub] of [[11, 25, "t"], [621, 239, "t"], [419, 25, "t+1"]]) {
      const mark = kit.svg("text", { x, y }, sub);
      mark.style.fontSize = "11px";
      canvas.append(mark);
    }
    const line = kit.svg("path", { fill: "none", stroke: kit.colours.blue, "stroke-width": 2, "stroke-linejoin": "round" });
    const dots = kit.svg("path", { fill: "none", stroke: kit.colours.orange, "stroke-width": 4, "stroke-linecap": "round", opacity: 0.7 });
    canvas.append(line, dots);
    let share = 0, seed = 1;

    function draw() {
      const x = disorder(share, seed);
      line.setAttribute("d", "M" + x.map((v, t) => `${(32 + (t / n) * 366).toFixed(1)} ${(10 + up(v, 198)).toFixed(1)}`).join("L"));
      dots.setAttribute("d", x.slice(1).map((v, t) =>
        `M${(640 - up(x[t], 198)).toFixed(1)} ${(10 + up(v, 198)).toFixed(1)}h0`).join(""));
      const mean = average(x), variance = average(x.map((v) => (v - mean) ** 2));
      const error = average(x.slice(1).map((v, t) => Math.abs(v - x[t])));
      const r = average(x.slice(1).map((v, t) => (v - mean) * (x[t] - mean))) / variance;
      says.textContent = text.says(kit.number(error), kit.number(r, 2), kit.number(mean), kit.number(Math.sqrt(variance)));
    }
    const amount = kit.slider(text.amount, { min: 0, max: 100, value: 0, show: (v) => kit.number(v) + " %" },
      (value) => { share = value / 100; draw(); });
    panel.append(canvas, amount.row, kit.button(text.again, () => { seed += 1; draw(); }), says);
    draw();
  });
})();
