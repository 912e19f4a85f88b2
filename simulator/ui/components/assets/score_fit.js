// Texts that fit: a bar's label is wrapped and cut to the pixels it has, measured in the font it is drawn with.

const SIZES = [1, 0.875, 0.75] // of the font size: the smaller for labels that would not fit otherwise
const ELLIPSIS = "…"
const LEAST = 4 // characters of a cut text that still say something
const pen = document.createElement("canvas").getContext("2d")

const escapeText = text => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;")

function cutTo(text, room) {
  if (pen.measureText(text).width <= room) return text
  while (text && pen.measureText(text + ELLIPSIS).width > room) text = text.slice(0, -1)
  return text.length >= LEAST ? text.trimEnd() + ELLIPSIS : ""
}

/** What may stand on a line of its own: words, and of a word that has no room the parts between `_`, `.` and brackets. */
function partsOf(text, room) {
  const words = text.split(" ").map(word => (pen.measureText(word).width <= room ? [word] : word.match(/[^_.,(]+[_.,(]*|[_.,(]+/g)))
  return words.flatMap((parts, i) => parts.map((part, n) => ({ part, space: i > 0 && n === 0 ? " " : "" })))
}

/** Words on as many lines as there are; what does not fit on the last is cut. */
function wrapTo(text, room, lines) {
  const parts = partsOf(text, room)
  const out = []
  const take = () => parts.shift()
  while (parts.length && out.length < lines) {
    let line = take().part
    while (parts.length && pen.measureText(line + parts[0].space + parts[0].part).width <= room) {
      const { space, part } = take()
      line += space + part
    }
    if (parts.length && out.length === lines - 1) line += parts.splice(0).map(({ space, part }) => space + part).join("")
    out.push(cutTo(line, room))
  }
  return out
}

const bare = text => text.replaceAll(" ", "")

/** A label and a result in a box, in the largest of the sizes in which nothing is cut; where it is in none, `brief` in
 *  the largest, a shorter label and result that say the same; else cut in the smallest.
 *  `text` is Plotly markup, "" where not even the first word has room; `whole` says that nothing is missing. */
function fitText(label, result, width, height, sizes, family, brief = []) {
  let fitted = { text: "", size: sizes[0], whole: !label && !result }
  if (fitted.whole) return fitted
  const [less, fewer] = [brief[0] ?? label, brief[1] ?? result]
  const wordings = [[label, result], [label, fewer], [less, result], [less, fewer]]
  for (const [what, came] of wordings.filter((one, i) => wordings.findIndex(each => each + "" === one + "") === i)) {
    for (const size of sizes) {
      fitted = fitIn(what, came, width, height, size, family) ?? fitted
      if (fitted.whole) return fitted
    }
  }
  return fitted
}

/** The same in one size; null where not even a beginning has room. */
function fitIn(label, result, width, height, size, family) {
  const room = width - 0.7 * size
  const most = Math.max(1, Math.floor(height / (1.28 * size)))
  pen.font = `bold ${size}px ${family}`
  const last = result ? cutTo(result, room) : ""
  pen.font = `${size}px ${family}`
  const lines = label ? wrapTo(label, room, Math.max(1, most - (result ? 1 : 0))) : []
  const whole = bare(lines.join("")) === bare(label) && last === result
  const begins = !label || pen.measureText(partsOf(label, room)[0].part).width <= room
  if (!begins || (!lines.length && !last)) return null
  const shown = [...lines.map(escapeText), last && `<b>${escapeText(last)}</b>`].filter(Boolean)
  return { text: shown.slice(0, most).join("<br>"), size, whole: whole && shown.length <= most }
}

function textWidth(text, size, family) {
  pen.font = `${size}px ${family}`
  return pen.measureText(text).width
}
