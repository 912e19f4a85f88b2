// The address follows the page without an entry in the browser's history for every step of the transport.
export default function ({ data }) {
  const url = new URL(window.location.href)
  url.search = data.query
  if (url.href !== window.location.href) window.history.replaceState(window.history.state, "", url)
}
