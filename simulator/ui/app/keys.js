// Keys for whoever presents, in one place: they work the page's own controls, wherever the focus is but where one types.

const ACTS = {
  ArrowLeft: "previous", ArrowRight: "next", PageUp: "previous", PageDown: "next", Home: "first", End: "last", " ": "play",
}
const CONTROLS = {
  f: "cure", Enter: "again", v: "next_variant", "[": "previous_scenario", "]": "next_scenario", p: "projector",
  u: "drive_undo",
}
const MOVES = { ArrowLeft: -1, ArrowRight: 1 } // with Alt: the bar, and not the browser's history
// Where a playlist is walked, a clicker goes on past the end of a score.
const BEYOND = { PageUp: ["screen_previous", "playlist_previous"], PageDown: ["screen_next", "playlist_next"] }
// Where a chapter is presented and has no score, arrows walk its screens, too.
const SCREENS = { ...BEYOND, ArrowLeft: ["screen_previous"], ArrowRight: ["screen_next"] }
const TEXTUAL = "textarea, select, [contenteditable]:not([contenteditable=false]), input:not([type=checkbox], [type=radio])"
const OWN_ARROWS = "[role=tab], [role=radio], [role=slider], [role=listbox], [role=menu], input[type=radio]"
const OWN_PRESS = "button, a, summary, [role=button], [role=tab], [role=radio], [role=option], input"

const PATIENCE_MS = 10_000
// Two presses of one session's button within this time are one.
const DOUBLE_MS = 300
// By then the page has begun to do what was pressed, or never will.
const HEARD_MS = 2_000

const seen = node => node.isConnected && node.offsetParent !== null

/** The score that was last pointed at or focused, else the first that can be seen. */
function scoreInUse() {
  const scores = [...document.querySelectorAll(".txs")].filter(seen)
  return scores.find(score => score.hasAttribute("data-active")) ?? scores[0]
}

/** A Session's box is walked as a score is. */
const boxInUse = () => [...document.querySelectorAll(".st-key-learn_stage .tx-box")].find(seen)

/** The control that Python gave this key, on this page or on all; folded away it works as well. */
function controlOf(name) {
  for (const page of [window.txscopeKeys.page, "app"]) {
    const found = document.querySelector(`.st-key-${page}_${name} :is(button, input)`)
    if (found && !found.disabled) return found
  }
  return null
}

const levelOf = number => document.querySelectorAll(`.st-key-${window.txscopeKeys.page}_level [role=radio]`)[number - 1]

function typing(at) {
  const field = at.closest(TEXTUAL)
  return field !== null && !(field.getAttribute("role") === "combobox" && field.getAttribute("aria-expanded") === "false")
}

const isRunning = () => document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "running"
// The step that was pressed last: until its button is gone the page has not heard of it, or is still being made.
let ordered = null
const isOrdered = () => ordered !== null && ordered.button.isConnected && performance.now() - ordered.at < HEARD_MS
const beingMade = () => isRunning() || isOrdered()

/** As soon as the page is not being made any more. */
function whenMade(then) {
  const until = performance.now() + PATIENCE_MS
  const look = () => {
    if (!beingMade()) then()
    else if (performance.now() < until) requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
}

/** A control that is used while its page is being made anew is not heard, or not there yet: press it when that is done. */
function pressWhenReady(find) {
  if (beingMade()) whenMade(() => find()?.click())
  else find()?.click()
}

const moveOf = key => `drive_move_${window.txscopeKeys.moves.indexOf(key) + 1}`
const isMove = key => key.length === 1 && window.txscopeKeys.moves.includes(key)
// When a session was moved last, and by which button; each statement has a button of its own.
const moved = new Map()

/** Whether this press is the second half of a double click, or means a statement that was sent already. */
function isRepeated(name, button) {
  const last = moved.get(name)
  return last !== undefined && (performance.now() - last.at < DOUBLE_MS || (beingMade() && last.button === button))
}

/** One step is one step; and whoever presses it by keyboard stays where the next one will be. */
function move(event) {
  const button = event.target.closest?.("[class*=_drive_move_] button")
  if (!button) return
  const box = button.closest("[class*=_drive_move_]")
  const name = box.className.match(/drive_move_\d+/)[0]
  if (isRepeated(name, button)) {
    event.preventDefault()
    event.stopImmediatePropagation()
    return
  }
  ordered = { button, at: performance.now() }
  moved.set(name, ordered)
  if (document.activeElement === button && event.detail === 0)
    whenMade(() => document.activeElement === document.body && controlOf(name)?.focus())
}

/** What the key works; null for a key that is left to the browser. */
function goalOf(key, at) {
  const closed = at.closest(TEXTUAL) // a list that is closed takes letters and arrows, but no leaf of a clicker
  if (closed && !key.startsWith("Page")) return null
  if (key in ACTS) {
    if (key.startsWith("Arrow") && at.closest(OWN_ARROWS)) return null
    if (key === " " && at.closest(OWN_PRESS)) return null
    const score = scoreInUse()
    if ((key === "Home" || key === "End") && !score?.contains(at)) return null // these scroll the page
    const button = (score ?? boxInUse())?.querySelector(`[data-act=${ACTS[key]}]`)
    const beyond = (button ? button.disabled && BEYOND[key] : SCREENS[key]) || []
    return beyond.map(controlOf).find(Boolean) ?? button
  }
  if (key === "Enter" && at.closest(OWN_PRESS)) return null
  if (isMove(key)) return controlOf(moveOf(key))
  if (key in CONTROLS) return controlOf(CONTROLS[key])
  return /^[1-9]$/.test(key) ? levelOf(Number(key)) : null
}

/** A key for a control of the page, wherever the control is. */
const isControl = (key, at) =>
  !at.closest(`${TEXTUAL}, ${OWN_PRESS}`) && (key in CONTROLS || isMove(key) || /^[1-9]$/.test(key))

function toggleDark() {
  const dark = document.querySelector(".txk-dark")
  if (dark) return dark.remove()
  const made = document.createElement("div")
  made.className = "txk-dark"
  made.addEventListener("click", () => made.remove())
  document.body.append(made)
}

function toggleHelp() {
  const shown = document.querySelector(".txk-help")
  if (shown) return shown.close()
  const dialog = document.createElement("dialog")
  dialog.className = "txk-help"
  const title = document.createElement("h2")
  title.textContent = window.txscopeKeys.title
  const list = document.createElement("dl")
  for (const [keys, meaning] of window.txscopeKeys.help) {
    const term = document.createElement("dt")
    for (const key of keys) term.append(Object.assign(document.createElement("kbd"), { textContent: key }), " ")
    list.append(term, Object.assign(document.createElement("dd"), { textContent: meaning }))
  }
  dialog.append(title, list)
  dialog.addEventListener("close", () => dialog.remove())
  dialog.addEventListener("click", () => dialog.close())
  document.body.append(dialog)
  dialog.showModal()
}

const SCREEN = { b: toggleDark, ".": toggleDark, "?": toggleHelp }

/** The bar at the playhead changes its place; on a page whose score keeps its order the browser has the keys. */
function moveBar(event) {
  const orderedScore = () => [...document.querySelectorAll(".txs[data-ordered]")].find(seen)
  if (!(event.key in MOVES) || !orderedScore() || document.querySelector("[role=dialog], dialog[open]")) return
  event.preventDefault()
  const move = new CustomEvent("txs-move", { detail: MOVES[event.key] })
  if (!event.repeat) orderedScore().dispatchEvent(move)
}

function onKey(event) {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey) return
  const [inner] = event.composedPath()
  const at = inner instanceof Element ? inner : document.body
  if (typing(at)) return
  if (event.altKey) return event.shiftKey ? undefined : moveBar(event)
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
  const dark = document.querySelector(".txk-dark")
  if (dark && (key in ACTS || key === "Escape")) {
    dark.remove() // whoever goes on wants to see first
    event.preventDefault()
    return
  }
  const modal = document.querySelector("[role=dialog], dialog[open]")
  if (key in SCREEN && !at.closest(TEXTUAL) && (!modal || key === "?")) {
    if (!event.repeat) SCREEN[key]()
    event.preventDefault()
    return
  }
  if (modal || dark) return
  const goal = goalOf(key, at)
  if (key in ACTS) {
    if (!goal) return
    event.preventDefault()
    goal.click()
  } else if (goal || (beingMade() && isControl(key, at))) {
    event.preventDefault()
    if (event.repeat || (isMove(key) && isRepeated(moveOf(key), goal))) return
    pressWhenReady(() => goalOf(key, at))
  }
}

/** Whoever used a control with the mouse means the run with the next key, and not the control once more. */
function release(event) {
  const control = event.target.closest?.("button, summary, [role=button], [role=radio], [role=tab], [role=option], li")
  if (!control || event.detail === 0) return
  requestAnimationFrame(() => {
    const focused = document.activeElement
    const list = control.matches("[role=option], li") && focused?.getAttribute("role") === "combobox"
    if (list || control.contains(focused)) focused.blur()
  })
}

export default function ({ data }) {
  const listening = window.txscopeKeys
  window.txscopeKeys = data
  document.documentElement.lang = data.language
  if (listening) return
  document.addEventListener("keydown", onKey)
  document.addEventListener("click", move, { capture: true })
  document.addEventListener("click", release, { capture: true }) // the controls keep their clicks to themselves
}
