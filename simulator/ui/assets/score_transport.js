// The transport: which step is shown, buttons and keys, and telling Python of it.

const views = new Set() // every score on the page
let active = null

const PLAY_MS = 1100 // a step, at speed 1
const REPORT_MS = 100 // Python hears of a step at once, and then no more often than this

class Transport {
  constructor(root) {
    this.root = root
    this.step = 0
    this.asked = null
    const take = () => (active = this)
    root.addEventListener("pointerenter", take)
    root.addEventListener("focusin", take)
    root.addEventListener("click", event => {
      const button = event.target.closest("button[data-act]")
      if (button) this.act(button.dataset.act)
    })
    root.querySelector(".txs-speed").addEventListener("change", () => {
      if (this.timer) {
        this.pause()
        this.play()
      }
    })
    views.add(this)
  }

  get visible() {
    return this.root.isConnected && this.root.offsetParent !== null
  }

  /** Marks, texts and, where the page asks for another one than before, the step. */
  take({ data, setStateValue }) {
    this.send = setStateValue
    this.data = data
    this.marks = data.marks
    const follows = this.asked !== data.asked
    if (follows) {
      this.pause()
      this.step = data.step
    }
    this.asked = data.asked
    this.step = Math.max(0, Math.min(this.step, this.marks.length - 1))
    this.nameButtons()
    this.caption()
  }

  nameButtons() {
    const labels = this.data.labels
    for (const button of this.root.querySelectorAll("[data-act]")) {
      const name = labels[button.dataset.act] ?? button.dataset.act
      button.setAttribute("aria-label", name)
      button.title = name
    }
    this.root.querySelector(".txs-bar").setAttribute("aria-label", labels.transport ?? "")
  }

  caption() {
    const mark = this.marks?.[this.step]
    const count = this.root.querySelector(".txs-count")
    const text = this.root.querySelector(".txs-text")
    count.textContent = mark ? `${this.step + 1} / ${this.marks.length}` : ""
    text.replaceChildren()
    if (!mark) return
    const session = document.createElement("b")
    session.textContent = mark.session
    const code = element("txs-code", "span")
    code.textContent = mark.text
    text.append(session, " ", code, mark.note ? ` ${mark.note}` : "")
    const end = this.step >= this.marks.length - 1
    for (const [act, off] of [["first", !this.step], ["previous", !this.step], ["next", end], ["last", end]]) {
      this.root.querySelector(`[data-act=${act}]`).disabled = off
    }
  }

  act(name) {
    const last = this.marks.length - 1
    if (name === "play") return this.timer ? this.pause() : this.play()
    if (name === "reset") return this.showAll()
    this.pause()
    const goals = { first: 0, previous: this.step - 1, next: this.step + 1, last }
    if (name in goals) this.go(goals[name])
  }

  go(step) {
    const next = Math.max(0, Math.min(step, this.marks.length - 1))
    if (next === this.step) return
    this.moved = true
    this.step = next
    this.show()
    this.report()
  }

  play() {
    if (this.step >= this.marks.length - 1) this.go(0)
    const speed = Number(this.root.querySelector(".txs-speed").value)
    this.root.classList.add("txs-playing")
    this.root.querySelector("[data-act=play]").setAttribute("aria-label", this.data.labels.pause ?? "")
    const next = () => {
      // What takes time to be looked at, says so.
      const stay = Math.max(PLAY_MS / speed, this.marks[this.step].hold ?? 0)
      this.timer = setTimeout(() => {
        this.go(this.step + 1)
        if (this.step >= this.marks.length - 1) this.pause()
        else next()
      }, stay)
    }
    next()
  }

  pause() {
    clearTimeout(this.timer)
    this.timer = null
    this.root.classList.remove("txs-playing")
    this.root.querySelector("[data-act=play]").setAttribute("aria-label", this.data?.labels.play ?? "")
  }

  /** The first step is told at once; of a quick succession only the last. */
  report() {
    const tell = () => {
      this.told = performance.now()
      this.waiting = null
      this.send("at", { step: this.step, asked: this.asked, clicked: this.clicked ?? null })
    }
    if (this.waiting) return
    const wait = REPORT_MS - (performance.now() - (this.told ?? -REPORT_MS))
    if (wait <= 0) tell()
    else this.waiting = setTimeout(tell, wait)
  }

  stop() {
    this.pause()
    clearTimeout(this.waiting)
    views.delete(this)
    if (active === this) active = null
  }
}

const TYPING = "input, textarea, select, [contenteditable=true], [role=combobox], [role=slider], [role=listbox], [role=tab], [role=radio]"
const KEYS = { ArrowLeft: "previous", ArrowRight: "next", Home: "first", End: "last", " ": "play" }

function firstView() {
  const follows = (one, other) => one.root.compareDocumentPosition(other.root) & Node.DOCUMENT_POSITION_PRECEDING
  return [...views].filter(each => each.visible).sort((one, other) => (follows(one, other) ? 1 : -1))[0]
}

/** Keys belong to the score that was last pointed at or focused, else to the first that can be seen. */
function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
  const at = event.target instanceof Element ? event.target : document.body
  if (at.closest(TYPING) || (event.key === " " && at.closest("button, a, summary, [role=button]"))) return
  const view = active?.visible ? active : firstView()
  const act = KEYS[event.key]
  const pages = event.key === "Home" || event.key === "End" // these scroll the page, unless the score has the focus
  if (!view?.marks || !act || (pages && !view.root.contains(at))) return
  event.preventDefault()
  view.act(act)
}

document.addEventListener("keydown", onKey)
