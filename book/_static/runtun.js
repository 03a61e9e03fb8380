// What the pages of the book need beyond the theme: the language that the reader chose, the place
// that the switch keeps, quizzes, and keyboard access to what scrolls. Everything here is an
// addition: without it the links still lead to the twin page and the answers can be unfolded.
"use strict";

document.documentElement.classList.add("js");

function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch (error) {
    // Storage may be closed to pages from disk; the choice then lasts for this page only.
  }
}

// The place on this page, by a name that the twin page knows as well. Anchors made from headings
// differ between languages; `section-n` does not.
function place() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName !== "SECTION" && target.textContent.trim()) return location.hash;
  if (!target && scrollY < 50) return "";
  let section = target && target.closest("section");
  if (!section) {
    for (const candidate of document.querySelectorAll("article section")) {
      if (candidate.getBoundingClientRect().top < innerHeight / 3) section = candidate;
    }
  }
  if (!section || !section.parentElement.closest("section")) return "";
  const anchor = [section, ...section.querySelectorAll(":scope > span[id]")].find((element) =>
    /^section-\d+$/.test(element.id),
  );
  return anchor ? "#" + anchor.id : "";
}

function watchLanguageSwitch() {
  remember("runtun-language", document.documentElement.lang);
  for (const link of document.querySelectorAll("a.language-switch")) {
    link.addEventListener("click", () => {
      remember("runtun-language", link.dataset.language);
      const address = new URL(link.href);
      address.search = location.search;
      address.hash = place();
      link.href = address.href;
    });
  }
}

function watchQuizzes() {
  for (const quiz of document.querySelectorAll("fieldset.quiz")) {
    const status = quiz.querySelector(".quiz-status");
    const answers = quiz.querySelectorAll(".quiz-answers li");
    const options = quiz.querySelectorAll(".quiz-option");
    for (const input of quiz.querySelectorAll("input")) {
      input.addEventListener("change", () => {
        status.textContent = "";
        quiz.removeAttribute("data-result");
        for (const option of options) option.removeAttribute("data-state");
      });
    }
    quiz.querySelector(".quiz-check").addEventListener("click", () => {
      const chosen = quiz.querySelector("input:checked");
      status.textContent = "";
      if (!chosen) {
        status.textContent = status.dataset.choose;
        return;
      }
      const answer = answers[Number(chosen.value)];
      const right = answer.dataset.answer === "true";
      quiz.dataset.result = right ? "right" : "wrong";
      chosen.closest(".quiz-option").dataset.state = quiz.dataset.result;
      const verdict = document.createElement("strong");
      verdict.textContent = right ? status.dataset.right : status.dataset.wrong;
      const explanation = answer.querySelector(":scope > span").cloneNode(true);
      status.append(verdict, " ", explanation);
    });
  }
}

// A box that scrolls sideways must be reachable by keyboard, and only when it does scroll.
function watchScrolling() {
  const boxes = document.querySelectorAll(
    "article .highlight pre, article .table-scroll, article .katex-display, article .output pre",
  );
  const update = () => {
    // What is folded away has no width yet, and asking for it would lay it out.
    const shown = [...boxes].filter((box) => !box.closest("details:not([open])"));
    // All are measured before the first is changed: else each would be laid out anew.
    const wide = shown.map((box) => box.scrollWidth > box.clientWidth + 1);
    shown.forEach((box, i) => {
      if (wide[i]) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    });
  };
  update();
  addEventListener("resize", update);
  document.addEventListener("toggle", update, true); // the event does not bubble
  // Formulas and code grow when their fonts arrive.
  document.fonts.ready.then(update);
  document.fonts.addEventListener("loadingdone", update);
}

// The copy buttons are made by a script that knows neither Indonesian nor labels.
function labelCopyButtons() {
  const words = JSON.parse(document.documentElement.dataset.words || "{}");
  for (const button of document.querySelectorAll("button.copybtn")) {
    button.setAttribute("aria-label", words.copy);
    button.dataset.tooltip = words.copy;
    new MutationObserver(() => {
      const success = button.classList.contains("success");
      const text = success ? words.copied : words.copy;
      if (button.dataset.tooltip !== text) button.dataset.tooltip = text;
    }).observe(button, { attributes: true });
  }
}

// Paper cannot be unfolded.
function unfoldForPrint() {
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("article details:not([open])")];
    for (const details of closed) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of closed) details.open = false;
  });
}

addEventListener("DOMContentLoaded", () => {
  watchLanguageSwitch();
  watchQuizzes();
  watchScrolling();
  unfoldForPrint();
  // After sphinx-copybutton's own handler for the same event.
  setTimeout(labelCopyButtons, 0);
});
