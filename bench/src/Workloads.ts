/** Every workload of the harness. */
import type { Workload } from "./Workload.ts"
import { W1TypeThrough } from "./workloads/W1TypeThrough.ts"
import { W4Offline } from "./workloads/W4Offline.ts"
import { W5Docs } from "./workloads/W5Docs.ts"
import { W6Subscribers } from "./workloads/W6Subscribers.ts"
import { W7Idle } from "./workloads/W7Idle.ts"
import { W8Records } from "./workloads/W8Records.ts"
import { W9Pushing } from "./workloads/W9Pushing.ts"

/** W2 and W3 go on in W1's document. */
export const workloads: ReadonlyArray<Workload> = [
  W1TypeThrough,
  W4Offline,
  W5Docs,
  W6Subscribers,
  W7Idle,
  W8Records,
  W9Pushing
]
