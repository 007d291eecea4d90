// One document of the record at a time, chosen above it; what a finding points to is brought into view.
const memory = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".record");
  const before = memory.get(parentElement) ?? { focus: "", shown: -1, top: 0 };

  const choose = (number) => {
    if (number >= 0 && number < data.documents.length) setTriggerValue("picked", number);
  };

  function button(sign, label, number) {
    const made = element("button", "", sign);
    made.type = "button";
    made.title = label;
    made.setAttribute("aria-label", label);
    made.disabled = number < 0 || number >= data.documents.length;
    made.onclick = () => choose(number);
    return made;
  }

  const select = element("select");
  select.setAttribute("aria-label", data.labels.choose);
  select.append(...data.documents.map((title, number) => {
    const option = element("option", "", title);
    option.value = String(number);
    return option;
  }));
  select.value = String(data.shown);
  select.onchange = () => choose(Number(select.value));

  const body = element("div", "text");
  body.tabIndex = 0;
  body.append(...data.segments.map(({ text, style }) => element(style ? "mark" : "span", style, text)));
  body.onkeydown = (event) => {
    if (event.key === "ArrowRight") choose(data.shown + 1);
    else if (event.key === "ArrowLeft") choose(data.shown - 1);
  };

  const head = element("div", "head");
  head.append(button("‹", data.labels.before, data.shown - 1), select, button("›", data.labels.after, data.shown + 1));
  const old = root.querySelector(".text");
  const top = old && before.shown === data.shown ? old.scrollTop : 0;
  const held = parentElement.getRootNode().activeElement?.className;
  root.replaceChildren(head, body);
  body.scrollTop = top;
  if (held === "text") body.focus({ preventScroll: true });
  const first = body.querySelector("mark.focus");
  if (first && data.focus !== before.focus) body.scrollTop = first.offsetTop - body.offsetTop - 60;
  memory.set(parentElement, { focus: data.focus, shown: data.shown });
}
