/** What each role may do, in words. */
import type { Role } from "@tidemark/protocol"

export const roles: ReadonlyArray<Role> = ["reader", "editor", "owner"]

export const roleWords: Readonly<Record<Role, { readonly name: string; readonly may: string }>> = {
  reader: { name: "Reader", may: "can read everything and change nothing" },
  editor: { name: "Editor", may: "can read and change everything" },
  owner: { name: "Owner", may: "can read and change everything, make links, and shut devices out" }
}
