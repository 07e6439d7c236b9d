/**
 * Where a process leaves the input it is about to run, so that whoever watches it can name the input that killed it.
 *
 * One file, overwritten in place at every input: `f64 index ‖ u32 length ‖ input`. Written synchronously, because a
 * process that hangs or dies sends no message any more.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs"

const headBytes = 12

/** The last input that was begun. */
export interface Begun {
  readonly index: number
  readonly input: Uint8Array
}

/** Opens the file for writing; `close` gives it back. */
export const openFootprint = (path: string) => {
  const file = openSync(path, "w")
  const head = Buffer.alloc(headBytes)
  return {
    begun: (index: number, input: Uint8Array): void => {
      head.writeDoubleLE(index, 0)
      head.writeUInt32LE(input.length, 8)
      writeSync(file, Buffer.concat([head, input]), 0, headBytes + input.length, 0)
    },
    close: () => closeSync(file)
  }
}

/** What the file says; undefined where no input was begun yet. */
export const readFootprint = (path: string): Begun | undefined => {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch {
    return undefined
  }
  if (bytes.length < headBytes) return undefined
  const length = bytes.readUInt32LE(8)
  return { index: bytes.readDoubleLE(0), input: bytes.subarray(headBytes, headBytes + length) }
}
