// The score in the page: Plotly.react for the picture, and a playhead that needs no redrawing.

const CONFIG = { displayModeBar: false, responsive: false, doubleClick: "reset", scrollZoom: false, showTips: false }

class ScoreView extends Transport {
  constructor(root) {
    super(root)
    this.chart = root.querySelector(".txs-chart")
    this.frame = root.querySelector(".txs-frame")
    this.lanes = new Lanes(root.querySelector(".txs-lanes"))
    this.labels = new Labels()
    this.future = new Future()
    this.head = element("txs-head")
    this.scene = new Scene()
    this.order = new Order(this)
    this.telling = new Telling()
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
      this.labels.take(this.figure, this.marks.length, this.revision)
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
    this.tell()
  }

  /** Draws where figure, theme or size have changed since; `stale` labels are reason enough. */
  draw(stale = false) {
    const visible = this.frame.clientWidth
    if (this.left || !visible || !this.plotly || !this.figure) return
    const look = (this.look = lookOf(this.root))
    const width = look.room ? visible : Math.max(visible, this.labels.roomNeeded(look))
    const wanted = JSON.stringify([this.revision, look, width])
    if (wanted === this.drawn && !stale) return this.show()
    this.drawn = wanted
    this.reserve()
    const layout = themed(structuredClone(this.figure.layout), look, width)
    this.scale = look.scale
    const shownRange = this.chart._fullLayout?.xaxis?.range
    const kept = shownRange && this.keptRevision === layout.uirevision ? shownRange : layout.xaxis.range
    const traces = this.figure.data.map(trace => ({ ...trace, hovertext: trace.hovertext && [...trace.hovertext] }))
    this.labels.fit(traces, layout, kept, width, look)
    this.keptRevision = layout.uirevision
    this.chart.querySelector(".txs-message")?.remove()
    this.plotly.react(this.chart, traces, layout, CONFIG).then(() => this.listen())
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
    const stale = !this.labels.fitted(full.xaxis.range, full.width, this.scale)
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
    this.tell()
  }

  /** Known at this step, but at a moment of it that has not come yet. */
  held({ since, from }, i) {
    return since === this.step && this.scene.holds(Math.round(this.chart._fullLayout.annotations[i].y), from != null)
  }

  /** What the page says of the run, and of this step of it. */
  tell() {
    const { ends, labels, run } = this.data
    if (ends) this.telling.cover(this.step < this.marks.length - 1, labels.pending ?? "")
    if (run) this.telling.step(run, this.step)
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
    const sizes = sizesOf(this.look, full.font.size)
    this.future.outline(full, this.chart.data, this.figure.layout.meta, this.marks, this.step, sizes)
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
    this.lanes.name(full, this.figure.layout.meta)
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
      labelOf: position => this.labels.of.get(position) ?? "",
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
    this.telling.end()
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
