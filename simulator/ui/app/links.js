// A click on a link of ours opens its page in this tab of the application, with all that is kept in it; with a modifier
// or another button it is the browser's as ever.
const OURS = "a.tx-open[href], [class*=st-key-learn_] a[href^='./']" // those of a chapter's prose are Markdown's
let open = null

function follow(event) {
  const link = event.target.closest?.(OURS)
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
  event.preventDefault()
  open(link.getAttribute("href"))
}

export default function ({ setTriggerValue }) {
  const first = open === null
  open = href => setTriggerValue("opened", href)
  if (first) document.addEventListener("click", follow)
}
