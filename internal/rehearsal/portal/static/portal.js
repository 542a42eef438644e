// Makes the portal's pages answer while one types. All of them work without.
"use strict";

const plain = (s) => s.toLowerCase().normalize("NFD").replace(/\p{Mn}/gu, "");

// A field with something in it is gone on with at its end.
const first = document.querySelector("input[autofocus]");
if (first?.value) {
  const text = first.value;
  first.value = "";
  first.value = text;
}

// The list of universities, narrowed by each key.
const list = document.getElementById("list");
const query = document.getElementById("q");
if (list && query) {
  document.querySelector("[data-noscript]").hidden = true;
  const none = document.createElement("p");
  none.className = "suggest";
  none.setAttribute("role", "status");
  list.append(none);
  const narrow = () => {
    const words = plain(query.value).split(/[^\p{L}\p{N}]+/u).filter(Boolean);
    let seen = 0;
    for (const option of list.querySelectorAll("[data-search]")) {
      const have = option.dataset.search.split(" ");
      const fits = words.every((w) => have.some((h) => h.startsWith(w)));
      option.hidden = !fits;
      if (!fits) option.firstElementChild.checked = false; // nothing out of sight is chosen
      seen += fits;
    }
    for (const p of list.querySelectorAll(".suggest:not([role])")) p.hidden = words.length > 0;
    none.textContent = seen === 0 ? list.dataset.none : "";
    none.hidden = seen !== 0;
  };
  query.addEventListener("input", narrow);
  query.form.addEventListener("submit", (e) => {
    e.preventDefault();
    narrow();
    const found = [...list.querySelectorAll("[data-search]:not([hidden]) input")];
    if (found.length === 1) found[0].checked = true;
    found[0]?.focus();
  });
  narrow();
}

// Copying an address.
for (const button of document.querySelectorAll("[data-copies]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
      button.textContent = button.dataset.done;
    } catch {
      getSelection().selectAllChildren(document.getElementById(button.dataset.copies));
    }
  });
}

// Showing what is typed in a password field.
for (const button of document.querySelectorAll("[data-shows]")) {
  const field = document.getElementById(button.dataset.shows);
  const show = button.textContent;
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = field.type === "password";
    field.type = shown ? "text" : "password";
    button.textContent = shown ? button.dataset.hide : show;
    button.setAttribute("aria-pressed", String(shown));
    field.focus();
  });
  field.form.addEventListener("submit", () => { field.type = "password"; });
}

// The new password: judged by the service, a moment after the last key.
const form = document.getElementById("new");
if (form) {
  const password = document.getElementById("password");
  const confirm = document.getElementById("confirm");
  const meter = document.getElementById("meter");
  const wrong = document.getElementById("password-wrong");
  const differs = document.getElementById("confirm-wrong");
  const rules = (name) => form.querySelector(`[data-rule=${name}]`);
  const mark = (name, good, known = true) => {
    rules(name).classList.toggle("good", known && good);
    rules(name).classList.toggle("bad", known && !good);
  };
  const say = (where, text, kind) => {
    const old = where.firstElementChild;
    if (old?.textContent === text) return;
    where.replaceChildren();
    if (!text) return;
    const p = document.createElement("p");
    p.className = kind;
    p.setAttribute("role", kind === "wrong" ? "alert" : "status");
    p.textContent = text;
    where.append(p);
  };
  const same = () => {
    if (!confirm.value) return say(differs, "", "");
    if (confirm.value === password.value) return say(differs, confirm.dataset.same, "same");
    // While the beginning agrees nothing is wrong yet.
    say(differs, password.value.startsWith(confirm.value) ? "" : confirm.dataset.differs, "wrong");
  };
  let turn = 0;
  const judge = async () => {
    const mine = ++turn;
    const body = new URLSearchParams({ csrf: form.elements.csrf.value, password: password.value });
    try {
      const answer = await fetch("/mot-de-passe/avis", { method: "POST", body });
      if (!answer.ok || mine !== turn) return;
      const said = await answer.json();
      // A strength is said of what could be a password.
      meter.hidden = said.fault !== "" && said.fault !== "common";
      meter.dataset.strength = said.strength;
      meter.querySelector("output").textContent = said.says;
      const length = [...password.value.normalize("NFC")].length;
      const bad = said.fault === "character" || said.fault === "edges";
      mark("letters", !bad);
      mark("common", said.strength >= 3, length >= Number(form.dataset.min));
      // «Still too short» is no mistake while one types: the list shows it.
      say(wrong, said.fault === "short" ? "" : said.text, "wrong");
    } catch {
      // The service is not to be reached now: «Créer» will tell.
    }
  };
  let timer = 0;
  password.addEventListener("input", () => {
    clearTimeout(timer);
    same();
    if (!password.value) {
      turn++;
      meter.hidden = true;
      say(wrong, "", "");
      for (const name of ["length", "letters", "common"]) mark(name, false, false);
      return;
    }
    const length = [...password.value.normalize("NFC")].length;
    mark("length", length >= Number(form.dataset.min) && length <= Number(form.dataset.max), length >= Number(form.dataset.min));
    timer = setTimeout(judge, 250);
  });
  confirm.addEventListener("input", same);
}
