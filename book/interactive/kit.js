/* What the interactive figures share: SVG elements, labelled controls, numbers in the page's language.
   No dependency, no request. Each figure registers itself with kit.figure(name, build). */
"use strict";
const kit = (() => {
  const language = document.documentElement.lang.startsWith("id") ? "id" : "en";
  const colours = { blue: "#0072b2", orange: "#d55e00", green: "#008060", purple: "#8a4f7d" };

  /** The words of the page's language out of {id: {...}, en: {...}}. */
  const words = (table) => table[language];

  /** A number in the page's notation, with a true minus sign. */
  const number = (value, digits = 0) =>
    value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "−");

  /** An SVG element with attributes. */
  function svg(tag, attributes = {}, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  /** An HTML element with attributes. */
  function html(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  /** A canvas of the given size in user units that scales with the column and is named for a screen reader. */
  const canvas = (width, height, label) =>
    svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "kit-canvas" });

  /** A labelled slider; `show` turns its value into text. Arrow keys, Page Up/Down, Home, End work natively. */
  function slider(label, { min, max, value, step = 1, show = String }, change) {
    const input = html("input", { type: "range", min, max, step });
    input.value = value;
    const reading = html("output", { class: "kit-value" }, show(value));
    input.addEventListener("input", () => {
      reading.textContent = show(Number(input.value));
      change(Number(input.value));
    });
    const row = html("label", { class: "kit-row" }, html("span", {}, label), input, reading);
    const set = (next) => { input.value = next; reading.textContent = show(Number(input.value)); };
    return { row, input, set };
  }

  /** A choice between a few things: radio buttons under a legend. `options` maps value to label. */
  function choice(legend, options, value, change) {
    const name = `kit-${(choice.count = (choice.count || 0) + 1)}`;
    const group = html("fieldset", { class: "kit-choice" }, html("legend", {}, legend));
    for (const [key, label] of Object.entries(options)) {
      const input = html("input", { type: "radio", name, value: key });
      input.checked = key === value;
      input.addEventListener("change", () => change(key));
      group.append(html("label", {}, input, label));
    }
    return group;
  }

  /** A button. */
  function button(label, press) {
    const element = html("button", { type: "button", class: "kit-button" }, label);
    element.addEventListener("click", press);
    return element;
  }

  /** A polite live region: what the figure says in words, read out when it changes. */
  const report = () => html("p", { class: "kit-report", role: "status" });

  /** A small seeded generator (mulberry32), so every reader sees the same picture. */
  function random(seed) {
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  /** Put the live figure in the place of the static one, wherever the page has it. */
  function figure(name, build) {
    for (const element of document.querySelectorAll(`figure.interactive-${name}`)) {
      const image = element.querySelector("img, object, svg");
      if (!image) continue;
      const panel = html("div", { class: "kit-panel" });
      build(panel, image.getAttribute("alt") || "");
      (image.closest("a") || image).replaceWith(panel);
    }
  }

  return { language, colours, words, number, svg, html, canvas, slider, choice, button, report, random, figure };
})();
