/**
 * The server's HTTP API, as one value: the routes of `SyncRoutes.ts`, and who must say what before they are taken. OpenAPI at
 * `/openapi.json`.
 *
 * Devices do not load this module: the library it stands on would be a tenth of what their worker loads. Rules: docs/spec/protocol.md.
 */
import { Context } from "effect"
import {
  HttpApi,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpApiSchema,
  HttpApiSecurity,
  OpenApi
} from "effect/http-api"
import type { DeviceId, GrantId, Role, WorkspaceId } from "./Ids.ts"
import { authorizationErrors, frameBody, negotiationErrors, syncRoutes } from "./SyncRoutes.ts"

/** Who asks, as the token and the roster say. `subject` is a device, or a grant that has yet to admit one. */
export interface CallerShape {
  readonly workspace: WorkspaceId
  readonly subject:
    | { readonly _tag: "Device"; readonly device: DeviceId }
    | { readonly _tag: "Grant"; readonly grant: GrantId }
  readonly role: Role
}

/** The caller of an authorized route. */
export class Caller extends Context.Service<Caller, CallerShape>()("@tidemark/protocol/Caller") {}

/** Bearer tokens, verified on every route of the groups that carry it. */
export class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: Caller; requires: never }>()(
  "@tidemark/protocol/Authorization",
  { security: { bearer: HttpApiSecurity.bearer }, error: authorizationErrors }
) {}

/** The version header, checked on every route under `/v1`. */
export class Negotiation extends HttpApiMiddleware.Service<Negotiation>()("@tidemark/protocol/Negotiation", {
  error: negotiationErrors
}) {}

const frame = frameBody.pipe(HttpApiSchema.asUint8Array())
const { get, post } = HttpApiEndpoint
const { access, entrance, log, system } = syncRoutes

/** The API. */
export class SyncApi extends HttpApi.make("tidemark")
  .add(
    HttpApiGroup.make("system").add(
      get("health", system.health.path, system.health),
      get("hello", system.hello.path, system.hello)
    ),
    HttpApiGroup.make("entrance")
      .add(
        post("challenge", entrance.challenge.path, entrance.challenge),
        post("found", entrance.found.path, entrance.found),
        post("renew", entrance.renew.path, entrance.renew)
      )
      .middleware(Negotiation),
    HttpApiGroup.make("access")
      .add(
        post("grant", access.grant.path, access.grant),
        post("admit", access.admit.path, access.admit),
        post("revoke", access.revoke.path, access.revoke),
        get("roster", access.roster.path, { ...access.roster, success: frame }),
        get("list", access.list.path, access.list)
      )
      .middleware(Authorization)
      .middleware(Negotiation),
    HttpApiGroup.make("log")
      .add(
        get("head", log.head.path, log.head),
        post("push", log.push.path, { ...log.push, payload: frame }),
        get("pull", log.pull.path, { ...log.pull, success: frame }),
        get("doc", log.doc.path, { ...log.doc, success: frame }),
        post("refill", log.refill.path, log.refill),
        get("tail", log.tail.path, log.tail),
        get("checkpoints", log.checkpoints.path, log.checkpoints),
        post("nameCheckpoint", log.nameCheckpoint.path, log.nameCheckpoint),
        post("judgeCheckpoint", log.judgeCheckpoint.path, log.judgeCheckpoint),
        post("report", log.report.path, log.report),
        get("cursors", log.cursors.path, log.cursors)
      )
      .middleware(Authorization)
      .middleware(Negotiation)
  )
  .annotateMerge(OpenApi.annotations({ title: "Tidemark byte store", version: "1" })) {}
