// The Session as a box, step by step beside the code that ran: every step is there, and walking needs no server.

const made = (tag, name, text = "") => Object.assign(document.createElement(tag), { className: name, textContent: text })

function chips(names, kind) {
  const list = made("span", "tx-box-chips")
  for (const name of names) list.append(made("b", `tx-box-chip tx-box-${kind}`, name))
  if (!names.length) list.append(made("i", "tx-box-none", "–"))
  return list
}

function row(label, content) {
  const line = made("div", "tx-box-row")
  line.append(made("small", "", label), content)
  return line
}

class SessionBox {
  constructor(root) {
    this.root = made("div", "tx-box")
    this.code = made("ol", "tx-box-code")
    this.figure = made("div", "tx-box-figure")
    this.figure.setAttribute("aria-live", "polite")
    this.transport = made("div", "tx-box-transport")
    this.root.append(this.code, this.figure, this.transport)
    root.append(this.root)
  }

  update(data) {
    const text = JSON.stringify(data)
    if (text === this.text) return
    const begins = this.data?.run !== data.run
    this.text = text
    this.data = data
    if (begins) this.at = Math.min(data.first, data.steps.length - 1)
    this.buttons()
    this.draw()
  }

  buttons() {
    const { labels } = this.data
    this.transport.replaceChildren()
    for (const [act, sign, by] of [["previous", "◀", -1], ["next", "▶", 1]]) {
      const button = made("button", "tx-box-button", sign)
      button.type = "button"
      button.dataset.act = act
      button.title = labels[act]
      button.setAttribute("aria-label", labels[act])
      button.addEventListener("click", () => this.go(this.at + by))
      this.transport.append(button)
    }
    this.place = made("span", "")
    this.transport.append(this.place)
  }

  go(at) {
    this.at = Math.max(0, Math.min(at, this.data.steps.length - 1))
    this.draw()
  }

  draw() {
    const { steps, vary } = this.data
    const focused = this.code.contains(document.activeElement)
    this.code.replaceChildren(
      ...steps.map((step, number) => {
        const line = made("li", number === this.at ? "tx-box-now" : number > this.at ? "tx-box-later" : "")
        const button = made("button", "", "")
        button.type = "button"
        if (number === this.at) button.setAttribute("aria-current", "step")
        const code = made("code", "", step.code)
        if (number + 1 === vary) button.append(made("span", "tx-box-vary", "✎ "))
        button.append(code)
        button.addEventListener("click", () => this.go(number))
        line.append(button)
        return line
      }),
    )
    if (focused) this.code.querySelector(".tx-box-now button")?.focus()
    this.place.textContent = `${this.at + 1} / ${steps.length}`
    for (const button of this.transport.querySelectorAll("button"))
      button.disabled = button.dataset.act === "next" ? this.at === steps.length - 1 : this.at === 0
    this.figure.replaceChildren(...this.parts(steps[this.at]))
    this.root.dataset.step = this.at + 1
  }

  *parts(step) {
    const { labels, states } = this.data
    const strip = made("div", "tx-box-states")
    for (const state of states) {
      const chip = made("span", state === step.message ? `tx-box-state tx-box-is tx-box-is-${state}` : "tx-box-state", state)
      strip.append(chip)
    }
    yield row("message", strip)
    const box = made("div", step.opened ? "tx-box-session" : "tx-box-session tx-box-absent")
    box.append(made("h4", "", step.opened ? "Session" : labels.absent))
    box.append(row("new", chips(step.new, "pending")))
    box.append(row("identity map", chips(step.identity_map, "persistent")))
    box.append(row("dirty", chips(step.dirty, "dirty")))
    box.append(row("deleted", chips(step.deleted, "deleted")))
    yield box
    const below = made("div", "tx-box-below")
    const transaction = made("span", step.transaction ? "tx-box-bar tx-box-open" : "tx-box-bar", "")
    transaction.textContent = step.transaction ? labels.open : labels.none
    const connection = made("span", step.connection ? "tx-box-bar tx-box-out" : "tx-box-bar", "")
    connection.textContent = step.connection ? labels.out : labels.back
    below.append(row(labels.transaction, transaction), row(labels.connection, connection))
    yield below
    const sent = made("div", "tx-box-sent")
    for (const sql of step.sql) sent.append(made("code", "", sql))
    if (!step.sql.length) sent.append(made("i", "tx-box-none", labels.nothing))
    yield row(labels.sent, sent)
    if (step.told) yield row(labels.told, made("code", "", step.told))
    if (step.raised) yield row(labels.raised, made("b", "tx-red", `✕ ${step.raised}`))
  }
}

const boxes = new WeakMap()

export default function ({ parentElement, data }) {
  if (!boxes.has(parentElement)) boxes.set(parentElement, new SessionBox(parentElement))
  boxes.get(parentElement).update(data)
}
