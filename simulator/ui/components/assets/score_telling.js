// What the page itself says of the run that the score shows, and of its step: seen with the figure, in the same frame.

class Telling {
  constructor() {
    this.sheet = new CSSStyleSheet()
  }

  /** What the run came to stands elsewhere on the page, and is covered there until its last step. */
  cover(open, pending) {
    this.covers = true
    document.documentElement.toggleAttribute("data-txs-open", open)
    document.documentElement.style.setProperty("--txs-pending", JSON.stringify(pending))
  }

  /** What belongs to this run is seen, and what belongs to this step of it; a picture's place has them in its name. */
  step(run, step) {
    if (!document.adoptedStyleSheets.includes(this.sheet)) document.adoptedStyleSheets.push(this.sheet)
    document.documentElement.toggleAttribute("data-txs-told", true)
    const said = `[data-txs-of]:not([data-txs-of="${run}"]) { visibility: hidden }
      [data-txs-at~="${run}.${step}"] { display: block }
      [data-testid=stLayoutWrapper]:has(> [class*="_txs_at_${run}_"][class*="_s${step + 1}_"]) { position: static; visibility: visible }`
    if (said !== this.said) this.sheet.replaceSync(said)
    this.said = said
  }

  end() {
    if (this.covers) document.documentElement.toggleAttribute("data-txs-open", false)
    const { adoptedStyleSheets: sheets } = document
    if (!sheets.includes(this.sheet)) return
    document.adoptedStyleSheets = sheets.filter(sheet => sheet !== this.sheet)
    document.documentElement.toggleAttribute("data-txs-told", false)
  }
}
