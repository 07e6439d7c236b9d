/**
 * The look: sea colours, system fonts, calm corners. Everything comes from our own files.
 */
import { createTheme, Drawer, Modal, SegmentedControl, type MantineColorsTuple } from "@mantine/core"

const tide: MantineColorsTuple = [
  "#eef8f8",
  "#daeef0",
  "#b5dde1",
  "#8ac9d0",
  "#5fb3bd",
  "#3f9daa",
  "#288593",
  "#1b6b79",
  "#14545f",
  "#0c3d46"
]

/** Night water instead of neutral grey. */
const dark: MantineColorsTuple = [
  "#dbe4e7",
  "#b1bfc5",
  "#8e9ea5",
  "#64767e",
  "#3e4e56",
  "#2c3a42",
  "#202d34",
  "#10191e",
  "#0c1418",
  "#080e11"
]

/** Sand, with the green of the sea in it. */
const gray: MantineColorsTuple = [
  "#f6f9f9",
  "#eef3f3",
  "#e2e9ea",
  "#d3dcde",
  "#bcc8cb",
  "#95a4a9",
  "#6b7b81",
  "#4c5b61",
  "#334147",
  "#1d2a2f"
]

const fontFamily =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif'

export const theme = createTheme({
  primaryColor: "tide",
  primaryShade: { light: 7, dark: 6 },
  colors: { tide, dark, gray },
  black: "#17262b",
  fontFamily,
  headings: { fontFamily, fontWeight: "650" },
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    SegmentedControl: SegmentedControl.extend({ defaultProps: { withItemsBorders: false } }),
    // The page keeps its scroll bar (see global.css), so nothing shifts when one of these opens.
    Modal: Modal.extend({ defaultProps: { lockScroll: false, centered: true } }),
    Drawer: Drawer.extend({ defaultProps: { lockScroll: false } })
  }
})
