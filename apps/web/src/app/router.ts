/** The router over the files of `src/routes`. */
import { createRouter } from "@tanstack/react-router"
import { routeTree } from "../routeTree.gen.ts"
import { ErrorScreen } from "./ErrorScreen.tsx"
import { NotFoundScreen } from "./NotFoundScreen.tsx"

export const router = createRouter({
  routeTree,
  defaultErrorComponent: ErrorScreen,
  defaultNotFoundComponent: NotFoundScreen,
  scrollRestoration: true
})

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router
  }
}
