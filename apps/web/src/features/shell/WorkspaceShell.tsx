/**
 * The frame of an open workspace: where one is, where one can go, where the edits stand. Beside the content on a wide
 * screen, above and below it on a phone. Roles: banner, navigation "Workspace", main.
 */
import type { WorkspaceId } from "@tidemark/protocol"
import { WorkspaceProvider } from "@tidemark/react"
import { Outlet } from "@tanstack/react-router"
import { UnsavedBanner } from "../unsaved/UnsavedBanner.tsx"
import { AwayNote } from "../status/AwayNote.tsx"
import { OpenFailed } from "./OpenFailed.tsx"
import { RoleNote } from "./RoleNote.tsx"
import { WorkspaceBar } from "./WorkspaceBar.tsx"
import { WorkspaceNav } from "./WorkspaceNav.tsx"
import classes from "./WorkspaceShell.module.css"

const openFailed = (error: Error, retry: () => void) => <OpenFailed error={error} retry={retry} />

export const WorkspaceShell = ({ id }: { readonly id: WorkspaceId }) => (
  <WorkspaceProvider
    id={id}
    // Opening takes a moment of local work; the empty frame holds the place, so that nothing shifts.
    opening={<div className={classes["shell"]} aria-busy />}
    failed={openFailed}
  >
    <div className={classes["shell"]}>
      <WorkspaceBar className={classes["bar"] ?? ""} />
      <WorkspaceNav className={classes["nav"] ?? ""} id={id} />
      <main className={classes["main"]}>
        <UnsavedBanner />
        <RoleNote />
        <AwayNote />
        <Outlet />
      </main>
    </div>
  </WorkspaceProvider>
)
