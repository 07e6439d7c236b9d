/** Light, dark, or as the system has it. Kept on this device. */
import { type MantineColorScheme, SegmentedControl, useMantineColorScheme } from "@mantine/core"

const schemes: ReadonlyArray<{ readonly value: MantineColorScheme; readonly label: string }> = [
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
  { value: "auto", label: "System" }
]

export const ColorSchemeControl = () => {
  const { colorScheme, setColorScheme } = useMantineColorScheme({ keepTransitions: true })
  return (
    <SegmentedControl
      aria-label="Colours"
      value={colorScheme}
      onChange={(next) => setColorScheme(schemes.find(({ value }) => value === next)?.value ?? "auto")}
      data={[...schemes]}
    />
  )
}
