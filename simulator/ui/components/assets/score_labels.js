// What is written on a score: labels in their bars, pills on them, and how wide a step must be for them to be read.

const PLACES_PX = [100, 110, 120, 130, 140, 150] // the widths of a step that are tried until no label is cut
const STAGE_SIZES = [...SIZES, 0.66, 0.58] // where nothing may scroll, and a projector makes all letters larger
const PILL_LINE = 1.3 // of the letters' size
const PILL_SIDE = 5 // pixels at scale 1, left and right of a pill's text
const BAR_EDGE = 0.29 // half a bar, in lanes
const BAND_EDGE = 0.405 // half the band of a transaction, in lanes: where pills about a whole bar stand

/** What each bar says of its statement, by position. */
const labelsOf = traces =>
  new Map(traces.flatMap(({ customdata }) => customdata ?? []).filter(([, label]) => label).map(([at, label]) => [at, label]))

/** Whether a stretch of pixels lies on another one, or goes beyond a plot that is so wide. */
const crowded = ([left, right], others, width) =>
  left < 0 || right > width || others.some(([from, to]) => left < to && from < right)

/** Label and result of a bar where there is little room. */
const briefOf = each => each.slice(6)

/** The letters that are tried for the labels of bars. */
const sizesOf = (look, size) => (look.room ? STAGE_SIZES : SIZES).map(part => part * size)

class Labels {
  /** Another figure; `revision` is another one with it. */
  take(figure, steps, revision) {
    this.figure = figure
    this.steps = steps
    this.revision = revision
    this.texts = (figure.layout.annotations ?? []).map(note => note.text)
    this.of = labelsOf(figure.data)
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
    return (this.steps * this.placePx + margin.l + margin.r) * look.scale
  }

  /** Whether no label is cut where a step is so many pixels wide. */
  whole(place, look) {
    const { layout, data } = this.figure
    const plot = (layout.height - layout.margin.t - layout.margin.b) * look.scale
    const sizes = sizesOf(look, layout.font.size * look.scale)
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
    const sizes = sizesOf(look, layout.font.size)
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
    this.sized = this.signature(range, width, look.scale)
  }

  /** Whether what was fitted last is still right for what is shown. */
  fitted(range, width, scale) {
    return this.signature(range, width, scale) === this.sized
  }

  signature(range, width, scale) {
    return [((range[1] - range[0]) / width).toPrecision(5), this.revision, scale].join()
  }

  /** A pill has the room of what it is about, up to a neighbour that has no bounds; one without bounds says less where it
   *  would lie on another, or stand out. */
  fitNotes(layout, range, pixels, look) {
    const notes = layout.annotations ?? []
    const width = (range[1] - range[0]) * pixels
    const sized = new Pills(layout, range, pixels, look)
    for (const note of notes) note.yshift = sized.apart(note)
    const boundless = notes.filter((note, i) => layout.meta.notes[i].from == null && !note.showarrow)
    for (const [i, note] of notes.entries()) {
      const { from, to, short } = layout.meta.notes[i]
      if (from == null) continue
      const room = (to - from) * pixels
      const others = boundless.filter(other => sized.near(note, other)).map(other => sized.reach(other))
      const { size } = note.font
      for (const [text, part] of [[this.texts[i], SIZES[0]], ...SIZES.map(part => [short, part])]) {
        Object.assign(note, { text, font: { ...note.font, size: size * part } })
        if (sized.width(note) <= room && !crowded(sized.reach(note), others, Infinity)) break
      }
      note.visible = note.text !== "" && (room > 6 || layout.meta.axis === "steps")
    }
    for (const [i, note] of notes.entries()) {
      const { from, short } = layout.meta.notes[i]
      if (from != null || !short) continue
      const beside = notes.filter(other => other !== note && sized.near(note, other) && other.text && !other.showarrow)
      if (crowded(sized.reach(note), beside.map(other => sized.reach(other)), width)) note.text = short
    }
  }
}

/** How much of the plot pills take, in pixels. */
class Pills {
  constructor(layout, range, pixels, look) {
    Object.assign(this, { layout, range, pixels, look })
    this.plot = layout.height - layout.margin.t - layout.margin.b
  }

  width(note) {
    return textWidth(plainText(note.text), note.font.size, this.look.family) + 2 * PILL_SIDE * this.look.scale
  }

  /** From its left to its right side. */
  reach(note) {
    const x = (note.x - this.range[0]) * this.pixels + (note.xshift ?? 0)
    const width = this.width(note)
    return note.xanchor === "right" ? [x - width, x] : [x, x + width]
  }

  /** Whether two would touch if they stood one below the other: also a pill of the next lane may. */
  near(one, other) {
    if (one === other || one.yref !== other.yref) return false
    if (one.y === other.y) return true
    const axis = this.layout[axisName(one.yref)]
    if (!axis) return false // a title's place is a part of the plot, and no lane
    return Math.abs(one.y - other.y) * laneShare(axis) * this.plot < (this.height(one) + this.height(other)) / 2
  }

  height(note) {
    return PILL_LINE * note.font.size + 2 * (note.borderpad ?? 0)
  }

  /** How far one at the edge of a band goes outwards, where lanes are low: else it would lie on the bar's own text. */
  apart(note) {
    const lane = Math.round(note.y)
    const axis = this.layout[axisName(note.yref)]
    if (!axis || note.showarrow || Math.abs(Math.abs(note.y - lane) - BAND_EDGE) > 0.01) return note.yshift ?? 0
    const high = laneShare(axis) * this.plot
    const wanted = Math.max(0, this.height(note) / 2 - (BAND_EDGE - BAR_EDGE) * high)
    if (note.y > lane) return -wanted
    const free = lane ? Infinity : this.layout.margin.t + (0.5 - BAND_EDGE) * high - this.height(note) / 2
    return Math.max(0, Math.min(wanted, free))
  }
}
