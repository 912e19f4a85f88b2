// A chart in the page: Plotly.react keeps the picture and the zoom, a click tells Python which bar it was.

const CHART_CONFIG = { displayModeBar: false, responsive: false, doubleClick: "reset", scrollZoom: false, showTips: false }

const NEAR_PX = 3 // so far beside a thin bar the pointer still means it

/** The traces as large as the page's text; so are the sizes in the layout that `themed` leaves alone. */
function scaled(data, layout, k) {
  const axes = Object.entries(layout).flatMap(([name, axis]) => (/^[xy]axis\d*$/.test(name) ? [axis] : []))
  const fonts = [...axes.flatMap(axis => [axis.tickfont, axis.title?.font]), layout.legend?.font]
  for (const font of fonts) if (font?.size) font.size *= k
  if (layout.uniformtext?.minsize) layout.uniformtext.minsize *= k
  const grown = size => (Array.isArray(size) ? size.map(one => one * k) : size * k)
  return data.map(trace => ({
    ...trace,
    ...(trace.marker?.size && { marker: { ...trace.marker, size: grown(trace.marker.size) } }),
    ...(trace.textfont?.size && { textfont: { ...trace.textfont, size: grown(trace.textfont.size) } }),
  }))
}

class ChartView {
  constructor(root) {
    this.root = root
    this.chart = root.querySelector(".txc-chart")
    this.observer = new ResizeObserver(() => {
      cancelAnimationFrame(this.nextFrame)
      this.nextFrame = requestAnimationFrame(() => this.draw())
    })
    this.observer.observe(root)
    this.observer.observe(root.querySelector(".txs-rem"))
  }

  update({ data, setTriggerValue }) {
    this.tell = setTriggerValue
    this.chart.setAttribute("role", "img")
    this.chart.setAttribute("aria-label", data.label)
    if (this.text !== data.figure) {
      this.text = data.figure
      this.figure = JSON.parse(data.figure)
    }
    loadPlotly(data.script).then(
      plotly => {
        this.plotly = plotly
        this.draw()
      },
      () => (this.chart.textContent = data.unavailable),
    )
  }

  draw() {
    const width = this.root.clientWidth
    if (this.left || !width || !this.plotly || !this.figure) return
    const look = lookOf(this.root)
    const wanted = JSON.stringify([look, width])
    if (wanted === this.drawn && this.text === this.drawnText) return
    this.drawn = wanted
    this.drawnText = this.text
    const layout = themed(structuredClone(this.figure.layout), look, width)
    for (const [name, axis] of Object.entries(this.figure.layout)) {
      if (/^yaxis\d*$/.test(name)) layout[name].showticklabels = axis.showticklabels ?? true
    }
    this.plotly.react(this.chart, scaled(this.figure.data, layout, look.scale), layout, CHART_CONFIG).then(() => this.listen())
  }

  idOf(point) {
    return point && this.figure.data[point.curveNumber]?.customdata?.[point.pointNumber]?.[0]
  }

  /** The bar under the pointer that lies on top: of bars that cover each other Plotly takes the one that ends nearest. */
  barAt(event) {
    if (event?.clientX == null) return null
    let near = null
    for (const traces of [...this.chart.querySelectorAll(".barlayer .trace.bars")].reverse()) {
      for (const point of traces.querySelectorAll(".point")) {
        const box = point.querySelector("path")?.getBoundingClientRect()
        if (!box || event.clientY < box.top || event.clientY > box.bottom) continue
        const beside = Math.max(box.left - event.clientX, event.clientX - box.right, 0)
        if (beside > NEAR_PX || (near && near.beside <= beside)) continue
        near = { beside, curveNumber: traces.__data__[0].trace.index, pointNumber: point.__data__.i }
        if (!beside) return near
      }
    }
    return near
  }

  /** The lane whose name is under the pointer: its middle on the axis, and what the page calls it; null where there is none. */
  laneAt({ clientX, clientY }) {
    const { lanes, edges } = this.figure.layout.meta ?? {}
    const { _size: size, yaxis } = this.chart._fullLayout ?? {}
    if (!lanes || !edges || !yaxis) return null
    const box = this.chart.getBoundingClientRect()
    const below = clientY - box.top - yaxis._offset
    if (clientX - box.left >= size.l || below < 0 || below > yaxis._length) return null
    const at = yaxis.p2l(below)
    const number = edges.findIndex((edge, place) => edge <= at && at < edges[place + 1])
    return lanes[number] == null ? null : { middle: (edges[number] + edges[number + 1]) / 2, name: lanes[number] }
  }

  point(lane) {
    this.chart.classList.toggle("txc-on-lane", lane != null)
    for (const tick of this.chart.querySelectorAll(".yaxislayer-above .ytick")) {
      tick.classList.toggle("txc-lane", lane != null && tick.__data__?.x === lane.middle)
    }
  }

  /** Words of two moments that would stand on each other: the lower, the later ones are told by the pointer alone. */
  uncover() {
    const words = [...this.chart.querySelectorAll(".textpoint text")].map(text => ({ text, box: text.getBoundingClientRect() }))
    words.sort((one, other) => one.box.top - other.box.top || one.box.left - other.box.left)
    const shown = []
    for (const { text, box } of words) {
      const covers = other => box.left < other.right && other.left < box.right && box.top < other.bottom && other.top < box.bottom
      const covered = shown.some(covers)
      text.classList.toggle("txc-covered", covered)
      if (!covered) shown.push(box)
    }
  }

  listen() {
    this.uncover()
    this.root.dataset.drawn = String(Number(this.root.dataset.drawn ?? 0) + 1)
    if (this.listening || this.left) return
    this.listening = true
    this.chart.on("plotly_click", ({ points, event }) => {
      const bar = this.barAt(event)
      const found = [bar, ...points].map(point => this.idOf(point)).find(id => id != null)
      if (found != null) this.tell("clicked", found)
      if (bar) this.plotly.Fx.hover(this.chart, [bar]) // Plotly has just pointed at its own choice again
    })
    this.chart.on("plotly_hover", ({ points, event }) => {
      const bar = this.barAt(event)
      const same = bar && points.some(p => p.curveNumber === bar.curveNumber && p.pointNumber === bar.pointNumber)
      if (bar && !same) this.plotly.Fx.hover(this.chart, [bar])
    })
    this.chart.on("plotly_relayout", () => this.uncover())
    this.chart.addEventListener("click", event => {
      const lane = this.laneAt(event)
      if (lane) this.tell("lane", lane.name)
    })
    this.chart.addEventListener("mousemove", event => this.point(this.laneAt(event)))
    this.chart.addEventListener("mouseleave", () => this.point(null))
  }

  leave() {
    this.left = true
    cancelAnimationFrame(this.nextFrame)
    this.observer.disconnect()
    if (this.chart._fullLayout) this.plotly.purge(this.chart)
  }
}

const chartOf = new WeakMap()

export default function (component) {
  const root = component.parentElement.querySelector(".txc")
  if (!chartOf.has(root)) chartOf.set(root, new ChartView(root))
  const view = chartOf.get(root)
  view.update(component)
  return () => view.leave()
}
