// The diagnoses and procedures of a case with what can be done to each; the server does it.
// Keys on a row: arrows go, Alt+arrows move the code, Alt+Home makes it principal, Delete removes it.
const ACTIONS = [["principal", "★"], ["up", "↑"], ["down", "↓"], ["remove", "✕"]];
const KEYS = { "Alt+Home": "principal", "Alt+ArrowUp": "up", "Alt+ArrowDown": "down", "Delete": "remove" };
const memory = new WeakMap();

function isAllowed(list, place, action) {
  const last = list.rows.length - 1;
  if (action === "remove") return last > 0 || !list.required;
  return action === "down" ? place < last : place > 0;
}

function placeAfter(list, place, action) {
  const moved = { principal: 0, up: place - 1, down: place + 1, remove: Math.min(place, list.rows.length - 2) };
  return moved[action];
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".code-lists");
  if (!memory.has(parentElement)) memory.set(parentElement, { focus: null });
  const state = memory.get(parentElement);

  function act(list, place, action) {
    if (!isAllowed(list, place, action)) return;
    state.focus = { codes: list.codes, place: placeAfter(list, place, action) };
    setTriggerValue("acted", { codes: list.codes, place, code: list.rows[place].code, action });
  }

  function onKey(event, list, place) {
    const action = KEYS[(event.altKey ? "Alt+" : "") + event.key];
    if (action) act(list, place, action);
    else if (event.key === "ArrowDown") event.currentTarget.nextSibling?.focus();
    else if (event.key === "ArrowUp") event.currentTarget.previousSibling?.focus();
    else return;
    event.preventDefault();
  }

  function drawRow(list, row, place) {
    const made = element("div", place === 0 ? "row first" : "row");
    made.tabIndex = 0;
    made.dataset.at = `${list.codes} ${place}`;
    const name = element("span", "name", row.name);
    name.title = row.name;
    const acts = element("span", "acts");
    for (const [action, sign] of ACTIONS) {
      const button = element("button", "", sign);
      button.type = "button";
      button.tabIndex = -1;
      button.title = data.labels[action];
      button.setAttribute("aria-label", `${data.labels[action]} ${row.code}`);
      button.disabled = !isAllowed(list, place, action);
      button.onclick = () => act(list, place, action);
      acts.append(button);
    }
    const number = element("span", "place", place === 0 ? "★" : String(place + 1));
    if (place === 0) number.title = data.labels.first;
    made.append(number, element("span", "code", row.code), name);
    made.append(element("span", `mark ${row.style}`, row.mark), acts);
    made.onkeydown = (event) => onKey(event, list, place);
    return made;
  }

  function drawList(list) {
    const section = document.createElement("section");
    const rows = element("div", "rows");
    if (list.rows.length) rows.append(...list.rows.map((row, place) => drawRow(list, row, place)));
    else rows.append(element("div", "empty", list.empty));
    section.append(element("h4", "", list.title), rows);
    return section;
  }

  root.replaceChildren(...data.lists.map(drawList));
  if (state.focus) root.querySelector(`[data-at="${state.focus.codes} ${state.focus.place}"]`)?.focus();
  state.focus = null;
}
