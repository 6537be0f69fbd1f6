"""The page itself: no library, no network, works from a file."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@@TITLE@@: captions</title>
<style>
:root { color-scheme: dark; --cell: @@CELL@@px; }
body { margin: 0; background: #17181a; color: #e4e4e4; font: 14px/1.45 system-ui, sans-serif; }
header { position: sticky; top: 0; background: #1f2023; padding: 10px 18px; z-index: 1;
  border-bottom: 1px solid #383a3f; }
h1 { font-size: 16px; margin: 0 0 8px; }
#bar { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; }
button, select, input { font: inherit; color: inherit; background: #2b2d31; padding: 3px 10px;
  border: 1px solid #46494f; border-radius: 12px; }
button { cursor: pointer; }
button[aria-pressed=true] { background: #e4e4e4; color: #17181a; }
button[data-not=true] { background: #6b2b2b; text-decoration: line-through; }
button:disabled { opacity: .35; cursor: default; }
input { border-radius: 4px; min-width: 14em; }
main { display: grid; gap: 16px 24px; padding: 18px;
  grid-template-columns: repeat(auto-fill, minmax(calc(2 * var(--cell) + 260px), 1fr)); }
article { display: grid; grid-template-columns: var(--cell) var(--cell) 1fr; gap: 10px;
  align-items: start; }
img, .none { width: var(--cell); height: var(--cell); display: block; background: #000; }
.none { display: grid; place-items: center; color: #777; border: 1px dashed #444;
  box-sizing: border-box; background: none; }
.text { font-size: 15px; margin: 0 0 6px; }
.more, .id { color: #9a9ca1; margin: 0 0 4px; font-size: 12px; overflow-wrap: anywhere; }
.flag { display: inline-block; background: #5a4a1c; border-radius: 8px; padding: 0 7px;
  margin: 0 4px 4px 0; font-size: 12px; }
footer { padding: 0 18px 24px; display: flex; gap: 8px; align-items: center; }
@media (max-width: 700px) { main { grid-template-columns: 1fr; }
  article { grid-template-columns: 1fr 1fr; } article > div { grid-column: 1 / 3; }
  img, .none { width: 100%; height: auto; aspect-ratio: 1; } }
</style>
</head>
<body>
<header>
<h1>@@TITLE@@: @@TOTAL@@ tiles</h1>
<div id="bar" role="group" aria-label="filters"></div>
</header>
<main id="tiles"></main>
<footer><button id="back">&larr; before</button><span id="where"></span>
<button id="next">after &rarr;</button></footer>
<noscript>This page filters with JavaScript; please allow it.</noscript>
<script>
const tiles = @@DATA@@;
const flags = @@FLAGS@@;
const each = @@EACH@@;
const want = {};            // flag -> true (must have) or false (must not have)
let split = "", words = "", page = 0;
const make = (tag, text, name) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
};
const bar = document.getElementById("bar");
for (const [name, [meaning, number]] of Object.entries(flags)) {
  const button = make("button", name + " " + number);
  button.title = meaning + " (click: only these; again: all but these)";
  button.setAttribute("aria-pressed", "false");
  button.onclick = () => {
    want[name] = want[name] === undefined ? true : want[name] ? false : undefined;
    button.setAttribute("aria-pressed", String(want[name] === true));
    button.dataset.not = String(want[name] === false);
    page = 0; show();
  };
  bar.append(button);
}
const splits = [...new Set(tiles.map(tile => tile.p))];
const select = make("select");
select.setAttribute("aria-label", "split");
for (const name of ["", ...splits]) {
  const entry = make("option", name || "all splits");
  entry.value = name;
  select.append(entry);
}
select.onchange = () => { split = select.value; page = 0; show(); };
bar.append(select);
const search = make("input");
search.type = "search";
search.placeholder = "words in caption or id";
search.setAttribute("aria-label", "words in caption or id");
search.oninput = () => { words = search.value.toLowerCase(); page = 0; show(); };
bar.append(search);
const fits = tile =>
  (!split || tile.p === split) &&
  Object.entries(want).every(([name, on]) => on === undefined || tile.f.includes(name) === on) &&
  (!words || (tile.t + " " + tile.i + " " + tile.o.join(" ")).toLowerCase().includes(words));
const picture = (source, label) => {
  if (!source) return make("div", "no " + label, "none");
  const made = make("img");
  made.src = source; made.alt = label; made.loading = "lazy";
  return made;
};
const line = (box, label, text) => box.append(make("p", label + text, "more"));
const article = tile => {
  const made = make("article"), box = make("div");
  made.append(picture(tile.sar, "radar picture"), picture(tile.opt, "optical picture"), box);
  box.append(make("p", tile.t || "no caption", "text"));
  for (const name of tile.f) {
    const flag = make("span", name, "flag");
    flag.title = flags[name][0];
    box.append(flag);
  }
  if (tile.s.length) line(box, "score ", tile.s[0].toFixed(2));
  for (const one of tile.c) line(box, "also: ", one);
  for (const one of tile.o) line(box, "original: ", one);
  if (tile.w) line(box, "by ", tile.w);
  box.append(make("p", tile.i + " (" + tile.p + ")", "id"));
  return made;
};
const back = document.getElementById("back"), next = document.getElementById("next");
function show() {
  const found = tiles.filter(fits), pages = Math.max(1, Math.ceil(found.length / each));
  page = Math.min(page, pages - 1);
  const part = found.slice(page * each, (page + 1) * each);
  document.getElementById("tiles").replaceChildren(...part.map(article));
  document.getElementById("where").textContent =
    found.length + " tiles, page " + (page + 1) + " of " + pages;
  back.disabled = page === 0;
  next.disabled = page >= pages - 1;
}
const turn = by => { page += by; show(); window.scrollTo(0, 0); };
back.onclick = () => turn(-1);
next.onclick = () => turn(1);
document.addEventListener("keydown", event => {
  if (event.target === search) return;
  if (event.key === "ArrowRight" && !next.disabled) turn(1);
  if (event.key === "ArrowLeft" && !back.disabled) turn(-1);
});
show();
</script>
</body>
</html>
"""
