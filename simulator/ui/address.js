// The address follows the page without an entry in the browser's history for every step of the transport.
export default function ({ data }) {
  const url = new URL(window.location.href)
  url.search = data.query
  if (url.href !== window.location.href) window.history.replaceState(window.history.state, "", url)
  if (window.txscopeClicks) return
  window.txscopeClicks = true
  // Whoever chose a level with the mouse means the run with the next arrow key, and not the neighbouring level.
  const release = event => {
    const control = event.target.closest?.("[role=radio], [role=tab]")
    if (control && event.detail > 0) requestAnimationFrame(() => control.blur())
  }
  document.addEventListener("click", release, { capture: true }) // the controls keep their clicks to themselves
}
