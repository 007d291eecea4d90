// Typing asks the server, which ranks; arrows and Enter pick; F2 comes here from anywhere on the page.
const DELAY_MS = 120;
const memory = new WeakMap();

export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component;
  if (!memory.has(parentElement)) memory.set(parentElement, { active: 0, system: null, timer: 0, closed: false });
  const state = memory.get(parentElement);
  const input = parentElement.querySelector("input");
  const systems = parentElement.querySelector(".systems");
  const found = parentElement.querySelector(".found");
  const asked = () => ({ text: input.value.trim(), system: state.system });
  const isAnswer = () => data.asked.text === asked().text && data.asked.system === state.system;

  function ask() {
    state.active = 0;
    state.closed = false;
    clearTimeout(state.timer);
    state.timer = setTimeout(() => setStateValue("asked", asked()), DELAY_MS);
    draw();
  }

  function pick(place) {
    if (!isAnswer() || !data.hits[place]) return;
    const { code, system } = data.hits[place];
    input.value = "";
    state.active = 0;
    draw();
    setTriggerValue("picked", { code, system });
  }

  function drawHit(hit, place) {
    const row = element("div", hit.gray ? "hit gray" : "hit");
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(place === state.active));
    row.append(element("span", "code", hit.code), element("span", "name", hit.name), element("span", "kind", hit.note));
    row.onmousedown = (event) => { event.preventDefault(); pick(place); };
    return row;
  }

  function draw() {
    found.hidden = !asked().text || state.closed || !isAnswer();
    if (found.hidden) return;
    const foot = data.hits.length ? data.labels.keys : data.labels.none;
    found.replaceChildren(...data.hits.map(drawHit), element("div", "foot", foot));
  }

  input.placeholder = data.labels.hint;
  input.setAttribute("aria-label", data.labels.title);
  // An input method composes Chinese from letters: only the finished words are asked for.
  input.oninput = (event) => { if (!event.isComposing) ask(); };
  input.oncompositionend = ask;
  input.onblur = () => { state.closed = true; draw(); };
  input.onfocus = () => { state.closed = false; draw(); };
  input.onkeydown = (event) => {
    if (event.isComposing) return;
    const last = data.hits.length - 1;
    if (event.key === "ArrowDown") state.active = Math.min(state.active + 1, last);
    else if (event.key === "ArrowUp") state.active = Math.max(state.active - 1, 0);
    else if (event.key === "Enter") pick(state.active);
    else if (event.key === "Escape") state.closed = true;
    else return;
    event.preventDefault();
    draw();
  };

  systems.replaceChildren(...data.systems.map(({ system, label }) => {
    const button = element("button", "", label);
    button.type = "button";
    button.setAttribute("aria-pressed", String(system === state.system));
    button.onmousedown = (event) => event.preventDefault();
    button.onclick = () => {
      state.system = system;
      for (const other of systems.children) other.setAttribute("aria-pressed", String(other === button));
      input.focus();
      ask();
    };
    return button;
  }));

  document.removeEventListener("keydown", state.onF2);
  state.onF2 = (event) => {
    if (event.key !== "F2") return;
    event.preventDefault();
    input.focus();
    input.select();
  };
  document.addEventListener("keydown", state.onF2);
  draw();
  return () => document.removeEventListener("keydown", state.onF2);
}
