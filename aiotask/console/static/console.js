"use strict";
// Keeps the page current: the server sends the parts that have changed, as it drew them.
(() => {
  const age = document.getElementById("age");
  const trouble = document.getElementById("trouble");
  let at = Number(document.body.dataset.at);

  function told(seconds) {
    if (seconds < 2) return "just read";
    if (seconds < 120) return `read ${Math.round(seconds)} s ago`;
    return `read ${Math.round(seconds / 60)} min ago`;
  }

  function tick() {
    const text = told(Date.now() / 1000 - at);
    if (age.textContent !== text) age.textContent = text;
  }

  function put(name, text) {
    const part = document.getElementById(`part-${name}`);
    if (part === null) return;
    const links = [...part.querySelectorAll("a, button, [tabindex]")];
    const place = links.indexOf(document.activeElement);
    const scrolled = [...part.querySelectorAll("[tabindex]")].map((each) => each.scrollLeft);
    part.innerHTML = text;
    part.querySelectorAll("[tabindex]").forEach((each, n) => (each.scrollLeft = scrolled[n] ?? 0));
    // Who walks through the links by keyboard stays where they were.
    if (place >= 0) part.querySelectorAll("a, button, [tabindex]")[place]?.focus({ preventScroll: true });
  }

  setInterval(tick, 1000);
  if (document.body.dataset.stream === undefined) return; // a page of forms

  const source = new EventSource(document.body.dataset.stream);
  source.onmessage = (event) => {
    const told = JSON.parse(event.data);
    trouble.textContent = told.error ?? "";
    if (told.at === undefined) return;
    at = told.at;
    for (const [name, text] of Object.entries(told.parts)) put(name, text);
    document.body.dataset.updates = String(Number(document.body.dataset.updates ?? 0) + 1);
    tick();
  };
  source.onerror = () => {
    trouble.textContent = "The console does not answer: is its command still running?";
  };
  addEventListener("pagehide", () => source.close());
})();
