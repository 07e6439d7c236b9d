/** What the kit derives from the colours and we see differently: in the dark its light variants are nearly black. */
import type { CSSVariablesResolver } from "@mantine/core"

export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {},
  dark: {
    "--mantine-color-tide-light": "#183a43",
    "--mantine-color-tide-light-hover": "#1e4650",
    "--mantine-color-gray-light": "#1f2d35",
    "--mantine-color-gray-light-hover": "#283842",
    "--mantine-color-red-light": "#43201f",
    "--mantine-color-red-light-hover": "#502726"
  }
})
