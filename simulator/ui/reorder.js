// Chips in the order of a schedule: dragged, moved with their buttons, or with the arrow keys. A session's own order is
// fixed: a chip stops at its neighbours of the same session.

/** The places that the chip at `from` may take: after its session's step before it, before the one after it. */
function reach(steps, from) {
  const own = steps[from].session
  let low = from
  let high = from
  while (low > 0 && steps[low - 1].session !== own) low -= 1
  while (high < steps.length - 1 && steps[high + 1].session !== own) high += 1
  return [low, high]
}

function moved(steps, from, to) {
  const copy = [...steps]
  copy.splice(to, 0, ...copy.splice(from, 1))
  return copy
}

function chip(step, index, steps, labels, tell) {
  const [low, high] = reach(steps, index)
  const box = document.createElement("div")
  box.className = "txr-chip"
  box.dataset.key = step.key
  box.tabIndex = 0
  box.style.setProperty("--txr-color", step.color)
  box.style.setProperty("--txr-text", step.text)
  box.title = step.sql
  box.setAttribute("role", "listitem")
  const button = (sign, to, name) => {
    const made = document.createElement("button")
    made.type = "button"
    made.textContent = sign
    made.disabled = to < low || to > high
    made.setAttribute("aria-label", `${name}: ${step.key}`)
    made.onclick = () => tell(moved(steps, index, to), step.key)
    return made
  }
  const name = document.createElement("span")
  name.textContent = step.key
  box.append(button("‹", index - 1, labels.earlier), name, button("›", index + 1, labels.later))
  box.onkeydown = event => {
    const to = index + ({ ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? NaN)
    if (Number.isNaN(to) || event.target !== box) return
    event.preventDefault() // the arrow keys step through the run elsewhere on the page
    if (to >= low && to <= high) tell(moved(steps, index, to), step.key)
  }
  return box
}

/** Drag along the row; the chips between make room at once. */
function drag(row, box, steps, tell) {
  box.onpointerdown = down => {
    if (down.button !== 0 || down.target.closest("button")) return
    const index = steps.findIndex(step => step.key === box.dataset.key)
    const [low, high] = reach(steps, index)
    let to = index
    box.classList.add("txr-held")
    const move = event => {
      const over = [...row.children].findIndex(other => {
        const r = other.getBoundingClientRect()
        return event.clientX >= r.left && event.clientX <= r.right && event.clientY >= r.top && event.clientY <= r.bottom
      })
      if (over < 0 || over === to) return
      to = Math.max(low, Math.min(high, over))
      row.insertBefore(box, [...row.children].filter(other => other !== box)[to] ?? null)
    }
    // on the window: a chip that moves within the document loses a pointer that it had captured
    const listening = new AbortController()
    const drop = () => {
      listening.abort()
      box.classList.remove("txr-held")
      if (to !== index) tell(moved(steps, index, to), box.dataset.key)
    }
    window.addEventListener("pointermove", move, { signal: listening.signal })
    for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, drop, { signal: listening.signal })
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  const row = parentElement.querySelector(".txr-row")
  const { steps, labels } = data
  const tell = (changed, key) => {
    row.dataset.focus = key
    setTriggerValue("order", changed.map(step => step.key))
  }
  row.setAttribute("aria-label", labels.order)
  row.replaceChildren(...steps.map((step, index) => chip(step, index, steps, labels, tell)))
  for (const box of row.children) drag(row, box, steps, tell)
  if (row.dataset.focus) {
    ;[...row.children].find(box => box.dataset.key === row.dataset.focus)?.focus()
    delete row.dataset.focus
  }
}
