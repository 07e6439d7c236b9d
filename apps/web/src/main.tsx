/**
 * Starts the page. The link's secret leaves the address before anything else is imported, rendered or asked for.
 */
import "./features/join/joinLink.ts"
import { createRoot } from "react-dom/client"
import { App } from "./app/App.tsx"
import { keepAppReady } from "./features/update/serviceWorker.ts"

const root = document.querySelector("#root")
if (root === null) throw new Error("index.html has no element #root")
createRoot(root).render(<App />)
keepAppReady()
