// Texts that fit: a bar's label is wrapped and cut to the pixels it has, measured in the font it is drawn with.

const ELLIPSIS = "…"
const pen = document.createElement("canvas").getContext("2d")

const escapeText = text => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;")

function cutTo(text, room) {
  if (pen.measureText(text).width <= room) return text
  while (text && pen.measureText(text + ELLIPSIS).width > room) text = text.slice(0, -1)
  return text ? text.trimEnd() + ELLIPSIS : ""
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

/** Plotly markup for a label and a result in a box of this size; "" where no text makes sense. */
function fitText(label, result, width, height, size, family) {
  const room = width - 0.8 * size
  if (!label && !result) return ""
  pen.font = `${size}px ${family}`
  const most = Math.max(1, Math.floor(height / (1.25 * size)))
  if (room < 1.6 * size) return ""
  const shown = label ? wrapTo(label, room, Math.max(1, most - (result ? 1 : 0))) : []
  const lines = shown.map(escapeText)
  if (result) {
    pen.font = `bold ${size}px ${family}`
    const text = "→ " + result
    const bold = `<b>${escapeText(cutTo(text, room))}</b>`
    lines.push(bold)
  }
  return lines.filter(Boolean).slice(0, most).join("<br>")
}

function textWidth(text, size, family) {
  pen.font = `${size}px ${family}`
  return pen.measureText(text).width
}
