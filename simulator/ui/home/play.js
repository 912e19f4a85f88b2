// Presses the score's own play button once the new run stands in it, with nothing sent yet; who wants no motion sees the
// end.
const WITHIN_MS = 5000

export default function ({ data }) {
  if (!data) return
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches
  const until = performance.now() + WITHIN_MS
  const look = () => {
    const score = document.querySelector(".txs")
    const stands = score?.querySelector(".txs-count")?.textContent === `0 / ${data.steps}`
    if (stands && score.querySelector(".txs-chart .main-svg")) score.querySelector(`[data-act=${still ? "last" : "play"}]`).click()
    else if (performance.now() < until) requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
}
