/**
 * The app: look, notices, Tidemark, router. Where the browser or the address cannot carry it, a clear page says so.
 */
import { MantineProvider } from "@mantine/core"
import { Notifications } from "@mantine/notifications"
import { TidemarkProvider } from "@tidemark/react"
import { RouterProvider } from "@tanstack/react-router"
import { UpdateNotice } from "../features/update/UpdateNotice.tsx"
import { Notes } from "../notes/Notes.ts"
import { cssVariables } from "../theme/cssVariables.ts"
import { theme } from "../theme/theme.ts"
import { browserFault } from "./browserFault.ts"
import { FullMessage } from "./FullMessage.tsx"
import { router } from "./router.ts"
import "@mantine/core/styles.layer.css"
import "@mantine/notifications/styles.layer.css"
import "../theme/global.css"

const worker = () => new Worker(new URL("../worker.ts", import.meta.url), { type: "module", name: "tidemark" })

export const App = () => (
  <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
    {browserFault === undefined ? (
      <TidemarkProvider schema={Notes} worker={worker}>
        <Notifications position="bottom-center" limit={3} zIndex={400} />
        <UpdateNotice />
        <RouterProvider router={router} />
      </TidemarkProvider>
    ) : (
      <FullMessage title="Tidemark cannot run here">{browserFault}</FullMessage>
    )}
  </MantineProvider>
)
