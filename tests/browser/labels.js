// Labels of the first score that are cut, lie on each other or stand out; given to a test as a list of sentences.
() => {
  const found = []
  const chart = document.querySelector(".txs-chart")
  const bare = text => text.replace(/\s/g, "")
  const plain = markup => markup.replace(/<[^>]*>/g, "").replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&")
  for (const trace of chart.data) {
    for (const [i, [, label, result, , , , less, fewer]] of (trace.customdata ?? []).entries()) {
      const wordings = [label, less].flatMap(one => [result, fewer].map(came => bare(one + came)))
      const shown = bare(plain(trace.text[i]))
      if (label + result && !wordings.includes(shown)) found.push(`cut: ${label} ${result} is ${shown}`)
    }
  }
  const boxes = (kind, selector, root = chart) =>
    [...root.querySelectorAll(selector)]
      .filter(node => node.textContent && node.getBoundingClientRect().width && node.closest("[style*='display: none']") === null)
      .map(node => ({ kind, text: node.textContent, at: node.getBoundingClientRect() }))
  const labels = [
    ...boxes("bar", ".barlayer .bartext"), ...boxes("pill", ".infolayer .annotation text"), ...boxes("tick", ".xtick text"),
  ]
  const whole = chart.querySelector(".main-svg").getBoundingClientRect()
  for (const { text, at } of labels) {
    const beyond = Math.max(whole.left - at.left, at.right - whole.right, whole.top - at.top, at.bottom - whole.bottom)
    if (beyond > 1) found.push(`stands out: ${text}`)
  }
  for (const [i, a] of labels.entries()) {
    for (const b of labels.slice(i + 1)) {
      const wide = Math.min(a.at.right, b.at.right) - Math.max(a.at.left, b.at.left)
      const high = Math.min(a.at.bottom, b.at.bottom) - Math.max(a.at.top, b.at.top)
      if (wide > 2 && high > 3) found.push(`covered: ${a.kind} ${a.text} and ${b.kind} ${b.text}`)
    }
  }
  for (const node of document.querySelectorAll(".txs-lane, .txs-box")) {
    const spills = node.scrollWidth > node.clientWidth + 1 || node.scrollHeight > node.clientHeight + 1
    if (spills || node.textContent.endsWith("…")) found.push(`spills: ${node.textContent}`)
  }
  return found
}
