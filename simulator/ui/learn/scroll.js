// To the place that a link names, once an arrival: what is asked for may not be on the page yet.
const PATIENCE_MS = 10_000
let arrived = -1

export default function ({ data }) {
  if (data.arrival === arrived) return
  arrived = data.arrival
  if (!data.at) return
  const until = performance.now() + PATIENCE_MS
  const look = () => {
    const place = document.getElementById(data.at)
    if (place) place.scrollIntoView({ block: "start" })
    else if (performance.now() < until) requestAnimationFrame(look)
  }
  look()
}
