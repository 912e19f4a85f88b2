// The click is answered here, at once: the server is told as ever, and shows what ran when it has heard of it.
export default function ({ data, parentElement }) {
  const answer = event => {
    const box = event.target.closest?.(".st-key-sessions_stop")
    if (!box || !event.target.closest("button")) return
    parentElement.querySelector("[role=status]").textContent = data
    box.setAttribute("data-txs-asked", "")
  }
  document.addEventListener("click", answer, { capture: true })
  return () => document.removeEventListener("click", answer, { capture: true })
}
