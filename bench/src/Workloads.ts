/** Every workload of the harness. */
import type { Workload } from "./Workload.ts"
import { W1TypeThrough } from "./workloads/W1TypeThrough.ts"

export const workloads: ReadonlyArray<Workload> = [W1TypeThrough]
