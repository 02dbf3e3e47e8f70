"use strict";
const byId = (name) => document.getElementById(name);
const texts = JSON.parse(byId("texts").textContent);
const heads = JSON.parse(byId("averages").textContent);
const meanings = JSON.parse(byId("meanings").textContent);
const THUMB = 48; // pixels of the picture of a head
const ROW = 17; // pixels of a token among the lines
const FAINT = 0.03; // weights below it are no lines
let text = null; // what is decoded of the text that is shown
let chosen = { layer: 0, head: 0 };
let query = 0;
let key = 0;

function bytes(base64) {
  return Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
}

function decode(number) {
  const packed = texts[number];
  const places = packed.places ? new Uint16Array(bytes(packed.places).buffer) : null;
  return { ...packed, weights: bytes(packed.weights), places };
}

/* Calls visit(query, key, weight) for every weight of a head that the page holds. */
function visitHead(layer, head, visit) {
  const [, numHeads, length] = text.shape;
  let at = (layer * numHeads + head) * length * text.kept;
  for (let s = 0; s < length; s += 1) {
    for (let k = 0; k < text.kept; k += 1, at += 1) {
      const level = text.weights[at];
      if (level) visit(s, text.places ? text.places[at] : k, (level / 255) ** 2);
    }
  }
}

function weightsOf(layer, head, s) {
  const [, numHeads, length] = text.shape;
  const row = new Float32Array(length);
  const start = ((layer * numHeads + head) * length + s) * text.kept;
  for (let k = 0; k < text.kept; k += 1) {
    row[text.places ? text.places[start + k] : k] = (text.weights[start + k] / 255) ** 2;
  }
  return row;
}

function colour(name) {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  probe.fillRect(0, 0, 1, 1);
  return probe.getImageData(0, 0, 1, 1).data;
}

/* A picture of a head, at most `most` pixels wide: of several weights in a pixel the largest.
   The strongest colour is `full`, or the largest weight of the head. */
function paint(canvas, layer, head, most, full) {
  const length = text.shape[2];
  const size = Math.min(length, most);
  canvas.width = size;
  canvas.height = size;
  const image = new ImageData(size, size);
  const [red, green, blue] = colour("--accent");
  for (let at = 0; at < image.data.length; at += 4) image.data.set([red, green, blue], at);
  const scale = size / length;
  let largest = full || 0;
  if (!full) visitHead(layer, head, (s, t, weight) => (largest = Math.max(largest, weight)));
  visitHead(layer, head, (s, t, weight) => {
    const at = 4 * (Math.floor(s * scale) * size + Math.floor(t * scale)) + 3;
    image.data[at] = Math.max(image.data[at], Math.round(255 * Math.sqrt(weight / largest)));
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function buttonOf(layer, head) {
  return document.querySelector(`#heads button[data-layer="${layer}"][data-head="${head}"]`);
}

function makeHeads() {
  const [layers, numHeads] = text.shape;
  const grid = byId("heads");
  grid.style.gridTemplateColumns = `1.6rem repeat(${numHeads}, minmax(1.9rem, 4.2rem))`;
  const cells = [name("")];
  for (let head = 0; head < numHeads; head += 1) cells.push(name(head + 1));
  for (let layer = 0; layer < layers; layer += 1) {
    cells.push(name(layer + 1));
    for (let head = 0; head < numHeads; head += 1) {
      const button = document.createElement("button");
      Object.assign(button.dataset, { layer, head });
      button.type = "button";
      button.addEventListener("click", () => choose(layer, head));
      cells.push(button);
    }
  }
  grid.replaceChildren(...cells);
}

function name(content) {
  const cell = document.createElement("span");
  cell.className = "name";
  cell.textContent = content;
  return cell;
}

function fillHeads() {
  const statistic = byId("cell").value;
  byId("meaning").textContent = statistic
    ? meanings[statistic]
    : "A row for each layer, the lowest first, and a cell for each head: from the tokens down to " +
      "the tokens across.";
  const values = statistic ? heads.map((one) => one[statistic]) : [];
  const largest = Math.max(...values, 1e-9);
  for (const button of document.querySelectorAll("#heads button")) {
    const [layer, head] = [Number(button.dataset.layer), Number(button.dataset.head)];
    const about = heads[layer * text.shape[1] + head];
    const label = `layer ${layer + 1}, head ${head + 1}`;
    if (statistic) {
      const share = about[statistic] / largest;
      button.textContent = about[statistic].toFixed(2);
      button.style.background = `color-mix(in srgb, var(--accent) ${70 * share}%, var(--tile))`;
      button.setAttribute("aria-label", `${label}: ${statistic} ${about[statistic].toFixed(2)}`);
    } else {
      const canvas = document.createElement("canvas");
      paint(canvas, layer, head, THUMB, 1);
      button.replaceChildren(canvas);
      button.style.background = "";
      button.setAttribute("aria-label", label);
    }
    button.title = button.getAttribute("aria-label");
  }
}

function choose(layer, head) {
  chosen = { layer, head };
  for (const button of document.querySelectorAll("#heads button")) {
    const isChosen = button === buttonOf(layer, head);
    button.setAttribute("aria-pressed", isChosen);
    button.tabIndex = isChosen ? 0 : -1;
  }
  paint(byId("matrix"), layer, head, text.shape[2]);
  drawLines();
  say();
}

function drawLines() {
  const canvas = byId("lines");
  const length = text.shape[2];
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const width = canvas.parentElement.clientWidth - 16;
  const height = length * ROW;
  canvas.style.height = `${height}px`;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  const [soft, strong, accent] = ["--soft", "--text", "--accent"].map((v) =>
    style.getPropertyValue(v)
  );
  pen.scale(ratio, ratio);
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  const column = Math.min(130, width * 0.3);
  const [left, right] = [column + 6, width - column - 6];
  const row = weightsOf(chosen.layer, chosen.head, query);
  const least = Math.max(...row) / 8;
  for (let s = 0; s < length; s += 1) {
    const y = (s + 0.5) * ROW;
    pen.textAlign = "right";
    pen.fillStyle = s === query ? strong : soft;
    pen.fillText(text.tokens[s], column, y, column);
    pen.textAlign = "left";
    pen.fillStyle = row[s] > least ? strong : soft;
    pen.fillText(text.tokens[s], width - column, y, column);
  }
  pen.strokeStyle = accent;
  const line = (s, t, weight, alpha) => {
    pen.globalAlpha = alpha;
    pen.lineWidth = 0.5 + 2.5 * weight;
    pen.beginPath();
    pen.moveTo(left, (s + 0.5) * ROW);
    pen.lineTo(right, (t + 0.5) * ROW);
    pen.stroke();
  };
  visitHead(chosen.layer, chosen.head, (s, t, weight) => {
    if (weight > FAINT && s !== query) line(s, t, weight, 0.22 * Math.sqrt(weight));
  });
  row.forEach((weight, t) => {
    if (weight > least) line(query, t, weight, 0.35 + 0.65 * Math.sqrt(weight));
  });
}

function say() {
  const row = weightsOf(chosen.layer, chosen.head, query);
  const largest = [...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, 3);
  const percent = (t) => `${text.tokens[t]} ${(100 * row[t]).toFixed(1)} %`;
  const about = heads[chosen.layer * text.shape[1] + chosen.head];
  const means = Object.keys(meanings).map((n) => `${n} ${about[n].toFixed(2)}`);
  byId("said").textContent =
    `Layer ${chosen.layer + 1}, head ${chosen.head + 1}: from ${text.tokens[query]} to ` +
    `${percent(key)}; most to ${largest.map(percent).join(", ")}. ` +
    `Means of all texts: ${means.join(", ")}.`;
}

function look(s, t) {
  const clip = (value) => Math.max(0, Math.min(text.shape[2] - 1, value));
  const isNew = clip(s) !== query;
  [query, key] = [clip(s), clip(t)];
  if (isNew) drawLines();
  say();
}

function show() {
  text = decode(Number(byId("text").value));
  query = 0;
  key = 0;
  byId("kept").textContent =
    text.share < 1
      ? `Of each token the ${text.kept} largest weights are in this page: ` +
        `${(100 * text.share).toFixed(0)} % of the attention.`
      : "";
  makeHeads();
  fillHeads();
  choose(
    Math.min(chosen.layer, text.shape[0] - 1),
    Math.min(chosen.head, text.shape[1] - 1)
  );
}

const ARROWS = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

function withArrows(element, move) {
  element.addEventListener("keydown", (event) => {
    if (!ARROWS[event.key]) return;
    event.preventDefault();
    move(...ARROWS[event.key]);
  });
}

withArrows(byId("matrix"), (down, across) => look(query + down, key + across));
withArrows(byId("lines"), (down) => look(query + down, key));
withArrows(byId("heads"), (down, across) => {
  const [layers, numHeads] = text.shape;
  const layer = Math.max(0, Math.min(layers - 1, chosen.layer + down));
  const head = Math.max(0, Math.min(numHeads - 1, chosen.head + across));
  choose(layer, head);
  buttonOf(layer, head).focus();
});
byId("matrix").addEventListener("pointermove", (event) => {
  const box = event.currentTarget.getBoundingClientRect();
  const place = (value, size) => Math.floor((text.shape[2] * value) / size);
  look(place(event.clientY - box.top, box.height), place(event.clientX - box.left, box.width));
});
byId("lines").addEventListener("pointermove", (event) => {
  const box = event.currentTarget.getBoundingClientRect();
  look(Math.floor((event.clientY - box.top) / ROW), key);
});
byId("text").addEventListener("change", show);
byId("cell").addEventListener("change", fillHeads);
window.addEventListener("resize", drawLines);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
show();
