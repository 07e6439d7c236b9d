/**
 * The worker's side: the app's worker file is `runWorker(Notes)` and nothing else.
 *
 * Everything of one tab that is not the user interface happens here: documents, encryption, the store, the network.
 * Rules: docs/spec/browser.md.
 */
import * as BrowserWorkerRunner from "@effect/platform-browser/BrowserWorkerRunner"
import { Primitives } from "@tidemark/crypto"
import type { Workspace } from "@tidemark/model"
import { layerPartChunks } from "@tidemark/replica"
import { Effect, Layer } from "effect"
import { RpcServer } from "effect/rpc"
import { Socket } from "effect/socket"
import { dexieShelf } from "./internal/dexieShelf.ts"
import { layerWorkerCalls } from "./WorkerCalls.ts"
import { WorkspaceRpc } from "./WorkspaceRpc.ts"

/** WebCrypto and WebSocket of the browser; what is rarely needed is loaded when it is. */
const layerPlatform = Layer.mergeAll(Primitives.layerWebCrypto, Socket.layerWebSocketConstructorGlobal, layerPartChunks)

/** Serves the page that started this worker, for as long as it lives. */
export const runWorker = (schema: Workspace): void => {
  const calls = layerWorkerCalls({
    schema,
    shelf: dexieShelf(schema),
    locks: globalThis.navigator.locks,
    platform: layerPlatform
  })
  // A defect in one call is that call's answer, and no reason to end the others.
  const server = RpcServer.layer(WorkspaceRpc, { disableFatalDefects: true, disableTracing: true }).pipe(
    Layer.provide(calls),
    Layer.provide(RpcServer.layerProtocolWorkerRunner),
    Layer.provide(BrowserWorkerRunner.layer)
  )
  Effect.runFork(Layer.launch(server))
}
