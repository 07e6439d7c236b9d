#!/usr/bin/env node
/** Starts one Tidemark server: reads flags and environment, composes the layers, and runs until it is told to stop. */
import "./smallNursery.ts"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, Layer, Runtime } from "effect"
import { Command } from "effect/cli"
import { databaseUrl, type ServerConfig, serverFlags, ServerHttp } from "@tidemark/server"

/** One sentence on stderr and exit code 1 for what the user can put right; anything else is a defect with its trace. */
const refuse = (config: ServerConfig) => (error: unknown) => {
  const sentence = ServerHttp.sentenceOf(error, config)
  if (sentence === undefined) return Effect.die(error)
  return Effect.andThen(
    Console.error(sentence),
    Effect.sync(() => {
      process.exitCode = 1
    })
  )
}

const serve = Command.make(
  "tidemark-server",
  serverFlags,
  Effect.fn(function* (flags) {
    const config: ServerConfig = { ...flags, databaseUrl: yield* databaseUrl }
    yield* Layer.launch(ServerHttp.layer(config)).pipe(Effect.catch(refuse(config)))
  })
).pipe(
  Command.withDescription(
    "The Tidemark byte store and its app on one port. " +
      "With DATABASE_URL=postgres://… it stores in PostgreSQL, otherwise in an SQLite file in the data folder."
  )
)

/** Being told to stop (130 to the runtime) is how a server ends well. */
const teardown: Runtime.Teardown = (exit, onExit) =>
  Runtime.defaultTeardown(exit, (code) => onExit(code === 130 ? 0 : code))

NodeRuntime.runMain(serve.pipe(Command.run({ version: "0.1.0" }), Effect.provide(NodeServices.layer)), { teardown })
