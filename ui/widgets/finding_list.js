// Findings to walk through: arrows go, Enter or a click shows the place in the record.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".findings");
  const held = parentElement.getRootNode().activeElement?.dataset?.number;

  const rows = data.rows.map((row, number) => {
    const made = element("div", `finding ${row.severity}${row.shown ? " shown" : ""}`);
    made.tabIndex = 0;
    made.dataset.number = String(number);
    made.setAttribute("role", "button");
    const head = element("div", "over");
    head.append(element("span", "severity", row.label), element("span", "rule", row.rule), element("span", "where", row.where));
    made.append(head, element("div", "message", row.message), element("div", "remedy", row.remedy));
    made.title = row.basis;
    made.onclick = () => setTriggerValue("picked", number);
    made.onkeydown = (event) => {
      if (event.key === "Enter" && !event.ctrlKey) setTriggerValue("picked", number);
      else if (event.key === "ArrowDown") made.nextSibling?.focus();
      else if (event.key === "ArrowUp") made.previousSibling?.focus();
      else return;
      event.preventDefault();
    };
    return made;
  });
  root.replaceChildren(...rows);
  if (held !== undefined) root.querySelector(`[data-number="${held}"]`)?.focus({ preventScroll: true });
}
