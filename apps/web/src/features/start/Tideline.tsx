/** The line the sea left: where the head of the page ends, in a wave. Decorative. */
import classes from "./Tideline.module.css"

const wave =
  "M0 20c50-16 100-16 150 0s100 16 150 0 100-16 150 0 100 16 150 0 100-16 150 0 100 16 150 0 100-16 150 0 100 16 150 0"

export const Tideline = () => (
  <svg className={classes["line"]} viewBox="0 0 1200 40" preserveAspectRatio="none" aria-hidden>
    <path className={classes["above"]} d={`${wave}V0H0z`} />
    <path className={classes["edge"]} d={wave} />
  </svg>
)
