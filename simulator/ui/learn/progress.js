// What was passed is kept in this browser and nowhere else; the page is told what it holds.
const STORE = "txscope-course"

function stored() {
  try {
    const found = JSON.parse(window.localStorage.getItem(STORE) ?? "[]")
    return Array.isArray(found) ? found.filter(each => typeof each === "string") : []
  } catch {
    return [] // a browser that keeps nothing, or something else under this name
  }
}

function keep(passed) {
  try {
    window.localStorage.setItem(STORE, JSON.stringify(passed))
  } catch {
    // then it is known for as long as the tab is open
  }
}

let resets = 0

export default function ({ data, setStateValue }) {
  const anew = data.resets > resets
  resets = data.resets
  const passed = [...new Set([...(anew ? [] : stored()), ...data.passed])].sort()
  keep(passed)
  if (JSON.stringify(passed) !== JSON.stringify(data.passed)) setStateValue("kept", { passed, resets: data.resets })
}
