/**
 * The engine's calls about cursors: this device's report is signed here, those of others are verified by the roster.
 *
 * Rules: docs/spec/receipts.md.
 */
import { Effect } from "effect"
import type { Cursor } from "@tidemark/protocol"
import { Primitives, signCursor, verifyCursor } from "@tidemark/crypto"
import { type DevicePlace, type Remote, Unreachable } from "@tidemark/sync"
import { remoteErrorOf } from "./internal/remoteErrorOf.ts"
import { Membership } from "./Membership.ts"
import { RemoteSession } from "./RemoteSession.ts"
import { ServerApi } from "./ServerApi.ts"

/** `Remote.report` and `Remote.cursors`. */
export const makeCursorCalls = Effect.gen(function* () {
  const session = yield* RemoteSession
  const membership = yield* Membership
  const api = yield* ServerApi
  const primitives = yield* Primitives
  const unreadable = ({ message }: { readonly message: string }) => new Unreachable({ message })

  const report = Effect.fn("Remote.report")(
    function* (cursor: Cursor) {
      const { device, secret, workspace } = yield* Effect.mapError(membership.identity, unreadable)
      const signed = yield* signCursor({ secret, workspace, device, cursor })
      yield* Effect.mapError(
        session.use((one) => api.report(one, signed)),
        remoteErrorOf
      )
    },
    Effect.provideService(Primitives, primitives)
  )

  /** Reports of members that are not revoked, as they signed them; anything else in the answer is passed over. */
  const cursors = Effect.fn("Remote.cursors")(
    function* () {
      const answer = yield* Effect.mapError(session.use(api.cursors), remoteErrorOf)
      const { workspace } = yield* Effect.mapError(membership.identity, unreadable)
      const { devices } = yield* Effect.mapError(membership.roster, unreadable)
      const sound: Array<DevicePlace> = []
      for (const { at, device, ...signed } of answer.cursors) {
        const member = devices.get(device)
        if (member === undefined || member.revokedAt !== undefined) continue
        const isSigned = yield* verifyCursor({ workspace, device, publicKey: member.keys.signing, signed })
        if (isSigned) sound.push({ device, cursor: signed.cursor, at })
      }
      return { head: answer.head, cursors: sound }
    },
    Effect.provideService(Primitives, primitives)
  )

  return { report, cursors: cursors() } satisfies Pick<Remote["Service"], "report" | "cursors">
})
