// What lives, keys, copying and quiet marks. Every page works without this but for what lives.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Copy buttons are hidden where nothing could be copied.
  const showCopy = (within) => {
    if (navigator.clipboard) all(".copy", within).forEach((button) => { button.hidden = false; });
  };
  showCopy(document);
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".copy");
    if (!button) return;
    navigator.clipboard.writeText(button.dataset.copy).then(() => {
      button.classList.add("done");
      setTimeout(() => button.classList.remove("done"), 1500);
    });
  });

  // What was posted is on its way: a second click would be refused, and say that nothing was done. Whoever comes back to
  // the page, or has waited long enough, may post again.
  const underWay = new Map();
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.getAttribute("method") !== "post" || event.defaultPrevented) return;
    if (performance.now() - (underWay.get(form) ?? -Infinity) < 10000) event.preventDefault();
    else underWay.set(form, performance.now());
  });
  addEventListener("pageshow", () => underWay.clear());

  // One menu at a time, and Escape closes it.
  document.addEventListener("click", (event) => {
    all("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });

  // Problems are read out first.
  const problems = document.querySelector(".problems");
  if (problems) problems.focus();
  // A link to a field within something folded opens it.
  const unfold = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    const folded = target && target.closest("details");
    if (folded) { folded.open = true; target.focus(); }
  };
  addEventListener("hashchange", unfold);
  unfold();

  // Keys: j and k move between rows, Enter opens, e is the page's own action, / searches, ? explains.
  const rows = () => all("[data-row]");
  const move = (step) => {
    const found = rows();
    if (!found.length) return;
    const at = found.findIndex((row) => row.classList.contains("at"));
    found.forEach((row) => row.classList.remove("at"));
    const row = found[Math.min(Math.max(at + step, 0), found.length - 1)];
    row.classList.add("at");
    row.scrollIntoView({ block: "nearest" });
    const link = row.querySelector("a, button, input");
    if (link) link.focus({ preventScroll: true });
  };
  const keys = {
    "/": () => document.getElementById("search")?.focus(),
    "?": () => document.getElementById("help")?.showModal(),
    j: () => move(1),
    k: () => move(-1),
    e: () => document.querySelector("[data-key=e]")?.click(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") all("details.menu[open]").forEach((menu) => { menu.open = false; });
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    if (event.target.closest("input, select, textarea, dialog[open]") && event.target.type !== "checkbox") return;
    event.preventDefault();
    keys[event.key]();
  });

  // What lives: each element of a fragment takes the place of the one with its id; one that is new goes to the end of
  // what its `data-into` names. Nothing else moves.
  const place = (fragment) => {
    for (const made of [...fragment.children]) {
      const old = made.id && document.getElementById(made.id);
      const into = made.dataset.into && document.getElementById(made.dataset.into);
      if (old) {
        if (old.contains(document.activeElement) || old.isEqualNode(made)) continue;
        old.replaceWith(made);
      } else if (into) {
        into.append(made);
      } else continue;
      made.classList.add("new");
      showCopy(made);
    }
  };
  all("[data-live]").forEach((where) => {
    const source = new EventSource(where.dataset.live);
    source.onmessage = (event) => {
      const template = document.createElement("template");
      template.innerHTML = event.data;
      place(template.content);
    };
    source.addEventListener("end", () => source.close());
    addEventListener("pagehide", () => source.close());
  });
})();
