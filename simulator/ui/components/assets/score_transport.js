// The transport: which step is shown, its buttons, and telling Python of it. Its keys are in keys.js.

const BEFORE = -1 // nothing has been sent
const BEGIN_MS = 700 // how long nothing is shown before the first step
const PLAY_MS = 1100 // a step, at speed 1
const REPORT_MS = 100 // Python hears of a step at once, and then no more often than this

class Transport {
  constructor(root) {
    this.root = root
    this.step = 0
    this.asked = null
    const take = () => {
      for (const each of document.querySelectorAll(".txs")) each.toggleAttribute("data-active", each === root)
    }
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
  }

  /** Marks, texts and, where the page asks for another one than before, the step. */
  take({ data, setStateValue, setTriggerValue }) {
    this.send = setStateValue
    this.trigger = setTriggerValue
    this.data = data
    this.marks = data.marks
    this.hinted = ""
    const follows = this.asked !== data.asked
    if (follows) {
      this.pause()
      this.step = data.step
    }
    this.asked = data.asked
    this.step = Math.max(BEFORE, Math.min(this.step, this.marks.length - 1))
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
    const said = JSON.stringify([this.step, mark, this.scene?.moment, this.hinted])
    if (said === this.said) return
    this.said = said
    count.textContent = this.marks?.length ? `${this.step + 1} / ${this.marks.length}` : ""
    text.replaceChildren()
    if (this.hinted) text.textContent = this.hinted
    else if (mark) text.append(...this.sentence(mark))
    const [start, end] = [this.step <= 0, this.step >= this.marks.length - 1]
    for (const [act, off] of [["first", start], ["previous", start], ["next", end], ["last", end]]) {
      this.root.querySelector(`[data-act=${act}]`).disabled = off
    }
  }

  /** Said in place of the step's own caption, until the next step. */
  hint(text) {
    this.hinted = text
    this.caption()
  }

  sentence(mark) {
    const session = document.createElement("b")
    session.textContent = mark.session
    const code = element("txs-code", "span")
    code.textContent = mark.text
    const note = this.scene?.moment?.text ?? mark.note
    return [session, " ", code, note ? ` ${note}` : ""]
  }

  /** The caption is as high as its longest text, so that nothing below it moves with the steps. */
  reserve() {
    const caption = this.root.querySelector(".txs-caption")
    const probe = element("txs-longest")
    caption.append(probe)
    const heights = this.marks.map((mark, i) => {
      const count = element("txs-count", "span")
      count.textContent = `${i + 1} / ${this.marks.length}`
      const text = element("txs-text", "span")
      text.append(...this.sentence(mark))
      probe.replaceChildren(count, text)
      return probe.getBoundingClientRect().height
    })
    probe.remove()
    caption.style.minHeight = `${Math.ceil(Math.max(0, ...heights))}px`
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
    this.stand(Math.max(0, Math.min(step, this.marks.length - 1)))
  }

  stand(next) {
    if (next === this.step) return
    this.advanced = next === this.step + 1
    this.step = next
    this.hinted = ""
    this.order?.let()
    this.show()
    this.report()
  }

  play() {
    if (this.step >= this.marks.length - 1) this.stand(BEFORE)
    const speed = Number(this.root.querySelector(".txs-speed").value)
    this.root.classList.add("txs-playing")
    this.root.querySelector("[data-act=play]").setAttribute("aria-label", this.data.labels.pause ?? "")
    const next = () => {
      // What takes time to be looked at, says so.
      const mark = this.marks[this.step]
      const stay = mark ? Math.max(PLAY_MS / speed, mark.scene?.hold ?? 0) : BEGIN_MS / speed
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
  }
}
