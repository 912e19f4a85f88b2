// The order of a schedule, changed on the score: a handle below each bar to drag, and a place earlier or later by button
// and by key. A session's own order is fixed: a bar stops at its neighbours of the same session.

const DRAG_PX = 4 // less is a click
const EDGE_PX = 48 // how near to the side of a score that scrolls a dragged bar scrolls it
const PATIENT_MS = 4000 // how long a bar is shown where it was dropped while its run is awaited

/** The places that the bar at `from` may take: after its session's bar before it, before the one after it. */
function reach(steps, from) {
  const own = steps[from].session
  let low = from
  let high = from
  while (low > 0 && steps[low - 1].session !== own) low -= 1
  while (high < steps.length - 1 && steps[high + 1].session !== own) high += 1
  return [low, high]
}

function moved(steps, from, to) {
  const copy = [...steps]
  copy.splice(to, 0, ...copy.splice(from, 1))
  return copy
}

/** The bar of its own session at which the bar at `from` stops on its way to `to`; null where it comes there. */
function obstacle(steps, from, to) {
  const [low, high] = reach(steps, from)
  if (to < low) return steps[low - 1] ?? null
  return to > high ? (steps[high + 1] ?? null) : null
}

const filled = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole)

class Order {
  /** `view` is the score; it is told of a new order with `view.reorder(keys)`. */
  constructor(view) {
    this.view = view
    this.box = element("txs-handles")
    this.box.setAttribute("role", "group")
    this.list = element("txs-list")
    this.places = element("txs-places")
    this.box.append(this.list, this.places)
    this.shown = new Map() // key of a step -> its handle
    this.steps = []
    this.ahead = 0 // places asked for while a run was awaited
    view.root.addEventListener("txs-move", event => this.shift(event.detail))
    view.chart.addEventListener("pointermove", event => this.near(event))
    view.chart.addEventListener("pointerleave", () => this.near(null))
  }

  /** Another figure: what was dropped has run, or something else has. */
  take(steps, labels) {
    const awaited = this.awaited
    this.end()
    this.steps = steps
    this.labels = labels
    this.view.root.toggleAttribute("data-ordered", steps.length > 0)
    this.box.setAttribute("aria-label", labels.order ?? "")
    if (!steps.some(step => step.key === this.held)) this.held = null
    if (awaited) this.view.showVerdict()
    const by = Math.sign(this.ahead)
    if (!awaited || !by) return
    this.ahead -= by
    this.shift(by)
  }

  /** The bar that keys move: the one that was moved last, else the one at the playhead. */
  get current() {
    const held = this.steps.findIndex(step => step.key === this.held)
    return held >= 0 ? held : Math.max(0, this.view.step)
  }

  /** One place earlier or later; a sentence where that cannot be. */
  shift(by) {
    if (!this.steps.length) return
    if (this.awaited) {
      this.ahead += by
      return
    }
    const from = this.current
    if (from >= this.steps.length) return this.view.hint(this.labels.again)
    this.held = this.steps[from].key
    this.move(from, from + by)
  }

  move(from, to) {
    const step = this.steps[from]
    const other = obstacle(this.steps, from, to)
    if (other) {
      this.ahead = 0
      const text = to < from ? this.labels.behind : this.labels.before
      return this.view.hint(filled(text, { step: step.key, other: other.key }))
    }
    if (to === from || to < 0 || to >= this.steps.length) return
    this.held = step.key
    this.awaited = { from, to }
    this.timer = setTimeout(() => this.giveUp(), PATIENT_MS)
    this.view.reorder(moved(this.steps, from, to).map(each => each.key))
    this.view.place()
  }

  giveUp() {
    this.end()
    this.ahead = 0
    this.view.place()
  }

  end() {
    clearTimeout(this.timer)
    this.awaited = null
    this.drag?.stop.abort()
    this.drag = null
  }

  let() {
    this.held = null
  }

  // --- what is seen ------------------------------------------------------------------------------------------------

  /** In the pixels of the plot: lanes are `[name, color]`, `edge` half a bar in lanes. */
  draw({ full, steps, lanes, edge, labelOf }) {
    this.plot = { full, lanes, edge, labelOf }
    const { xaxis, _size: size } = full
    Object.assign(this.box.style, {
      left: `${xaxis._offset}px`, top: `${size.t}px`, width: `${xaxis._length}px`, height: `${size.h}px`,
      display: steps && this.steps.length ? "" : "none",
    })
    this.shown = new Map(this.steps.map(({ key }) => [key, this.shown.get(key) ?? this.handle(key)]))
    this.steps.forEach((step, i) => this.arrange(this.shown.get(step.key), step, i))
    // Only where they are others: who is moved about in the document loses the focus, and the click that is under way.
    const nodes = [...this.shown.values()]
    if (nodes.length !== this.list.childElementCount || nodes.some((node, i) => node !== this.list.children[i])) {
      const focused = this.list.contains(document.activeElement) ? document.activeElement : null
      this.list.replaceChildren(...nodes)
      focused?.focus({ preventScroll: true })
    }
    this.places.replaceChildren(...this.dropping())
  }

  arrange(node, step, i) {
    const { full, lanes, edge } = this.plot
    const lane = lanes.findIndex(([name]) => name === step.session)
    const [low, high] = reach(this.steps, i)
    const [earlier, grip, later] = node.children
    Object.assign(node.style, {
      left: `${full.xaxis.d2p(i)}px`, top: `${full.yaxis.d2p(lane + edge)}px`,
      width: `${full.xaxis.d2p(i + 1) - full.xaxis.d2p(i)}px`,
    })
    node.toggleAttribute("data-here", i === this.current)
    node.toggleAttribute("data-held", step.key === this.held)
    grip.tabIndex = i === this.current ? 0 : -1
    earlier.disabled = i === low
    later.disabled = i === high
    for (const [button, text] of [[earlier, this.labels.earlier], [grip, this.labels.move], [later, this.labels.later]]) {
      button.setAttribute("aria-label", filled(text, { step: step.key }))
      button.title = filled(text, { step: step.key })
    }
  }

  handle(key) {
    const node = element("txs-handle")
    node.dataset.step = key
    const of = () => this.steps.findIndex(step => step.key === key)
    const button = (name, text) => {
      const made = element(name, "button")
      made.type = "button"
      made.textContent = text
      node.append(made)
      return made
    }
    button("txs-place", "‹").onclick = () => this.move(of(), of() - 1)
    const grip = button("txs-grip", "⠿")
    button("txs-place", "›").onclick = () => this.move(of(), of() + 1)
    grip.onpointerdown = down => this.grab(down, of(), grip)
    grip.onclick = event => event.detail === 0 && this.choose(of()) // by key; the pointer's is told from a drag
    node.addEventListener("focusin", () => {
      this.held = key
      this.view.place()
    })
    return node
  }

  choose(from) {
    this.view.stand(from)
    this.held = this.steps[from].key
    this.view.place()
  }

  /** The bar that is pointed at shows its handle. */
  near(event) {
    if (!this.plot || this.drag) return
    const at = event && this.at(event)
    this.steps.forEach((step, i) => {
      const over = at && at.place === i && this.plot.lanes[at.lane]?.[0] === step.session
      this.shown.get(step.key)?.toggleAttribute("data-near", Boolean(over))
    })
  }

  at({ clientX, clientY }) {
    const { xaxis, yaxis } = this.plot.full
    const box = this.box.getBoundingClientRect()
    return { place: Math.floor(xaxis.p2d(clientX - box.left)), lane: Math.round(yaxis.p2d(clientY - box.top)) }
  }

  // --- dragging ----------------------------------------------------------------------------------------------------

  grab(down, from, grip) {
    if (down.button !== 0 || this.awaited) return
    down.preventDefault() // no text is marked; the focus is given by hand
    grip.focus({ preventScroll: true })
    const stop = new AbortController()
    this.drag = { from, to: from, began: down.clientX, at: down.clientX, moves: false, stop }
    const on = (name, act) => window.addEventListener(name, act, { signal: stop.signal, capture: true })
    on("pointermove", event => this.carry(event.clientX))
    on("pointerup", () => this.drop())
    on("pointercancel", () => this.cancel())
    on("keydown", event => {
      if (event.key === "Escape") this.cancel()
      event.preventDefault()
      event.stopPropagation()
    })
  }

  carry(x) {
    const { drag, steps } = this
    drag.at = x
    drag.moves ||= Math.abs(x - drag.began) > DRAG_PX
    if (!drag.moves) return
    this.scroll()
    const [low, high] = reach(steps, drag.from)
    const wanted = Math.max(0, Math.min(steps.length - 1, this.at({ clientX: x, clientY: 0 }).place))
    drag.to = Math.max(low, Math.min(high, wanted))
    const other = obstacle(steps, drag.from, wanted)
    const text = other && filled(wanted < drag.from ? this.labels.behind : this.labels.before, {
      step: steps[drag.from].key, other: other.key,
    })
    this.view.hint(text ?? "")
    this.view.place()
  }

  /** Where the score is wider than the page, its sides give way. */
  scroll() {
    const { frame } = this.view
    const { left, right } = frame.getBoundingClientRect()
    const beyond = Math.min(0, this.drag.at - left - EDGE_PX) + Math.max(0, this.drag.at - right + EDGE_PX)
    frame.scrollLeft += beyond / 4
  }

  drop() {
    const { from, to, moves } = this.drag
    this.end()
    this.view.hint("")
    if (!moves) return this.choose(from)
    this.move(from, to)
    this.view.place()
  }

  cancel() {
    this.end()
    this.view.hint("")
    this.view.place()
  }

  /** While a bar is dragged, and until its run is there: where it may be dropped, where it will stand, and itself. */
  dropping() {
    const now = this.drag?.moves ? this.drag : this.awaited
    if (!now) return []
    const { xaxis, yaxis } = this.plot.full
    const { lanes, edge, labelOf } = this.plot
    const step = this.steps[now.from]
    const lane = lanes.findIndex(([name]) => name === step.session)
    const [low, high] = reach(this.steps, now.from)
    const box = (name, from, to, reachY) => {
      const made = element(name)
      const top = yaxis.d2p(lane - reachY)
      Object.assign(made.style, {
        left: `${xaxis.d2p(from)}px`, width: `${xaxis.d2p(to) - xaxis.d2p(from)}px`,
        top: `${top}px`, height: `${yaxis.d2p(lane + reachY) - top}px`,
      })
      made.style.setProperty("--txs-color", lanes[lane][1])
      return made
    }
    const zone = box("txs-zone", low, high + 1, 0.47)
    const place = box("txs-drop", now.to, now.to + 1, 0.47)
    const ghost = box("txs-ghost", now.to, now.to + 1, edge)
    ghost.textContent = labelOf(now.from)
    if (now === this.drag) {
      const far = [xaxis.d2p(low), xaxis.d2p(high)]
      const left = Math.max(far[0], Math.min(far[1], xaxis.d2p(now.from) + now.at - now.began))
      ghost.style.left = `${left}px`
    }
    return [zone, place, ghost]
  }
}
