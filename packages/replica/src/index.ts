/** One workspace on one device: plugs model, crypto and the server into the engine's ports. */
export * from "./Change.ts"
export { ServerApi, type ServerError, type Session } from "./ServerApi.ts"
export { Membership } from "./Membership.ts"
export { createWorkspace, JoinFailed, joinWorkspace, type NewWorkspace } from "./NewWorkspace.ts"
export { type HeldNotice, type Identity, Replica, type ReplicaOptions } from "./Replica.ts"
export { Receipts, ServerPlace, WaitingWhy, Whereabouts } from "./Receipts.ts"
export * as ServerHttp from "./ServerHttp.ts"
export { ShareFailed, type ShareOptions } from "./Sharing.ts"
