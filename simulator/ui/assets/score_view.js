// The score in the page: Plotly.react for the picture, and a playhead that needs no redrawing.

const SMALL = 0.875 // of the font size, for labels that would not fit otherwise
const CONFIG = { displayModeBar: false, responsive: false, doubleClick: "reset", scrollZoom: false, showTips: false }

class ScoreView extends Transport {
  constructor(root) {
    super(root)
    this.chart = root.querySelector(".txs-chart")
    this.frame = root.querySelector(".txs-frame")
    this.lanes = root.querySelector(".txs-lanes")
    this.future = element("txs-future")
    this.head = element("txs-head")
    this.figureText = ""
    this.observer = new ResizeObserver(() => {
      cancelAnimationFrame(this.nextFrame)
      this.nextFrame = requestAnimationFrame(() => this.draw())
    })
    this.observer.observe(this.frame)
    this.observer.observe(root.querySelector(".txs-rem"))
  }

  update(component) {
    this.take(component)
    const { figure, labels, script } = component.data
    this.chart.setAttribute("role", "group")
    this.chart.setAttribute("aria-label", labels.chart ?? "")
    if (this.figureText !== figure) {
      this.figureText = figure
      this.revision = (this.revision ?? 0) + 1
      this.figure = JSON.parse(figure)
      this.texts = (this.figure.layout.annotations ?? []).map(note => note.text)
    }
    loadPlotly(script).then(
      plotly => {
        this.plotly = plotly
        this.draw()
      },
      () => this.complain(),
    )
  }

  complain() {
    const box = element("txs-message")
    box.textContent = this.data.labels.unavailable ?? ""
    this.chart.replaceChildren(box)
  }

  /** Draws where figure, theme or size have changed since; `stale` labels are reason enough. */
  draw(stale = false) {
    const visible = this.frame.clientWidth
    if (this.left || !visible || !this.plotly || !this.figure) return
    const look = lookOf(this.root)
    const width = Math.max(visible, this.roomNeeded(look.scale))
    const wanted = JSON.stringify([this.revision, look, width])
    if (wanted === this.drawn && !stale) return this.show()
    this.drawn = wanted
    const layout = themed(structuredClone(this.figure.layout), look, width)
    this.scale = look.scale
    const shownRange = this.chart._fullLayout?.xaxis?.range
    const kept = shownRange && this.keptRevision === layout.uirevision ? shownRange : layout.xaxis.range
    const traces = this.figure.data.map(trace => ({ ...trace }))
    this.fit(traces, layout, kept, width, look)
    this.keptRevision = layout.uirevision
    this.chart.querySelector(".txs-message")?.remove()
    this.plotly.react(this.chart, traces, layout, CONFIG).then(() => this.listen())
  }

  /** On the step axis a place is never narrower than a word; where there are many, the chart scrolls sideways. */
  roomNeeded(scale) {
    const { meta, margin } = this.figure.layout
    return meta.axis === "steps" ? (this.marks.length * PLACE_PX + margin.l + margin.r) * scale : 0
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
      const fits = text => textWidth(plainText(text), note.font.size, look.family) + 10 * look.scale <= room
      note.text = fits(this.texts[i]) ? this.texts[i] : short
      note.visible = note.text !== "" && (room > 6 || layout.meta.axis === "steps")
    }
    this.sized = this.signature(range, width)
  }

  signature(range, width) {
    return [((range[1] - range[0]) / width).toPrecision(5), this.revision, this.scale].join()
  }

  listen() {
    if (!this.listening) {
      this.listening = true
      this.chart.on("plotly_afterplot", () => this.show())
      this.chart.on("plotly_relayouting", () => this.place())
      this.chart.on("plotly_relayout", () => this.refit())
      this.chart.on("plotly_click", event => this.click(event.points[0]))
    }
    if (!this.left && !this.refit()) this.show()
  }

  /** Labels were fitted to a range that is no longer shown: draw again. */
  refit() {
    const full = this.chart._fullLayout
    const stale = this.signature(full.xaxis.range, full.width) !== this.sized
    if (stale) this.draw(true)
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
      title.textContent = plainText(note.text)
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
    const frame = this.frame
    const margin = 2 * PLACE_PX
    const resting = !this.moved && this.step === this.marks.length - 1
    if (resting || frame.scrollWidth <= frame.clientWidth) return
    if (x < frame.scrollLeft + margin || x > frame.scrollLeft + frame.clientWidth - margin) {
      frame.scrollLeft = x - frame.clientWidth / 2
    }
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

  showAll() {
    this.plotly.relayout(this.chart, { "xaxis.range": this.figure.layout.xaxis.range })
  }

  leave() {
    this.stop()
    this.left = true
    cancelAnimationFrame(this.nextFrame)
    this.observer.disconnect()
    if (this.chart._fullLayout) this.plotly.purge(this.chart)
  }
}

const viewOf = new WeakMap()

export default function (component) {
  const root = component.parentElement.querySelector(".txs")
  if (!viewOf.has(root)) viewOf.set(root, new ScoreView(root))
  const view = viewOf.get(root)
  view.update(component)
  return () => view.leave()
}
