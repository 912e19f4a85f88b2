// A chapter prints as a handout: the style sheet says what of it.
export default function ({ parentElement, data }) {
  let button = parentElement.querySelector("button")
  if (!button) {
    button = Object.assign(document.createElement("button"), { type: "button", className: "tx-box-button" })
    button.addEventListener("click", () => window.print())
    parentElement.append(button)
  }
  button.textContent = data.label
}
