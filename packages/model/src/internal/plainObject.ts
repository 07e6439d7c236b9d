/**
 * Safe looks into JSON objects of unknown origin. Apart from `loro.ts`, so that rows can be read without loading Loro.
 */

/** Whether a JSON value is an object with keys: not null, not an array, not bytes. */
export const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)

/** A key's own value; never what a hostile `__proto__` key put behind the object. */
export const ownValue = (object: Readonly<Record<string, unknown>>, key: string): unknown =>
  Object.hasOwn(object, key) ? object[key] : undefined
