// What every component makes its page of. Everything shown is set as textContent.
function element(name, style, text) {
  const made = document.createElement(name);
  if (style) made.className = style;
  made.textContent = text ?? "";
  return made;
}

