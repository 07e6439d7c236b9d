/**
 * Keeps V8's space for new objects as large as starting has made it; imported before all that works.
 *
 * In its first busy seconds it would grow to 128 MB and keep them, which is as much as ten thousand idle connections cost
 * (decision 17). What a server makes for one push or page is gone before the next, so a larger space saves it nothing.
 */
import { setFlagsFromString } from "node:v8"

setFlagsFromString("--semi-space-growth-factor=1")
