/** The app's mark: the line the sea left at its highest, above the water. Decorative. */
export const Mark = ({ size }: { readonly size: number }) => (
  <img src="/mark.svg" width={size} height={size} alt="" draggable={false} />
)
