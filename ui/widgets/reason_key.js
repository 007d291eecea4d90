// F4 focuses the input in the container that the server names.
let listener;

export default function ({ data }) {
  document.removeEventListener("keydown", listener);
  listener = (event) => {
    if (event.key !== "F4") return;
    event.preventDefault();
    document.querySelector(`.st-key-${data.field} input`)?.focus();
  };
  document.addEventListener("keydown", listener);
  return () => document.removeEventListener("keydown", listener);
}
