// Texts that fit: a bar's label is wrapped and cut to the pixels it has, measured in the font it is drawn with.

const ELLIPSIS = "…"
const LEAST = 4 // characters of a cut text that still say something
const pen = document.createElement("canvas").getContext("2d")

const escapeText = text => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;")

function cutTo(text, room) {
  if (pen.measureText(text).width <= room) return text
  while (text && pen.measureText(text + ELLIPSIS).width > room) text = text.slice(0, -1)
  return text.length >= LEAST ? text.trimEnd() + ELLIPSIS : ""
}

/** Words on as many lines as there are; what does not fit on the last is cut. */
function wrapTo(text, room, lines) {
  const words = text.split(" ")
  const out = []
  while (words.length && out.length < lines) {
    let line = words.shift()
    while (words.length && pen.measureText(line + " " + words[0]).width <= room) line += " " + words.shift()
    if (words.length && out.length === lines - 1) line += " " + words.splice(0).join(" ")
    out.push(cutTo(line, room))
  }
  return out
}

/** A label and a result in a box, in the largest of the sizes in which nothing is cut, else cut in the smallest.
 *  `text` is Plotly markup, "" where not even the first word has room; `whole` says that nothing is missing. */
function fitText(label, result, width, height, sizes, family) {
  let fitted = { text: "", size: sizes[0], whole: !label && !result }
  if (fitted.whole) return fitted
  for (const size of sizes) {
    const room = width - 0.7 * size
    const most = Math.max(1, Math.floor(height / (1.28 * size)))
    pen.font = `bold ${size}px ${family}`
    const last = result ? cutTo(result, room) : ""
    pen.font = `${size}px ${family}`
    const lines = label ? wrapTo(label, room, Math.max(1, most - (result ? 1 : 0))) : []
    const whole = lines.join(" ") === label && last === result
    const begins = !label || pen.measureText(label.split(" ")[0]).width <= room
    if (!begins || (!lines.length && !last)) continue
    const shown = [...lines.map(escapeText), last && `<b>${escapeText(last)}</b>`].filter(Boolean)
    fitted = { text: shown.slice(0, most).join("<br>"), size, whole: whole && shown.length <= most }
    if (fitted.whole) break
  }
  return fitted
}

function textWidth(text, size, family) {
  pen.font = `${size}px ${family}`
  return pen.measureText(text).width
}
