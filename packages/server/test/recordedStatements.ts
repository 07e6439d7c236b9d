/** A client of a database that writes down what is asked of it. */
import type { SqlClient } from "effect/sql"

/** A statement as the database got it. */
export interface Asked {
  readonly text: string
  readonly values: ReadonlyArray<unknown>
}

const isWhole = (text: string): boolean => /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b/i.test(text)

/** The same client; every whole statement that is made with it is written down once. */
export const recording = <Client extends SqlClient.SqlClient>(
  client: Client,
  statements: Map<string, Asked>
): Client => {
  const note = (text: string, values: ReadonlyArray<unknown>) => {
    if (isWhole(text)) statements.set(text, { text, values })
  }
  return new Proxy(client, {
    apply: (target, self, args: Parameters<SqlClient.SqlClient>) => {
      const made: unknown = Reflect.apply(target, self, args)
      if (typeof made === "object" && made !== null && "compile" in made && typeof made.compile === "function") {
        const [text, values]: [string, ReadonlyArray<unknown>] = made.compile()
        note(text, values)
      }
      return made
    },
    get: (target, name, receiver) => {
      if (name !== "unsafe") return Reflect.get(target, name, receiver)
      return (text: string, values: ReadonlyArray<unknown> = []) => {
        note(text, values)
        return target.unsafe(text, values)
      }
    }
  })
}
