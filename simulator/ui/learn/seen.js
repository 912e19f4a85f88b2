// Tells once that its place has come near to what can be seen: a run begins only where somebody looks.
export default function ({ parentElement, setStateValue, data }) {
  const place = parentElement.host ?? parentElement
  let said = parentElement.querySelector("p")
  if (!said) {
    said = document.createElement("p")
    said.style.cssText = "height: 100%; margin: 0; display: grid; place-items: center; opacity: .8"
    parentElement.append(said)
  }
  said.textContent = data.label
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
