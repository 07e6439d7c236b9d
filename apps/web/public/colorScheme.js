/**
 * Sets the chosen colours before the first paint. A file of its own, because the page allows no inline script.
 * The key and the attribute are Mantine's.
 */
{
  let chosen = null
  try {
    chosen = globalThis.localStorage.getItem("mantine-color-scheme-value")
  } catch {
    // Without storage the system's colours are shown.
  }
  const dark =
    chosen === "dark" || (chosen !== "light" && globalThis.matchMedia("(prefers-color-scheme: dark)").matches)
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light")
}
