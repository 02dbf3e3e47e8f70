"use strict";
const byId = (name) => document.getElementById(name);
const cases = [...document.querySelectorAll(".case")];

function colour() {
  const method = Number(byId("method").value);
  for (const word of document.querySelectorAll(".case .w")) {
    const part = Number(word.dataset.p.split(" ")[method]);
    word.style.setProperty("--p", part);
    word.classList.toggle("against", part < 0);
  }
}

function choose() {
  const answer = byId("answer").value;
  const wanted = byId("find").value.toLocaleLowerCase();
  let shown = 0;
  for (const one of cases) {
    const texts = [...one.querySelectorAll(".text")].map((text) => text.textContent).join("\n");
    const isShown =
      (!answer || one.dataset.answer === answer) && texts.toLocaleLowerCase().includes(wanted);
    one.hidden = !isShown;
    shown += isShown;
  }
  byId("shown").textContent = `${shown} of ${cases.length} answers`;
}

function order() {
  const by = Number(byId("order").value);
  const sign = by === 2 ? -1 : 1;
  const key = (one) => (by ? sign * Number(one.dataset.sure) : Number(one.dataset.number));
  const sorted = [...cases].sort((a, b) => key(a) - key(b));
  byId("cases").append(...sorted);
}

byId("method").addEventListener("change", colour);
byId("answer").addEventListener("change", choose);
byId("find").addEventListener("input", choose);
byId("order").addEventListener("change", order);
colour();
choose();
order();
