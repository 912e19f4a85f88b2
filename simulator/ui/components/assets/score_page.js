// What the score needs of the page: Plotly's script, the theme, small DOM help.


const READING_MS = 1500 // no longer than this the picture waits for the texts

/** The browser has nothing more urgent to do: whoever clicks or asks is answered first. */
const idle = () =>
  new Promise(resolve => {
    if (window.requestIdleCallback) window.requestIdleCallback(() => resolve(), { timeout: READING_MS })
    else setTimeout(resolve)
  })

/** What has come to the page is painted; in a tab that nobody sees nothing is, and nothing waits for it. */
const painted = () =>
  new Promise(resolve => {
    requestAnimationFrame(() => requestAnimationFrame(() => resolve()))
    setTimeout(resolve, READING_MS)
  })

/** Plotly from this app's own route: found beside Streamlit's own scripts, so it works below any base path.
 *  To read the script, and to draw for the first time, takes a browser longer than to show a page's texts: the texts come
 *  first, and between the two the page is there for whoever uses it. */
function loadPlotly(script) {
  if (window.Plotly?.react && !window.txscopePlotly) return Promise.resolve(window.Plotly)
  return (window.txscopePlotly ??= painted()
    .then(idle)
    .then(() => added(script))
    .then(plotly => painted().then(idle).then(() => plotly)))
}

function added(script) {
  return new Promise((resolve, reject) => {
    const own = document.querySelector('script[type="module"][src*="static/js/"]')
    const root = own ? own.src.slice(0, own.src.indexOf("static/js/")) : new URL("./", document.baseURI).href
    const tag = document.createElement("script")
    tag.src = root + script
    tag.onload = () => (window.Plotly ? resolve(window.Plotly) : reject(new Error(tag.src)))
    tag.onerror = () => {
      window.txscopePlotly = undefined // the next update may try again
      reject(new Error(tag.src))
    }
    document.head.append(tag)
  })
}

function element(name, tag = "div") {
  const made = document.createElement(tag)
  made.className = name
  return made
}

/** `y2` is `yaxis2` in a layout. */
const axisName = (ref = "y") => ref[0] + "axis" + ref.slice(1)

/** What part of the plot's height one lane of this y axis has. */
const laneShare = ({ range, domain = [0, 1] }) => (domain[1] - domain[0]) / Math.abs(range[1] - range[0])

const plainText = markup => markup.replace(/<[^>]*>/g, "")

/** Colours, font and size as the page has them now; `scale` is 1 at a root font of 16 pixels, `room` the height that the
 *  page has for a figure, 0 for as much as it wants. */
function lookOf(root) {
  const style = getComputedStyle(root)
  const of = name => style.getPropertyValue(name).trim()
  return {
    text: of("--st-text-color") || style.color,
    raised: of("--st-secondary-background-color"),
    line: of("--st-border-color"),
    family: of("--st-font") || style.fontFamily,
    scale: root.querySelector(".txs-rem").getBoundingClientRect().width / 16 || 1,
    room: root.querySelector(".txs-room")?.getBoundingClientRect().height ?? 0,
  }
}

/** The figure in the page's colours, font and size. */
function themed(layout, look, width) {
  const k = look.scale
  layout.font = { ...layout.font, size: layout.font.size * k, color: look.text, family: look.family }
  layout.width = width
  layout.height = Math.min(layout.height * k, look.room || Infinity)
  for (const side of ["l", "r", "t", "b"]) layout.margin[side] *= k
  for (const [name, axis] of Object.entries(layout)) {
    if (/^[xy]axis\d*$/.test(name)) Object.assign(axis, { gridcolor: look.line, linecolor: look.line, color: look.text })
    if (/^yaxis\d*$/.test(name)) axis.showticklabels = false
  }
  layout.hoverlabel = {
    ...layout.hoverlabel,
    bgcolor: look.raised,
    bordercolor: look.line,
    font: { color: look.text, family: look.family, size: 15 * k },
  }
  for (const note of layout.annotations ?? []) {
    note.font = { ...note.font, size: (note.font?.size ?? layout.font.size / k) * k }
    for (const shift of ["xshift", "yshift"]) if (note[shift]) note[shift] *= k
    if (note.showarrow) note.arrowcolor = look.text
  }
  return layout
}
