// A deadlock's last milliseconds, in the score itself: the circle closes, the clock runs down, the victim turns red, the
// other goes on. Every moment was observed; only the pace is the viewer's.

const SVG = "http://www.w3.org/2000/svg"
const LIFT = 0.2 // of a lane: how far from its middle an arrow of the circle begins and ends
const BULGE = 0.24 // of a lane

const drawn = (name, attributes) => {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  return made
}

class Scene {
  constructor() {
    this.box = element("txs-scene")
    this.clock = element("txs-clock", "span") // Plotly gives every div of its own another font
    this.box.setAttribute("aria-hidden", "true") // the caption says the same
    this.ms = Infinity
  }

  /** The scene of the step that is shown, at its end; `again` begins it anew, where things may move. */
  at(scene, again, changed) {
    if (scene === this.scene && !again) return
    cancelAnimationFrame(this.frame)
    this.scene = scene
    this.ms = Infinity
    if (!scene || !again || matchMedia("(prefers-reduced-motion: reduce)").matches) return
    const began = performance.now()
    const tick = now => {
      this.ms = now - began
      if (this.ms >= scene.length) this.ms = Infinity
      changed()
      if (this.ms < Infinity) this.frame = requestAnimationFrame(tick)
    }
    this.ms = 0
    this.frame = requestAnimationFrame(tick)
  }

  stop() {
    cancelAnimationFrame(this.frame)
    this.box.remove()
  }

  /** The last moment that has come; null at rest. */
  get moment() {
    if (!this.scene || this.ms === Infinity) return null
    return this.scene.moments.findLast(moment => moment.at <= this.ms) ?? null
  }

  /** Whether what became known in a lane at this step is not to be seen yet. */
  holds(lane, waits) {
    if (!this.scene || this.ms === Infinity) return false
    const { victim, closes, fails, wakes } = this.scene
    if (waits) return this.ms < closes
    return this.ms < (lane === victim ? fails : wakes)
  }

  /** In the pixels of the plot: `middle` of a lane, its height, the playhead, how wide the last wait is drawn, and where
   *  a lane's transaction `began`. */
  draw({ middle, lane, head, wide, began, scale }) {
    this.box.style.display = this.scene ? "" : "none"
    if (!this.scene) return
    const { cycle, victim, closes, fails, bar } = this.scene
    const x = head - wide / 2
    const svg = drawn("svg", { width: "100%", height: "100%" })
    const tip = drawn("marker", { id: "txs-tip", viewBox: "0 0 10 10", refX: 7, refY: 5, markerWidth: 4.2, markerHeight: 4.2, orient: "auto" })
    tip.append(drawn("path", { d: "M0 0 10 5 0 10z", class: "txs-tip" }))
    svg.append(tip)
    if (this.ms >= fails) svg.append(this.fallen(middle(victim), lane, began(victim), head))
    for (const [from, to] of cycle) {
      const closing = from === this.scene.closer
      if (closing && this.ms < closes) continue
      const down = to > from ? 1 : -1
      const [y1, y2] = [middle(from) + down * LIFT * lane, middle(to) - down * LIFT * lane]
      const out = x - down * BULGE * lane
      const arrow = drawn("path", {
        d: `M${x - down * 4} ${y1}C${out} ${y1} ${out} ${y2} ${x - down * 4} ${y2}`,
        class: this.ms >= closes ? "txs-wait txs-closed" : "txs-wait",
        "marker-end": "url(#txs-tip)",
        pathLength: 1,
      })
      if (closing) arrow.style.strokeDashoffset = Math.max(0, 1 - (this.ms - closes) / 250)
      svg.append(arrow)
    }
    this.box.replaceChildren(svg)
    if (this.ms >= bar[0] && this.ms < fails) this.box.append(this.running(middle(victim), head + 10 * scale, bar))
  }

  /** What the victim did is undone. */
  fallen(y, lane, began, head) {
    const size = { width: Math.max(0, head - began), height: 0.81 * lane }
    return drawn("rect", { x: began, y: y - size.height / 2, ...size, rx: 6, class: "txs-fallen" })
  }

  running(y, x, [start, end]) {
    const part = Math.max(0, Math.min(1, (this.ms - start) / Math.max(1, end - start)))
    this.clock.style.setProperty("--txs-part", part)
    const [dial, words] = [element("txs-dial", "span"), element("txs-limit", "span")]
    words.textContent = this.scene.clock
    this.clock.replaceChildren(dial, words)
    Object.assign(this.clock.style, { left: `${x}px`, top: `${y}px` })
    return this.clock
  }
}
