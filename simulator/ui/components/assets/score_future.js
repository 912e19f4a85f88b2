// What is to come: it is covered, and each statement of the schedule is an empty box with what will be sent.

/** What is told of a statement to whoever points at it, at this step: nothing that only a later one brings. */
function tellUntil(traces, tellings, step) {
  for (const [t, { customdata, hovertext }] of traces.entries()) {
    for (const [i, [position, , , sent, waits, settled]] of (customdata ?? []).entries()) {
      if (position > step) hovertext[i] = sent
      else hovertext[i] = settled === null || settled > step ? waits : tellings[t][i]
    }
  }
}

class Future {
  constructor() {
    this.box = element("txs-future")
  }

  /** Everything of the plot to the right of `at`. */
  cover({ xaxis, _size: size }, at) {
    Object.assign(this.box.style, {
      left: `${xaxis._offset}px`,
      top: `${size.t}px`,
      width: `${xaxis._length}px`,
      height: `${size.h}px`,
      clipPath: `inset(0 0 0 ${at}px)`,
    })
  }

  /** Nothing of what a statement comes to; one that only a retry sends is not known of. On the time axis nothing at all:
   *  a box there would say when it comes, and how long it takes. */
  outline(full, traces, meta, marks, step, sizes) {
    if (meta.axis !== "steps") return this.box.replaceChildren()
    const colors = new Map(meta.lanes.flat().map(lane => [lane.name, lane.color]))
    const boxes = []
    for (const { yaxis = "y", ...trace } of traces) {
      const lanes = full[axisName(yaxis)]
      const height = trace.width * Math.abs(lanes.d2p(1) - lanes.d2p(0))
      for (const [i, [position, label, , , , , brief]] of (trace.customdata ?? []).entries()) {
        if (!label || position <= step || marks[position].again) continue
        const start = trace.base[i]
        const end = 2 * position + 1 - start // how long it will wait is not known yet: it has its whole place
        const left = full.xaxis.d2p(start)
        const width = full.xaxis.d2p(end) - left
        const { text, size } = fitText(label, "", width, height, sizes, full.font.family, [brief])
        const box = element("txs-box")
        box.innerHTML = text
        box.style.setProperty("--txs-color", colors.get(marks[position].session) ?? "currentColor")
        Object.assign(box.style, {
          left: `${left}px`,
          top: `${lanes._offset - full._size.t + lanes.d2p(trace.y[i])}px`,
          width: `${width}px`,
          height: `${height}px`,
          fontSize: `${size}px`,
          fontFamily: full.font.family,
        })
        boxes.push(box)
      }
    }
    this.box.replaceChildren(...boxes)
  }

  /** The time axis goes no farther than the time that has come; `now` on the axis. */
  hideTicks(chart, meta, now) {
    for (const tick of chart.querySelectorAll(".xaxislayer-above .xtick, .xaxislayer-below .xtick, .xgrid")) {
      tick.style.display = meta.axis === "steps" || tick.__data__.x <= now ? "" : "none"
    }
  }

  /** Shapes lie above the cover: they reach no farther than `now`, in pixels of the chart. */
  cut(svg, now) {
    for (const shape of svg?.querySelectorAll(".shapelayer [data-index]") ?? []) {
      if (shape.style.display === "none") continue
      const { x, width } = shape.getBBox()
      const beyond = x + width - now
      shape.style.clipPath = beyond > 0 ? `inset(-9px ${Math.min(beyond, width)}px -9px -9px)` : ""
    }
  }
}
