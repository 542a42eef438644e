// What can be told of a page's accessibility without a person: names of fields and buttons,
// what refers to what, headings, contrast, sizes of what is touched, what is cut off. The value
// is a list of sentences, empty where nothing is wrong. WCAG 2.2 level AA unless said.
(() => {
  const wrong = [];
  const clipped = (e) => e && (getComputedStyle(e).clipPath === "inset(50%)" || clipped(e.parentElement)); // for ears alone
  const seen = (e) => e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && e.getClientRects().length > 0 && !e.closest(".hide, .skip:not(:focus)") && !clipped(e);
  const what = (e) => {
    const t = (e.textContent || e.value || "").trim().replace(/\s+/g, " ").slice(0, 30);
    return e.localName + (e.id ? "#" + e.id : e.className ? "." + String(e.className).split(" ").join(".") : e.name ? `[name=${e.name}]` : "") + (t ? ` «${t}»` : "");
  };
  const byID = (list) => (list || "").split(/\s+/).filter(Boolean).map((id) => document.getElementById(id));
  const textOf = (e) => (e ? e.textContent.trim() || [...e.querySelectorAll("img[alt]")].map((i) => i.alt).join(" ").trim() : "");
  const nameOf = (e) => (e.getAttribute("aria-label") || "").trim() || byID(e.getAttribute("aria-labelledby")).map(textOf).join(" ") ||
    [...(e.labels || [])].map(textOf).join(" ").trim() || (e.matches("input, select, textarea") ? "" : textOf(e)) || (e.title || "").trim();

  // 4.1.2, 1.3.1, 3.3.2: whatever is operated has a name; a placeholder is none.
  for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea, button, a[href], summary")) {
    if (seen(e) && !nameOf(e)) wrong.push(`${what(e)}: no name`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) wrong.push(`#${id} is there twice`);
  for (const l of document.querySelectorAll("label[for]")) if (!l.control) wrong.push(`${what(l)}: a label of nothing`);
  for (const a of ["aria-describedby", "aria-labelledby", "aria-controls"]) {
    for (const e of document.querySelectorAll(`[${a}]`)) if (byID(e.getAttribute(a)).includes(null)) wrong.push(`${what(e)}: ${a} refers to nothing`);
  }
  // 3.3.1: what is marked as wrong says why.
  for (const e of document.querySelectorAll("[aria-invalid=true]")) {
    if (seen(e) && !byID(e.getAttribute("aria-describedby")).some((d) => textOf(d))) wrong.push(`${what(e)}: marked as wrong, and nothing says why`);
  }
  // 1.1.1, 2.4.2, 3.1.1, and headings that do not skip a level.
  for (const e of document.images) if (!e.hasAttribute("alt")) wrong.push(`${what(e)}: a picture without alt`);
  if (!document.title.trim() || /^\s*–/.test(document.title)) wrong.push("no title");
  if (!/^(fr|en)$/.test(document.documentElement.lang)) wrong.push("no language");
  const heads = [...document.querySelectorAll("h1, h2, h3, h4")].filter(seen).map((e) => Number(e.localName[1]));
  if (heads.filter((h) => h === 1).length !== 1) wrong.push("not one h1");
  heads.forEach((h, i) => { if (i && h > heads[i - 1] + 1) wrong.push(`h${h} follows h${heads[i - 1]}`); });

  // 1.4.10: nothing reaches out of the page; nothing that is read is cut off.
  const room = document.documentElement.clientWidth;
  if (document.scrollingElement.scrollWidth > room) wrong.push(`the page is ${document.scrollingElement.scrollWidth} wide, its window ${room}`);
  const pen = document.createElement("canvas").getContext("2d");
  for (const e of document.querySelectorAll("button, a, label, h1, h2, h3, p, td, th, summary, dd, dt, code, legend, .tag, input[placeholder]")) {
    if (!seen(e)) continue;
    const s = getComputedStyle(e);
    if (e.localName === "input") {
      if (e.value || getComputedStyle(e, "::placeholder").color.endsWith(", 0)")) continue;
      pen.font = `${s.fontWeight} ${s.fontSize} ${s.fontFamily}`;
      if (pen.measureText(e.placeholder).width > e.clientWidth - parseFloat(s.paddingLeft) - parseFloat(s.paddingRight) + 1) wrong.push(`${what(e)}: its placeholder is cut off`);
    } else if (s.display !== "inline" && s.overflowX !== "auto" && (e.scrollWidth > e.clientWidth + 1 || e.matches("td") && e.scrollHeight > e.clientHeight + 2)) wrong.push(`${what(e)}: cut off or overflowing`);
  }

  // 1.4.3: contrast of text.
  const rgba = (c) => { const m = c.match(/[\d.]+/g).map(Number); return { r: m[0], g: m[1], b: m[2], a: m[3] ?? 1 }; };
  const over = (top, under) => ({ r: top.r * top.a + under.r * (1 - top.a), g: top.g * top.a + under.g * (1 - top.a), b: top.b * top.a + under.b * (1 - top.a), a: 1 });
  const ground = (e) => {
    const layers = [];
    for (; e; e = e.parentElement) {
      const c = rgba(getComputedStyle(e).backgroundColor);
      if (c.a > 0) layers.push(c);
      if (c.a === 1) break;
    }
    return layers.reverse().reduce((under, top) => over(top, under), { r: 255, g: 255, b: 255, a: 1 });
  };
  const light = (c) => [c.r, c.g, c.b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((m, n) => n - m); return (x + 0.05) / (y + 0.05); };
  const check = (e, colour, on) => {
    const s = getComputedStyle(e);
    const large = parseFloat(s.fontSize) >= 24 || (parseFloat(s.fontSize) >= 18.66 && Number(s.fontWeight) >= 700);
    const c = contrast(over(rgba(colour), on), on);
    if (c < (large ? 3 : 4.5)) wrong.push(`${what(e)}: contrast ${c.toFixed(2)}`);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const done = new Set();
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || done.has(e) || !seen(e) || e.closest(":disabled, script, style, option")) continue;
    done.add(e);
    check(e, getComputedStyle(e).color, ground(e));
  }
  for (const e of document.querySelectorAll("input:not([type=checkbox], [type=radio], [type=hidden]), select")) {
    if (!seen(e) || e.disabled) continue;
    check(e, getComputedStyle(e).color, ground(e));
    const hint = getComputedStyle(e, "::placeholder").color;
    if (e.placeholder && rgba(hint).a > 0) check(e, hint, ground(e));
  }

  // 2.5.8, and 44 px on a phone (2.5.5) for what is not within a line of text.
  const least = room < 500 ? 44 : 24;
  for (const e of document.querySelectorAll("input:not([type=hidden]), select, button, a[href], summary")) {
    if (!seen(e)) continue;
    const place = e.matches("[type=checkbox], [type=radio]") ? (e.labels?.[0] || e.closest("td") || e) : e;
    if (e.localName === "a" && getComputedStyle(e).display === "inline") continue;
    const { width, height } = place.getBoundingClientRect();
    const enough = e.matches(".foot *, .filters *, .sort") ? 24 : least;
    if (Math.round(width) < enough || Math.round(height) < enough) wrong.push(`${what(e)}: ${Math.round(width)} × ${Math.round(height)} is small to touch`);
  }
  return wrong;
})()
