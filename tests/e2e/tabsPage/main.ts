/**
 * A page without a face: `@tidemark/browser` as an app uses it, put where a test can call it, with a handle on its workers.
 */
import { createWorkspace, listWorkspaces, openWorkspace, type WorkspaceHandle } from "@tidemark/browser"
import { openDexieFloor } from "./dexieFloor.ts"
import { Notes } from "./Notes.ts"
import { type EditableTasks, timeEdits } from "./timeEdits.ts"

const workers: Array<Worker> = []

const worker = (): Worker => {
  const started = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" })
  workers.push(started)
  return started
}

let handle: WorkspaceHandle<typeof Notes> | undefined

const opened = (): WorkspaceHandle<typeof Notes> => {
  if (handle === undefined) throw new Error("The test has not opened a workspace")
  return handle
}

let floor: EditableTasks | undefined

const editable = ({ mutations: { tasks }, watch }: WorkspaceHandle<typeof Notes>): EditableTasks => ({
  watch: (shown) => watch(({ tasks: table }) => table.where("done").equals(0).toArray()).subscribe(shown),
  insert: async (title) => {
    const { id } = await tasks.insert({ title, done: false })
    return () => tasks.update(id, { done: true })
  }
})

/** What a test calls. Errors become their tag and sentence, which cross to the test as they are. */
const tabs = {
  create: (name: string) => told(createWorkspace({ worker, name, origin: globalThis.location.origin })),
  open: (id: Parameters<typeof openWorkspace>[0]["id"]) =>
    told(
      openWorkspace({ schema: Notes, worker, id }).then((made) => {
        handle = made
        return made.identity.device
      })
    ),
  insert: (title: string) =>
    told(
      opened()
        .mutations.tasks.insert({ title, done: false })
        .then(({ id }) => id)
    ),
  /** Makes so many finished tasks. */
  fill: async (count: number) => {
    const task = (title: string) => ({ _tag: "Insert", table: "tasks", values: { title, done: true } }) as const
    for (let made = 0; made < count; made += 500) {
      const { length } = { length: Math.min(500, count - made) }
      await opened().change(Array.from({ length }, (_, index) => task(`old ${made + index}`)))
    }
    return opened().tables.tasks.count()
  },
  timeEdits: (count: number) => timeEdits(editable(opened()), count),
  fillFloor: async (count: number) => void (floor = await openDexieFloor(count)),
  timeFloor: async (count: number) => (floor === undefined ? [] : timeEdits(floor, count)),
  titles: async () => (await opened().tables.tasks.toArray()).map(({ title }) => title).toSorted(),
  status: () => opened().status.current(),
  list: async () => (await listWorkspaces()).map(({ label }) => label),
  close: () => opened().close(),
  held: () => told(opened().held()),
  /** Ends the newest worker as a crash does. */
  killWorker: () => workers.at(-1)?.terminate(),
  workerCount: () => workers.length,
  /** How many workers hold the lock of the syncing tab, in all tabs of this profile. */
  syncing: async () =>
    ((await globalThis.navigator.locks.query()).held ?? []).filter(({ name }) => name?.startsWith("tidemark-sync-"))
      .length
}

const told = async <A>(promise: Promise<A>): Promise<A | string> =>
  promise.catch((error: unknown) =>
    error instanceof Error && "_tag" in error ? `${String(error._tag)}: ${error.message}` : String(error)
  )

export type TestTabs = typeof tabs

Object.assign(globalThis, { tabs })
