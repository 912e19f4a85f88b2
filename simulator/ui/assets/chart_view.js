// A chart in the page: Plotly.react keeps the picture and the zoom, a click tells Python which bar it was.

const CHART_CONFIG = { displayModeBar: false, responsive: false, doubleClick: "reset", scrollZoom: false, showTips: false }

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
    this.plotly.react(this.chart, this.figure.data.map(trace => ({ ...trace })), layout, CHART_CONFIG).then(() => this.listen())
  }

  listen() {
    this.root.dataset.drawn = String(Number(this.root.dataset.drawn ?? 0) + 1)
    if (this.listening || this.left) return
    this.listening = true
    this.chart.on("plotly_click", ({ points }) => {
      const found = points.map(point => point.customdata?.[0]).find(id => id != null)
      if (found != null) this.tell("clicked", found)
    })
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
