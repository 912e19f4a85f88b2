// The score in the page: Plotly.react for the picture, a transport that needs no server, one playhead.

const views = new Set() // every score on the page, in the order in which they came
const viewOf = new WeakMap()
let active = null // the one that was last pointed at or focused

const SMALL = 0.875 // of the font size, for labels that would not fit otherwise
const PLAY_MS = 1100 // a step, at speed 1
const PLACE_PX = 100 // the least width of a step
const REPORT_MS = 300 // Python hears of a step at once, and then no more often than this

/** Plotly from this app's own route: found beside Streamlit's own scripts, so it works below any base path. */
function loadPlotly(script) {
  if (window.Plotly?.react) return Promise.resolve(window.Plotly)
  return (window.txscopePlotly ??= new Promise((resolve, reject) => {
    const own = document.querySelector('script[type="module"][src*="static/js/"]')
    const root = own ? own.src.slice(0, own.src.indexOf("static/js/")) : new URL("./", document.baseURI).href
    const tag = document.createElement("script")
    tag.src = root + script
    tag.onload = () => (window.Plotly ? resolve(window.Plotly) : reject(new Error(tag.src)))
    tag.onerror = () => reject(new Error(tag.src))
    document.head.append(tag)
  }))
}

class ScoreView {
  constructor(root) {
    this.root = root
    this.chart = root.querySelector(".txs-chart")
    this.step = 0
    this.asked = null
    this.figureText = ""
    this.sized = ""
    this.future = element("txs-future")
    this.head = element("txs-head")
    this.lanes = root.querySelector(".txs-lanes")
    this.watch()
    views.add(this)
  }

  // -- from Python --------------------------------------------------------------------------------------------------

  update({ data, setStateValue }) {
    this.send = setStateValue
    this.data = data
    this.marks = data.marks
    const follows = this.asked !== data.asked
    if (follows) this.step = data.step
    this.asked = data.asked
    this.step = Math.max(0, Math.min(this.step, this.marks.length - 1))
    if (follows) this.pause()
    this.nameButtons()
    if (this.figureText !== data.figure) {
      this.figureText = data.figure
      this.figure = JSON.parse(data.figure)
      this.texts = (this.figure.layout.annotations ?? []).map(note => note.text)
    }
    loadPlotly(data.script).then(
      plotly => {
        this.plotly = plotly
        this.draw()
      },
      () => this.complain(),
    )
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
    this.chart.setAttribute("role", "group")
    this.chart.setAttribute("aria-label", labels.chart ?? "")
  }

  complain() {
    const box = element("txs-message")
    box.textContent = this.data.labels.unavailable ?? ""
    this.chart.replaceChildren(box)
  }

  // -- the picture --------------------------------------------------------------------------------------------------

  draw() {
    const visible = this.chart.parentElement.clientWidth
    if (!visible || !this.plotly || !this.figure) return
    const look = this.look()
    const width = Math.max(visible, this.roomNeeded(look.scale))
    const layout = themed(structuredClone(this.figure.layout), look, width)
    this.scale = look.scale
    const shownRange = this.chart._fullLayout?.xaxis?.range
    const kept = shownRange && this.keptRevision === layout.uirevision ? shownRange : layout.xaxis.range
    const traces = this.figure.data.map(trace => ({ ...trace }))
    this.fit(traces, layout, kept, width, look)
    this.keptRevision = layout.uirevision
    this.plotly
      .react(this.chart, traces, layout, { displayModeBar: false, responsive: false, doubleClick: "reset", scrollZoom: false, showTips: false })
      .then(() => this.listen())
  }

  /** On the step axis a place is never narrower than a word; where there are many, the chart scrolls sideways. */
  roomNeeded(scale) {
    const { meta, margin } = this.figure.layout
    return meta.axis === "steps" ? (this.marks.length * PLACE_PX + margin.l + margin.r) * scale : 0
  }

  look() {
    const style = getComputedStyle(this.root)
    const of = name => style.getPropertyValue(name).trim()
    return {
      text: of("--st-text-color") || style.color,
      background: of("--st-background-color"),
      raised: of("--st-secondary-background-color"),
      line: of("--st-border-color"),
      family: of("--st-font") || style.fontFamily,
      scale: this.root.querySelector(".txs-rem").getBoundingClientRect().width / 16 || 1,
    }
  }

  /** Labels that fit their bars; on the time axis a label that does not may stand to the right of its bar. */
  fit(traces, layout, range, width, look) {
    const pixels = (width - layout.margin.l - layout.margin.r) / (range[1] - range[0])
    const plot = layout.height - layout.margin.t - layout.margin.b
    const sizes = [layout.font.size, layout.font.size * SMALL]
    const starts = {}
    for (const trace of traces) {
      if (!trace.customdata) continue
      trace.y.forEach((y, i) => (starts[(trace.yaxis ?? "y") + y] ??= []).push(trace.base[i]))
    }
    for (const trace of traces) {
      if (!trace.customdata) continue
      const height = trace.width * laneShare(layout[axisName(trace.yaxis)]) * plot
      const fitted = trace.customdata.map(([, label, result], i) => {
        const end = trace.base[i] + trace.x[i]
        const inside = fitText(label, result, trace.x[i] * pixels, height, sizes, look.family)
        if (inside.whole) return inside
        const next = starts[(trace.yaxis ?? "y") + trace.y[i]].filter(start => start >= end - 1e-9)
        const free = (Math.min(range[1], ...next) - end) * pixels
        const beside = fitText(label, result, free, height, sizes, look.family)
        return beside.whole && layout.meta.axis === "time" ? { ...beside, outside: true } : inside
      })
      trace.text = fitted.map(each => each.text)
      trace.textposition = fitted.map(each => (each.outside ? "outside" : "inside"))
      trace.insidetextfont = { ...trace.insidetextfont, size: fitted.map(each => each.size) }
      trace.outsidetextfont = { color: look.text, size: fitted.map(each => each.size) }
    }
    for (const [i, note] of (layout.annotations ?? []).entries()) {
      const { from, to, short } = layout.meta.notes[i]
      if (from == null) continue
      const room = (to - from) * pixels
      const fits = text => textWidth(text.replace(/<[^>]*>/g, ""), note.font.size, look.family) + 10 * look.scale <= room
      note.text = fits(this.texts[i]) ? this.texts[i] : short
      note.visible = note.text !== "" && (room > 6 || layout.meta.axis === "steps")
    }
    this.sized = this.signature(range, width)
  }

  signature(range, width) {
    return [((range[1] - range[0]) / width).toPrecision(5), this.figureText.length, this.scale].join()
  }

  listen() {
    if (!this.listening) {
      this.listening = true
      this.chart.on("plotly_afterplot", () => this.show())
      this.chart.on("plotly_relayouting", () => this.place())
      this.chart.on("plotly_relayout", () => this.refit())
      this.chart.on("plotly_click", event => this.click(event.points[0]))
    }
    if (!this.refit()) this.show()
  }

  /** Labels were fitted to a range that is no longer shown: draw again. */
  refit() {
    const full = this.chart._fullLayout
    const stale = this.signature(full.xaxis.range, full.width) !== this.sized
    if (stale) this.draw()
    return stale
  }

  /** Everything that depends on the step, by style alone: nothing is drawn again. */
  show() {
    const meta = this.figure?.layout.meta
    if (!meta || !this.chart._fullLayout) return
    const known = (selector, since) => {
      for (const node of this.chart.querySelectorAll(selector)) {
        node.style.display = since[node.dataset.index] <= this.step ? "" : "none"
      }
    }
    known(".annotation", meta.notes.map((note, i) => (i < meta.titles ? Infinity : note.since)))
    known(".shapelayer [data-index]", meta.shapes)
    this.place()
    this.caption()
  }

  place() {
    const full = this.chart._fullLayout
    const box = this.chart.querySelector(".svg-container")
    const mark = this.marks[this.step]
    if (!full?.xaxis || !box || !mark) return
    if (this.future.parentNode !== box) {
      const svgs = box.querySelectorAll(":scope > .main-svg")
      box.insertBefore(this.future, svgs[1] ?? null)
      box.insertBefore(this.head, svgs[1] ?? null)
    }
    const axis = full.xaxis
    const last = this.step === this.marks.length - 1
    const exact = axis.d2p(mark.until)
    const at = Math.max(0, Math.min(axis._length, exact))
    const top = full._size.t
    const height = full._size.h
    Object.assign(this.future.style, {
      transform: `translate(${axis._offset + at}px, ${top}px) scaleX(${(axis._length - at) / axis._length})`,
      width: `${axis._length}px`,
      height: `${height}px`,
      display: last ? "none" : "",
    })
    Object.assign(this.head.style, {
      transform: `translate(${axis._offset + at - 1.5}px, ${top}px)`,
      height: `${height}px`,
      display: last || Math.abs(exact - at) > 2 ? "none" : "",
    })
    this.root.querySelector("[data-act=reset]").hidden = !this.zoomed(axis)
    this.nameLanes(full)
    this.follow(axis._offset + at)
  }

  zoomed(axis) {
    const [start, end] = this.figure.layout.xaxis.range
    const slack = 1e-6 * (end - start)
    return Math.abs(axis.range[0] - start) > slack || Math.abs(axis.range[1] - end) > slack
  }

  /** Names of the lanes stay at the left when the chart scrolls. */
  nameLanes(full) {
    const names = []
    for (const [row, lanes] of this.figure.layout.meta.lanes.entries()) {
      const axis = full[row ? `yaxis${row + 1}` : "yaxis"]
      for (const [lane, { name, color }] of lanes.entries()) {
        const label = element("txs-lane")
        label.textContent = name
        label.style.setProperty("--txs-color", color)
        label.style.top = `${axis._offset + axis.d2p(lane)}px`
        names.push(label)
      }
    }
    for (const note of full.annotations.slice(0, this.figure.layout.meta.titles)) {
      const title = element("txs-title")
      title.textContent = note.text.replace(/<[^>]*>/g, "")
      title.style.background = note.bgcolor
      title.style.color = note.font.color
      title.style.top = `${full._size.t + (1 - note.y) * full._size.h}px`
      names.push(title)
    }
    this.lanes.style.width = `${full._size.l}px`
    this.lanes.style.height = `${full.height}px`
    this.lanes.replaceChildren(...names)
  }

  /** Keep the playhead in sight where the chart is wider than the page. */
  follow(x) {
    const frame = this.chart.parentElement
    const margin = 2 * PLACE_PX
    const resting = !this.moved && this.step === this.marks.length - 1
    if (resting || frame.scrollWidth <= frame.clientWidth) return
    if (x < frame.scrollLeft + margin || x > frame.scrollLeft + frame.clientWidth - margin) {
      frame.scrollLeft = x - frame.clientWidth / 2
    }
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

  // -- the transport ------------------------------------------------------------------------------------------------

  act(name) {
    const last = this.marks.length - 1
    if (name === "play") return this.timer ? this.pause() : this.play()
    if (name === "reset") return this.plotly.relayout(this.chart, { "xaxis.range": this.figure.layout.xaxis.range })
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
    this.timer = setInterval(() => {
      this.go(this.step + 1)
      if (this.step >= this.marks.length - 1) this.pause()
    }, PLAY_MS / speed)
  }

  pause() {
    clearInterval(this.timer)
    this.timer = null
    this.root.classList.remove("txs-playing")
    this.root.querySelector("[data-act=play]").setAttribute("aria-label", this.data?.labels.play ?? "")
  }

  click(point) {
    const position = point.customdata?.[0]
    if (position == null) return
    this.clicked = position
    this.pause()
    this.step = position
    this.show()
    this.report()
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

  // -- the page -----------------------------------------------------------------------------------------------------

  watch() {
    const take = () => (active = this)
    this.root.addEventListener("pointerenter", take)
    this.root.addEventListener("focusin", take)
    this.root.addEventListener("click", event => {
      const button = event.target.closest("button[data-act]")
      if (button) this.act(button.dataset.act)
    })
    this.root.querySelector(".txs-speed").addEventListener("change", () => {
      if (this.timer) {
        this.pause()
        this.play()
      }
    })
    this.observer = new ResizeObserver(() => {
      cancelAnimationFrame(this.frame)
      this.frame = requestAnimationFrame(() => this.draw())
    })
    this.observer.observe(this.chart.parentElement)
    this.observer.observe(this.root.querySelector(".txs-rem"))
  }

  leave() {
    this.pause()
    clearTimeout(this.waiting)
    cancelAnimationFrame(this.frame)
    this.observer.disconnect()
    if (this.chart._fullLayout) this.plotly?.purge(this.chart)
    views.delete(this)
    if (active === this) active = null
  }
}

function element(name, tag = "div") {
  const made = document.createElement(tag)
  made.className = name
  return made
}

/** `y2` is `yaxis2` in a layout. */
const axisName = (ref = "y") => ref[0] + "axis" + ref.slice(1)

/** What part of the plot's height one lane of this y axis has. */
const laneShare = ({ range, domain = [0, 1] }) => (domain[1] - domain[0]) / Math.abs(range[1] - range[0])

/** The figure in the page's colours, font and size. */
function themed(layout, look, width) {
  const k = look.scale
  layout.font = { ...layout.font, size: layout.font.size * k, color: look.text, family: look.family }
  layout.width = width
  layout.height *= k
  for (const side of ["l", "r", "t", "b"]) layout.margin[side] *= k
  for (const [name, axis] of Object.entries(layout)) {
    if (/^[xy]axis\d*$/.test(name)) Object.assign(axis, { gridcolor: look.line, linecolor: look.line, color: look.text })
    if (/^yaxis\d*$/.test(name)) axis.showticklabels = false
  }
  layout.hoverlabel = {
    ...layout.hoverlabel,
    bgcolor: look.raised,
    bordercolor: look.line,
    font: { color: look.text, family: look.family, size: 15 * k },
  }
  for (const note of layout.annotations ?? []) {
    note.font = { ...note.font, size: (note.font?.size ?? layout.font.size / k) * k }
    for (const shift of ["xshift", "yshift"]) if (note[shift]) note[shift] *= k
    if (note.showarrow) note.arrowcolor = look.text
  }
  return layout
}

const TYPING = "input, textarea, select, [contenteditable=true], [role=combobox], [role=slider], [role=listbox], [role=tab], [role=radio]"

function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
  const at = event.target instanceof Element ? event.target : document.body
  if (at.closest(TYPING) || (event.key === " " && at.closest("button, a, summary, [role=button]"))) return
  const view = active ?? [...views].find(each => each.root.isConnected)
  const act = { ArrowLeft: "previous", ArrowRight: "next", Home: "first", End: "last", " ": "play" }[event.key]
  if (!view?.marks || !act || ((act === "first" || act === "last") && !view.root.contains(at))) return
  event.preventDefault()
  view.act(act)
}

if (!window.txscopeKeys) {
  window.txscopeKeys = true
  document.addEventListener("keydown", onKey)
}

export default function (component) {
  const root = component.parentElement.querySelector(".txs")
  if (!viewOf.has(root)) viewOf.set(root, new ScoreView(root))
  const view = viewOf.get(root)
  view.update(component)
  return () => view.leave()
}
