// Searches as one types, on top of a form that works without it. The answer is the page
// itself; what changed in it takes the place of what was there.
"use strict";
(() => {
  const form = document.querySelector("form[data-live]");
  if (!form) return;
  form.dataset.live = "on";
  const live = ["rows", "pager", "count", "total"];
  const wait = 120; // ms after the last key
  let timer, running;
  // data-state tells tests, and whoever styles it, whether what is shown is what was asked for.
  const asked = () => { form.dataset.state = "asked"; };

  const search = () => {
    timer = undefined;
    asked();
    if (running) running.abort();
    const xhr = running = new XMLHttpRequest();
    xhr.open("POST", form.action);
    xhr.responseType = "document";
    xhr.onload = () => {
      running = undefined;
      document.body.classList.remove("busy");
      const page = xhr.response;
      if (xhr.status !== 200 || !page || !page.getElementById("rows")) {
        form.submit(); // signed out, or too fast: the whole page says so
        return;
      }
      const ticked = new Set(boxes().filter((b) => b.checked).map((b) => b.value));
      for (const id of live) {
        document.getElementById(id).replaceWith(document.importNode(page.getElementById(id), true));
      }
      for (const b of boxes()) b.checked = ticked.has(b.value);
      for (const name of ["vue"]) {
        const value = page.querySelector(`#search [name=${name}]`).value;
        for (const field of document.querySelectorAll(`[name=${name}]`)) field.value = value;
      }
      history.replaceState(null, "", xhr.responseURL);
      count();
      if (!timer) form.dataset.state = "answered";
    };
    xhr.onerror = () => { running = undefined; document.body.classList.remove("busy"); };
    document.body.classList.add("busy");
    xhr.send(new URLSearchParams(new FormData(form)));
  };

  const boxes = () => [...document.querySelectorAll("#rows input[name=id]")];
  const all = document.getElementById("all");
  const count = () => {
    const n = boxes().filter((b) => b.checked).length;
    document.getElementById("picked").textContent = n;
    all.checked = n > 0 && n === boxes().length;
    all.indeterminate = n > 0 && n < boxes().length;
  };

  all.hidden = false;
  all.addEventListener("change", () => { for (const b of boxes()) b.checked = all.checked; count(); });
  document.addEventListener("change", (e) => {
    if (e.target.name === "id") count();
    if (e.target.form === form && e.target.matches("select")) search();
  });
  document.addEventListener("input", (e) => {
    if (e.target.form !== form || !e.target.matches("input:not([type=checkbox])")) return;
    clearTimeout(timer);
    asked();
    timer = setTimeout(search, wait);
  });
  // A menu closes as menus do.
  const menus = [...document.querySelectorAll("details.menu")];
  document.addEventListener("click", (e) => { for (const m of menus) if (!m.contains(e.target)) m.open = false; });
  document.addEventListener("keydown", (e) => {
    if (e.key !== "Escape") return;
    for (const m of menus) if (m.open) { m.open = false; m.querySelector("summary").focus(); }
  });
  count();
})();
