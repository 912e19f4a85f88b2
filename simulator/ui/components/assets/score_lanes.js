// Names of the lanes, which stay at the left when the chart scrolls.

class Lanes {
  constructor(box) {
    this.box = box
  }

  name(full, meta) {
    const names = [...this.lanes(full, meta), ...this.titles(full, meta)]
    this.box.style.width = `${full._size.l}px`
    this.box.style.height = `${full.height}px`
    this.box.replaceChildren(...names)
  }

  *lanes(full, meta) {
    for (const [row, lanes] of meta.lanes.entries()) {
      const axis = full[row ? `yaxis${row + 1}` : "yaxis"]
      for (const [lane, { name, color }] of lanes.entries()) {
        const label = element("txs-lane")
        label.textContent = name
        label.style.setProperty("--txs-color", color)
        label.style.top = `${axis._offset + axis.d2p(lane)}px`
        yield label
      }
    }
  }

  /** What the rows of a comparison are called. */
  *titles(full, meta) {
    for (const note of full.annotations.slice(0, meta.titles)) {
      const title = element("txs-title")
      title.textContent = plainText(note.text)
      title.style.background = note.bgcolor
      title.style.color = note.font.color
      title.style.top = `${full._size.t + (1 - note.y) * full._size.h}px`
      yield title
    }
  }
}
