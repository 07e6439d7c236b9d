/** The line the sea left: a quiet wave across the page. Decorative. */
import classes from "./Tideline.module.css"

export const Tideline = () => (
  <svg className={classes["line"]} viewBox="0 0 1200 24" preserveAspectRatio="none" aria-hidden>
    <path d="M0 14c50-12 100-12 150 0s100 12 150 0 100-12 150 0 100 12 150 0 100-12 150 0 100 12 150 0 100-12 150 0 100 12 150 0" />
  </svg>
)
