// The queue as a table. Arrows, Home and End go, Enter opens, the space bar chooses; a column's head sorts this page.
const memory = new WeakMap();

function compared(one, other) {
  if (Array.isArray(one)) {
    for (let place = 0; place < one.length; place += 1) {
      const found = compared(one[place], other[place]);
      if (found) return found;
    }
    return 0;
  }
  return typeof one === "number" ? one - other : String(one).localeCompare(String(other), "zh");
}

export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component;
  const root = parentElement.querySelector(".queue");
  if (!memory.has(parentElement)) memory.set(parentElement, { chosen: new Set(), sort: null, down: false, at: null });
  const state = memory.get(parentElement);
  const ids = new Set(data.rows.map((row) => row.id));
  for (const id of state.chosen) if (!ids.has(id)) state.chosen.delete(id);

  function choose(id) {
    if (!state.chosen.delete(id)) state.chosen.add(id);
    setStateValue("chosen", [...state.chosen]);
    draw();
  }

  function ordered() {
    if (state.sort === null) return data.rows;
    const rows = [...data.rows].sort((one, other) => compared(one.order[state.sort], other.order[state.sort]));
    return state.down ? rows.reverse() : rows;
  }

  function onKey(event, row) {
    const rows = [...root.querySelectorAll(".row")];
    const place = rows.indexOf(event.currentTarget);
    const target = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (target !== undefined) rows[target]?.focus();
    else if (event.key === "Enter" && !event.ctrlKey) setTriggerValue("opened", row.id);
    else if (event.key === " ") choose(row.id);
    else return;
    event.preventDefault();
  }

  function drawRow(row) {
    const made = element("div", state.chosen.has(row.id) ? "row chosen" : "row");
    made.tabIndex = 0;
    made.dataset.id = String(row.id);
    made.setAttribute("role", "row");
    made.setAttribute("aria-selected", String(state.chosen.has(row.id)));
    const box = element("button", "box", state.chosen.has(row.id) ? "✓" : "");
    box.type = "button";
    box.tabIndex = -1;
    box.setAttribute("aria-label", `${data.labels.choose} ${row.case}`);
    box.onclick = (event) => { event.stopPropagation(); choose(row.id); };
    const findings = element("span", "findings");
    findings.append(...row.findings.map(({ style, text }) => element("span", `mark ${style}`, text)));
    const group = element("span", "cut", row.group);
    const reason = element("span", "cut", row.reason);
    group.title = row.group;
    reason.title = row.reason;
    made.append(box, element("span", "case", row.case), group, reason, findings);
    made.append(element("span", "number", row.days), element("span", "cut", row.owner), element("span", "", row.state));
    made.onclick = () => setTriggerValue("opened", row.id);
    made.onfocus = () => { state.at = row.id; };
    made.onkeydown = (event) => onKey(event, row);
    return made;
  }

  function drawHead() {
    const head = element("div", "head");
    head.append(element("span"));
    data.columns.forEach((title, place) => {
      const sign = state.sort === place ? (state.down ? " ↓" : " ↑") : "";
      const button = element("button", "", title + sign);
      button.type = "button";
      button.onclick = () => {
        state.down = state.sort === place && !state.down;
        state.sort = place;
        draw();
      };
      head.append(button);
    });
    return head;
  }

  function draw() {
    const had = parentElement.getRootNode().activeElement?.dataset?.id;
    root.replaceChildren(drawHead(), ...ordered().map(drawRow), element("div", "foot", data.labels.keys));
    if (had !== undefined) root.querySelector(`[data-id="${had}"]`)?.focus({ preventScroll: true });
    else if (state.at === null && !document.activeElement?.matches("input, textarea, select")) root.querySelector(".row")?.focus();
  }

  draw();
}
