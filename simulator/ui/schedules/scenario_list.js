// The list of scenarios: what is typed leaves the rows that hold every word of it; arrows walk over what is left.

const filters = new WeakMap()

/** Show the rows that hold every word, and the headings that have any. */
function filter(list) {
  const words = list.search.value.toLowerCase().split(/\s+/).filter(Boolean)
  let shown = 0
  const rows = [...list.table.querySelectorAll("tr[data-words]")]
  for (const row of rows) {
    row.hidden = !words.every(word => row.dataset.words.includes(word))
    shown += row.hidden ? 0 : 1
  }
  for (const group of list.table.tBodies) group.hidden = !group.querySelector("tr[data-words]:not([hidden])")
  list.status.textContent = list.found.replace("{shown}", shown).replace("{all}", rows.length)
}

/** Where an arrow leads from here: the search stands above the names. */
function goal(list, at, key) {
  const rows = [...list.table.querySelectorAll("tr[data-words]:not([hidden])")]
  if (at === list.search) return key === "ArrowDown" ? rows[0]?.querySelector("a") : null
  const row = at.closest("tr"), links = [...row.querySelectorAll("a")], place = links.indexOf(at)
  if (key === "ArrowLeft" || key === "ArrowRight") return links[place + (key === "ArrowLeft" ? -1 : 1)]
  const other = rows[rows.indexOf(row) + (key === "ArrowUp" ? -1 : 1)]
  if (!other) return key === "ArrowUp" ? list.search : null
  const there = [...other.querySelectorAll("a")]
  return there[Math.min(place, there.length - 1)]
}

function onKey(list, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
  if (event.key === "Enter" && event.target === list.search) {
    if (list.search.value.trim()) list.table.querySelector("tr[data-words]:not([hidden]) a")?.click()
  } else if (event.key.startsWith("Arrow")) {
    const typing = event.target === list.search
    if (typing && event.key !== "ArrowDown") return
    goal(list, event.target, event.key)?.focus()
  } else return
  event.preventDefault()
}

export default function ({ parentElement, data }) {
  const search = parentElement.querySelector("input"), table = parentElement.querySelector("table")
  let list = filters.get(search)
  if (!list) {
    list = { search, table, status: parentElement.querySelector("p") }
    filters.set(search, list)
    search.addEventListener("input", () => filter(list))
    search.addEventListener("keydown", event => onKey(list, event))
    table.addEventListener("keydown", event => onKey(list, event))
    search.focus()
  }
  // A popover hangs below the body, where a dark page is not said to be dark.
  parentElement.style.colorScheme = getComputedStyle(document.querySelector("[data-testid=stApp]")).colorScheme
  search.placeholder = data.label
  search.setAttribute("aria-label", data.label)
  list.found = data.found
  if (list.rows !== data.rows) {
    const place = [...table.querySelectorAll("a")].indexOf(document.activeElement)
    table.innerHTML = list.rows = data.rows
    if (place >= 0) table.querySelectorAll("a")[place]?.focus()
  }
  filter(list)
}
