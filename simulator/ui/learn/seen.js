// Tells once that its place has come near to what can be seen: a run begins only where somebody looks.
export default function ({ parentElement, setStateValue, data }) {
  const place = parentElement.host ?? parentElement
  if (place.dataset.told === data.name) return
  const tell = () => {
    if (place.dataset.told === data.name) return
    place.dataset.told = data.name
    setStateValue("seen", data.name)
  }
  const observer = new IntersectionObserver(
    entries => {
      if (entries.some(entry => entry.isIntersecting)) {
        observer.disconnect()
        tell()
      }
    },
    { rootMargin: "0px 0px 80px 0px" },
  )
  observer.observe(place)
  return () => observer.disconnect()
}
