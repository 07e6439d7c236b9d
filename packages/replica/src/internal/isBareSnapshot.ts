/**
 * Whether an item brings, beside operations, what a doc of them shows, with nobody who vouches for it: a new doc would believe the
 * one, and a doc that holds something the other [COMPACT-19].
 */
import { codecs } from "@tidemark/protocol"
import { isSnapshot } from "@tidemark/model"
import type { RemoteItem } from "@tidemark/sync"

export const isBareSnapshot = ({ bytes, checkpoint, codec }: RemoteItem): boolean =>
  checkpoint === undefined && codec !== codecs.ask && isSnapshot(bytes)
