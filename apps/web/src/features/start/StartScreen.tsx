/**
 * The first page: the workspaces of this device, making one, joining one. List "Workspaces on this device"; form with
 * textbox "Name of the workspace" and button "Create"; form with textbox "Link" and button "Join".
 */
import { Text, Title } from "@mantine/core"
import { useWorkspaces } from "@tidemark/react"
import { Mark } from "../../app/Mark.tsx"
import { CreateForm } from "./CreateForm.tsx"
import { PasteLinkForm } from "./PasteLinkForm.tsx"
import { Tideline } from "./Tideline.tsx"
import { WorkspaceList } from "./WorkspaceList.tsx"
import classes from "./StartScreen.module.css"

export const StartScreen = () => {
  const workspaces = useWorkspaces()
  return (
    <div className={classes["page"]}>
      <header className={classes["sky"]}>
        <div className={classes["head"]}>
          <div className={classes["brand"]}>
            <Mark size={40} />
            <Title order={1} size="h2">
              Tidemark Notes
            </Title>
          </div>
          <Text className={classes["lead"] ?? ""}>
            Tasks and contacts that live on your device. They work without a network, and sync sealed, so that the
            server cannot read them.
          </Text>
        </div>
      </header>
      <Tideline />
      <main className={classes["main"]}>
        {workspaces !== undefined && workspaces.length > 0 && <WorkspaceList workspaces={workspaces} />}
        <div className={classes["forms"]}>
          <CreateForm isFirst={workspaces?.length === 0} />
          <PasteLinkForm />
        </div>
      </main>
    </div>
  )
}
