// The score in the page: Plotly.react for the picture, and a playhead that needs no redrawing.

const PLACES_PX = [100, 110, 120, 130, 140, 150] // the widths of a step that are tried until no label is cut
const BAR_EDGE = 0.29 // half a bar, in lanes
const CONFIG = { displayModeBar: false, responsive: false, doubleClick: "reset", scrollZoom: false, showTips: false }

/** What each bar says of its statement, by position. */
const labelsOf = traces =>
  new Map(traces.flatMap(({ customdata }) => customdata ?? []).filter(([, label]) => label).map(([at, label]) => [at, label]))

/** Whether a stretch of pixels lies on another one, or goes beyond a plot that is so wide. */
const crowded = ([left, right], others, width) =>
  left < 0 || right > width || others.some(([from, to]) => left < to && from < right)

/** Label and result of a bar where there is little room. */
const briefOf = each => each.slice(6)

class ScoreView extends Transport {
  constructor(root) {
    super(root)
    this.chart = root.querySelector(".txs-chart")
    this.frame = root.querySelector(".txs-frame")
    this.lanes = root.querySelector(".txs-lanes")
    this.future = new Future()
    this.head = element("txs-head")
    this.scene = new Scene()
    this.order = new Order(this)
    this.sheet = new CSSStyleSheet()
    this.figureText = ""
    this.observer = new ResizeObserver(() => {
      cancelAnimationFrame(this.nextFrame)
      this.nextFrame = requestAnimationFrame(() => this.draw())
    })
    this.observer.observe(this.frame)
    this.observer.observe(root.querySelector(".txs-rem"))
    this.observer.observe(root.querySelector(".txs-room"))
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
      this.labelOf = labelsOf(this.figure.data)
      this.tellings = this.figure.data.map(trace => trace.hovertext)
    }
    this.order.take(this.movable, labels)
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
    this.tellStep()
  }

  /** Draws where figure, theme or size have changed since; `stale` labels are reason enough. */
  draw(stale = false) {
    const visible = this.frame.clientWidth
    if (this.left || !visible || !this.plotly || !this.figure) return
    const look = lookOf(this.root)
    const width = look.room ? visible : Math.max(visible, this.roomNeeded(look))
    const wanted = JSON.stringify([this.revision, look, width])
    if (wanted === this.drawn && !stale) return this.show()
    this.drawn = wanted
    this.reserve()
    const layout = themed(structuredClone(this.figure.layout), look, width)
    this.scale = look.scale
    const shownRange = this.chart._fullLayout?.xaxis?.range
    const kept = shownRange && this.keptRevision === layout.uirevision ? shownRange : layout.xaxis.range
    const traces = this.figure.data.map(trace => ({ ...trace, hovertext: trace.hovertext && [...trace.hovertext] }))
    this.fit(traces, layout, kept, width, look)
    this.keptRevision = layout.uirevision
    this.chart.querySelector(".txs-message")?.remove()
    this.plotly.react(this.chart, traces, layout, CONFIG).then(() => this.listen())
  }

  /** On the step axis a place is as wide as its labels want; where there are many, the chart scrolls sideways. */
  roomNeeded(look) {
    const { meta, margin } = this.figure.layout
    if (meta.axis !== "steps") return 0
    const wanted = JSON.stringify([this.revision, look])
    if (this.roomFor !== wanted) {
      this.placePx = PLACES_PX.find(place => this.whole(place * look.scale, look)) ?? PLACES_PX.at(-1)
      this.roomFor = wanted
    }
    return (this.marks.length * this.placePx + margin.l + margin.r) * look.scale
  }

  /** Whether no label is cut where a step is so many pixels wide. */
  whole(place, look) {
    const { layout, data } = this.figure
    const plot = (layout.height - layout.margin.t - layout.margin.b) * look.scale
    const sizes = SIZES.map(size => size * layout.font.size * look.scale)
    return data.every(trace => {
      const height = trace.width * laneShare(layout[axisName(trace.yaxis)]) * plot
      return (trace.customdata ?? []).every(
        (each, i) => fitText(each[1], each[2], trace.x[i] * place, height, sizes, look.family, briefOf(each)).whole,
      )
    })
  }

  /** Labels that fit their bars; on the time axis a label that does not may stand to the right of its bar. */
  fit(traces, layout, range, width, look) {
    const pixels = (width - layout.margin.l - layout.margin.r) / (range[1] - range[0])
    const plot = layout.height - layout.margin.t - layout.margin.b
    const sizes = SIZES.map(size => size * layout.font.size)
    const starts = {}
    for (const trace of traces) {
      if (!trace.customdata) continue
      trace.y.forEach((y, i) => (starts[(trace.yaxis ?? "y") + y] ??= []).push(trace.base[i]))
    }
    for (const trace of traces) {
      if (!trace.customdata) continue
      const height = trace.width * laneShare(layout[axisName(trace.yaxis)]) * plot
      const fitted = trace.customdata.map((each, i) => {
        const [, label, result] = each
        const end = trace.base[i] + trace.x[i]
        const inside = fitText(label, result, trace.x[i] * pixels, height, sizes, look.family, briefOf(each))
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
    this.fitNotes(layout, range, pixels, look)
    this.sized = this.signature(range, width)
  }

  /** A pill has the room of what it is about; one without bounds says less where it would lie on another, or stand out. */
  fitNotes(layout, range, pixels, look) {
    const notes = layout.annotations ?? []
    const widthOf = (note, text = note.text) => textWidth(plainText(text), note.font.size, look.family) + 10 * look.scale
    for (const [i, note] of notes.entries()) {
      const { from, to, short } = layout.meta.notes[i]
      if (from == null) continue
      const room = (to - from) * pixels
      note.text = widthOf(note, this.texts[i]) <= room ? this.texts[i] : short
      note.visible = note.text !== "" && (room > 6 || layout.meta.axis === "steps")
    }
    const reaches = note => {
      const x = (note.x - range[0]) * pixels + (note.xshift ?? 0)
      const width = widthOf(note)
      return note.xanchor === "right" ? [x - width, x] : [x, x + width]
    }
    for (const [i, note] of notes.entries()) {
      const { from, short } = layout.meta.notes[i]
      if (from != null || !short) continue
      const beside = notes.filter(other => other !== note && other.y === note.y && other.yref === note.yref)
      const others = beside.filter(other => other.text && !other.showarrow).map(reaches)
      if (crowded(reaches(note), others, (range[1] - range[0]) * pixels)) note.text = short
    }
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
      this.chart.on("plotly_beforehover", event => this.mayTell(event))
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
    this.scene.at(this.marks[this.step]?.scene ?? null, this.advanced, () => this.goOn())
    this.advanced = false
    const known = (selector, since) => {
      for (const node of this.chart.querySelectorAll(selector)) {
        node.style.display = since[node.dataset.index] <= this.step ? "" : "none"
      }
    }
    known(".annotation", meta.notes.map((note, i) => (i < meta.titles || this.held(note, i) ? Infinity : note.since)))
    known(".shapelayer [data-index]", meta.shapes)
    tellUntil(this.chart.data, this.tellings, this.step)
    this.place()
    this.caption()
    this.tellEnd(this.step < this.marks.length - 1)
    this.tellStep()
  }

  /** Known at this step, but at a moment of it that has not come yet. */
  held({ since, from }, i) {
    return since === this.step && this.scene.holds(Math.round(this.chart._fullLayout.annotations[i].y), from != null)
  }

  /** What the run came to stands elsewhere on the page, and is covered there until its last step. */
  tellEnd(open) {
    const { pending } = this.data.labels
    if (!this.data.ends) return
    document.documentElement.toggleAttribute("data-txs-open", open)
    document.documentElement.style.setProperty("--txs-pending", JSON.stringify(pending ?? ""))
  }

  /** What the page says of a run, and of a step of it, is seen with its figure: in the same frame. */
  tellStep() {
    const { run } = this.data
    if (!run) return
    if (!document.adoptedStyleSheets.includes(this.sheet)) document.adoptedStyleSheets.push(this.sheet)
    document.documentElement.toggleAttribute("data-txs-told", true)
    const said = `[data-txs-of]:not([data-txs-of="${run}"]) { visibility: hidden }
      [data-txs-at~="${run}.${this.step}"] { display: block }`
    if (said !== this.toldStep) this.sheet.replaceSync(said)
    this.toldStep = said
  }

  tellNothing() {
    const { adoptedStyleSheets: sheets } = document
    if (!sheets.includes(this.sheet)) return
    document.adoptedStyleSheets = sheets.filter(sheet => sheet !== this.sheet)
    document.documentElement.toggleAttribute("data-txs-told", false)
  }

  place() {
    const full = this.chart._fullLayout
    const box = this.chart.querySelector(".svg-container")
    const mark = this.marks[this.step] // none before the first
    if (!full?.xaxis || !box) return
    const [behind, above] = box.querySelectorAll(":scope > .main-svg")
    if (behind.nextSibling !== this.future.box) {
      behind.after(this.future.box, this.head, this.scene.box)
      above.after(this.order.box)
    }
    const axis = full.xaxis
    const last = this.step === this.marks.length - 1
    const exact = mark ? axis.d2p(mark.until) : 0
    const at = Math.max(0, Math.min(axis._length, exact))
    const top = full._size.t
    const height = full._size.h
    this.future.cover(full, last ? axis._length : at)
    this.future.outline(full, this.chart.data, this.figure.layout.meta, this.marks, this.step)
    this.future.cut(above, last ? Infinity : axis._offset + at)
    this.future.hideTicks(this.chart, this.figure.layout.meta, last ? Infinity : axis.p2d(at))
    Object.assign(this.head.style, {
      transform: `translate(${axis._offset + at - 1.5}px, ${top}px)`,
      height: `${height}px`,
      display: last || Math.abs(exact - at) > 2 ? "none" : "",
    })
    this.now = last ? Infinity : axis._offset + at
    this.drawScene = () => this.stageScene(full, at)
    this.drawScene()
    this.root.querySelector("[data-act=reset]").hidden = !this.zoomed(axis)
    this.showOrder(full)
    this.nameLanes(full)
    this.follow(axis._offset + at)
  }

  /** A moment of the scene later; most show nothing new but the clock. */
  goOn() {
    const { moment } = this.scene
    if (moment !== this.seen) this.show()
    else this.drawScene()
    this.seen = moment
  }

  stageScene(full, head) {
    const { xaxis, yaxis, _size: size } = full
    Object.assign(this.scene.box.style, {
      left: `${xaxis._offset}px`, top: `${size.t}px`, width: `${xaxis._length}px`, height: `${size.h}px`,
    })
    const steps = this.figure.layout.meta.axis === "steps"
    this.scene.draw({
      middle: lane => yaxis.d2p(lane),
      lane: yaxis.d2p(1) - yaxis.d2p(0),
      head,
      wide: steps ? 0.3 * (xaxis.d2p(1) - xaxis.d2p(0)) : 20 * this.scale,
      began: lane => {
        const [{ y, base }] = this.chart.data // the transactions
        return xaxis.d2p(Math.max(...base.filter((start, i) => y[i] === lane && xaxis.d2p(start) < head)))
      },
      scale: this.scale,
    })
  }

  showOrder(full) {
    const { axis, lanes } = this.figure.layout.meta
    this.order.draw({
      full,
      steps: axis === "steps",
      lanes: lanes[0].map(({ name, color }) => [name, color]),
      edge: BAR_EDGE,
      labelOf: position => this.labelOf.get(position) ?? "",
    })
  }

  /** The steps that may change their places: those of the schedule, and not what was run again. */
  get movable() {
    return this.marks.slice(0, this.data.movable ?? 0).map(({ step, session }) => ({ key: step, session }))
  }

  /** Another order is wanted; what comes of it comes with the next figure. */
  reorder(keys) {
    this.pause()
    this.trigger("order", keys)
  }

  /** What came of a new order stands above the score: whoever moved a bar sees both. */
  showVerdict() {
    requestAnimationFrame(() => document.querySelector(".tx-verdict")?.scrollIntoView({ block: "nearest" }))
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
    const margin = 2 * PLACES_PX[0] * this.scale
    if (frame.scrollWidth <= frame.clientWidth) return
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

  /** On the time axis nothing is told of what has not come: not even when it will. */
  mayTell({ clientX }) {
    const { meta } = this.figure.layout
    return meta.axis === "steps" || clientX <= this.head.parentElement.getBoundingClientRect().left + this.now
  }

  showAll() {
    this.plotly.relayout(this.chart, { "xaxis.range": this.figure.layout.xaxis.range })
  }

  leave() {
    this.stop()
    this.tellEnd(false)
    this.tellNothing()
    this.scene.stop()
    this.order.end()
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
