/** The World: simulated devices, network and server, from one seed. The contract suites are entries of their own. */
export * as SeededPrimitives from "./SeededPrimitives.ts"
export { SeededRandom } from "./SeededRandom.ts"
