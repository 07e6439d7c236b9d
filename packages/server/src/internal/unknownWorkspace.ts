/** What is said of a workspace that is not here, and of one that is not the caller's: the two are not told apart [TOKEN-5]. */
import { WorkspaceUnknown } from "@tidemark/protocol"

export const unknownWorkspace = (): WorkspaceUnknown =>
  new WorkspaceUnknown({
    message:
      "This server holds no such workspace, or this token is for another one. What is on your devices is safe; any member's device founds it again from its own copy."
  })
