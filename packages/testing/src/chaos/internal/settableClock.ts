/**
 * Loaded into a server process before its program (`node --import`): from then on its `Date` is off by what it is told.
 *
 * The first offset stands in this module's own address (`?offsetMillis=`), each later one comes over the parent's channel
 * and is answered once it holds. Timers and the monotonic clock go right, as when somebody sets the clock of a machine.
 */
const RightDate = Date
let offsetMillis = Number(new URL(import.meta.url).searchParams.get("offsetMillis"))

const now = (): number => RightDate.now() + offsetMillis

globalThis.Date = new Proxy(RightDate, {
  construct: (date, from, target) => Reflect.construct(date, from.length === 0 ? [now()] : from, target),
  get: (date, name, receiver) => (name === "now" ? now : Reflect.get(date, name, receiver))
})

process.on("message", (message) => {
  offsetMillis = Number(message)
  process.send?.(offsetMillis)
})
// The channel alone must not keep a process alive that would end.
process.channel?.unref()
