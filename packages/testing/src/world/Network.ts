/**
 * The network of a World: messages wait here until the World delivers, loses, repeats or reorders them.
 *
 * Messages of one channel (one socket, one direction) arrive in order; all others in whatever order the World likes.
 */
import type { SeededRandom } from "../SeededRandom.ts"
import type { Chronicle } from "./Chronicle.ts"

/** Something on its way between a device and the server. */
export interface Message {
  readonly kind: "request" | "answer" | "frame" | "hangUp"
  /** The device at one end. */
  readonly device: string
  /** For the trace: ids, no bytes. */
  readonly label: string
  readonly channel?: string
  /** Whether arriving twice is something a real network does: a client or proxy that repeats a request. */
  readonly repeatable?: boolean
  readonly arrive: () => void
  /** It will not arrive. `told`: whoever waits for it hears so at once, as from a reset connection. */
  readonly lose: (told: boolean) => void
}

export class Network {
  readonly #chronicle: Chronicle
  #waiting: Array<Message> = []
  /** Devices without a network. */
  readonly #cut = new Set<string>()
  #channelCount = 0
  /** The one device that has a network, while nobody else has. */
  #only: string | undefined
  /** Called when a device's network goes. */
  readonly #cutListeners = new Set<(device: string) => void>()

  constructor(chronicle: Chronicle) {
    this.#chronicle = chronicle
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  isCut(device: string): boolean {
    return this.#cut.has(device) || (this.#only !== undefined && this.#only !== device)
  }

  /** Leaves the network to one device; undefined gives it back to all that are not cut off. */
  onlyFor(device: string | undefined): void {
    this.#only = device
    this.#chronicle.note(device === undefined ? "network for all" : `network for ${device} alone`)
  }

  /** A name for a new socket's messages. */
  newChannel(): string {
    this.#channelCount += 1
    return `socket ${this.#channelCount}`
  }

  send(message: Message): void {
    this.#waiting.push(message)
    this.#chronicle.count("messages")
  }

  /** Forgets what waits in a channel: its socket is gone. */
  forgetChannel(channel: string): void {
    this.#waiting = this.#waiting.filter((message) => message.channel !== channel)
  }

  /** What could arrive now: of each channel the first. */
  deliverable(): ReadonlyArray<Message> {
    const channels = new Set<string>()
    return this.#waiting.filter((message) => {
      if (message.channel !== undefined) {
        if (channels.has(message.channel)) return false
        channels.add(message.channel)
      }
      return !this.isCut(message.device)
    })
  }

  /** Lets a message arrive. */
  deliver(message: Message): void {
    this.#take(message)
    this.#chronicle.note(`arrives ${message.label}`)
    message.arrive()
  }

  /** Lets a message arrive, and leaves a copy of it on its way. */
  repeat(message: Message): void {
    this.#chronicle.note(`arrives ${message.label}, and will again`)
    this.#chronicle.count("fault: request repeated")
    message.arrive()
  }

  /** Loses a message; frames of a socket are only lost with their socket. */
  lose(message: Message, told: boolean): void {
    this.#take(message)
    this.#chronicle.note(`lost ${message.label}${told ? "" : ", silently"}`)
    this.#chronicle.count(`fault: ${message.kind} lost`)
    message.lose(told)
  }

  /** Cuts a device off. Each message on its way is lost, loudly or silently, or arrives when the network is back. */
  cut(device: string, random: SeededRandom): void {
    if (this.#cut.has(device)) return
    this.#cut.add(device)
    this.#chronicle.note(`cut ${device}`)
    this.#chronicle.count("fault: partition")
    for (const message of this.#waiting.filter((one) => one.device === device && one.channel === undefined)) {
      if (random.chance(0.6)) this.lose(message, random.chance(0.5))
    }
    for (const listener of this.#cutListeners) listener(device)
  }

  heal(device: string): void {
    if (this.#cut.delete(device)) this.#chronicle.note(`healed ${device}`)
  }

  onCut(listener: (device: string) => void): () => void {
    this.#cutListeners.add(listener)
    return () => this.#cutListeners.delete(listener)
  }

  #take(message: Message): void {
    const index = this.#waiting.indexOf(message)
    if (index >= 0) this.#waiting.splice(index, 1)
  }
}
