/** Every target, the expensive ones first, so that the longest runs begin first. */
import type { FuzzTarget } from "./FuzzTarget.ts"
import { envelopeHeader } from "./targets/EnvelopeHeader.ts"
import { docPageFrame } from "./targets/DocPageFrame.ts"
import { httpWire } from "./targets/HttpWire.ts"
import { linkFragment, wholeLink } from "./targets/LinkText.ts"
import { clientMessage, serverMessage } from "./targets/LiveText.ts"
import { livePushFrame } from "./targets/LivePushFrame.ts"
import { liveWire } from "./targets/LiveWire.ts"
import { loroSnapshot, loroUpdates } from "./targets/LoroImport.ts"
import { pageFrame } from "./targets/PageFrame.ts"
import { pushFrame } from "./targets/PushFrame.ts"
import { rosterChain } from "./targets/RosterChain.ts"
import { rosterFrame } from "./targets/RosterFrame.ts"
import { sealedBodyLayout } from "./targets/SealedBodyLayout.ts"
import { sealedEntry } from "./targets/SealedEntry.ts"
import { serverAnswer } from "./targets/ServerAnswer.ts"
import { statementLayout } from "./targets/StatementLayout.ts"
import { storedMeta } from "./targets/StoredMeta.ts"
import { storedRows } from "./targets/StoredRows.ts"
import { tokenText } from "./targets/TokenText.ts"

export const targets: ReadonlyArray<FuzzTarget> = [
  httpWire,
  liveWire,
  serverAnswer,
  loroUpdates,
  loroSnapshot,
  sealedEntry,
  rosterChain,
  storedRows,
  storedMeta,
  tokenText,
  pushFrame,
  livePushFrame,
  pageFrame,
  docPageFrame,
  rosterFrame,
  envelopeHeader,
  sealedBodyLayout,
  statementLayout,
  clientMessage,
  serverMessage,
  wholeLink,
  linkFragment
]
