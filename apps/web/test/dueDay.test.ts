/** Calendar days: the same day in every time zone, and nothing stored for a text that is none. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime } from "effect"
import { dayToDue, dueToDay, todayMillis } from "../src/features/tasks/dueDay.ts"

describe("dueDay", () => {
  it("gives back the day that was written", () => {
    for (const day of ["2026-03-09", "2024-02-29", "1999-12-31"]) {
      const due = dayToDue(day)
      assert.strictEqual(due === undefined ? undefined : dueToDay(DateTime.toEpochMillis(due)), day)
    }
  })

  it("stores nothing for a text that is no day", () => {
    for (const text of ["", "2026-3-9", "2026-13-01", "tomorrow"]) assert.strictEqual(dayToDue(text), undefined)
  })

  it("takes the local day, at its first and its last moment, for today", () => {
    const day = Date.UTC(2026, 2, 9)
    assert.strictEqual(todayMillis(new Date(2026, 2, 9, 0, 0, 0, 0)), day)
    assert.strictEqual(todayMillis(new Date(2026, 2, 9, 23, 59, 59, 999)), day)
    assert.strictEqual(todayMillis(new Date(2026, 2, 10)), day + 86_400_000)
  })
})
