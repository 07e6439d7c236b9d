/** The World: simulated devices, network and server, from one seed. The contract suites are entries of their own. */
export * as SeededPrimitives from "./SeededPrimitives.ts"
export { SeededRandom } from "./SeededRandom.ts"
export { type Violation, type ViolationKind, violationKinds } from "./world/Chronicle.ts"
export { type SabotageName, sabotages } from "./world/Sabotage.ts"
export { type Report, simulate } from "./world/Simulation.ts"
export { faultKinds, neverMet, rareSituations } from "./world/Situations.ts"
export { countsOf } from "./world/Summary.ts"
export type { WorldOptions } from "./world/World.ts"
