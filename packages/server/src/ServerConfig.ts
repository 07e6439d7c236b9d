/**
 * What a server process can be told, by flag or environment; every setting has a default that works on one's own machine.
 *
 * A flag wins over its variable. `DATABASE_URL` is read from the environment only: a password in a command line is seen by
 * everyone on the machine.
 */
import { Config, type Option, type Redacted } from "effect"
import { Flag } from "effect/cli"
import { requestsPerSecondMax, workspaceBytesMaxDefault } from "@tidemark/protocol"

/** The settings of one process. */
export interface ServerConfig {
  readonly port: number
  readonly host: string
  /** Folder of the embedded database, the lock and the token secret. */
  readonly dataFolder: string
  /** Folder of the built app. */
  readonly webFolder: string
  readonly workspaceBytesMax: number
  readonly requestsPerSecondMax: number
  /** PostgreSQL instead of the embedded store. */
  readonly databaseUrl: Option.Option<Redacted.Redacted<string>>
}

/** The built app in this repository. */
const webFolderDefault = new URL("../../../apps/web/dist", import.meta.url).pathname

/** The flags, each with its variable and default; `--help` lists them. */
export const serverFlags = {
  port: Flag.Int("port").pipe(
    Flag.withDescription("Port to listen on, 0 for any free one (TIDEMARK_PORT)"),
    Flag.withFallbackConfig(Config.Int("TIDEMARK_PORT")),
    Flag.withDefault(8787)
  ),
  host: Flag.String("host").pipe(
    Flag.withDescription("Address to listen on; 0.0.0.0 for all, behind a proxy with TLS (TIDEMARK_HOST)"),
    Flag.withFallbackConfig(Config.String("TIDEMARK_HOST")),
    Flag.withDefault("127.0.0.1")
  ),
  dataFolder: Flag.String("data").pipe(
    Flag.withDescription("Folder of the database and the token secret (TIDEMARK_DATA)"),
    Flag.withFallbackConfig(Config.String("TIDEMARK_DATA")),
    Flag.withDefault("./data")
  ),
  webFolder: Flag.String("web").pipe(
    Flag.withDescription("Folder of the built app (TIDEMARK_WEB)"),
    Flag.withFallbackConfig(Config.String("TIDEMARK_WEB")),
    Flag.withDefault(webFolderDefault)
  ),
  workspaceBytesMax: Flag.Int("workspace-bytes-max").pipe(
    Flag.withDescription("Bytes of entries one workspace may hold (TIDEMARK_WORKSPACE_BYTES_MAX)"),
    Flag.withFallbackConfig(Config.Int("TIDEMARK_WORKSPACE_BYTES_MAX")),
    Flag.withDefault(workspaceBytesMaxDefault)
  ),
  requestsPerSecondMax: Flag.Int("requests-per-second-max").pipe(
    Flag.withDescription("Requests one device may make per second on average (TIDEMARK_REQUESTS_PER_SECOND_MAX)"),
    Flag.withFallbackConfig(Config.Int("TIDEMARK_REQUESTS_PER_SECOND_MAX")),
    Flag.withDefault(requestsPerSecondMax)
  )
} as const

/** `DATABASE_URL`, where it is set to something. */
export const databaseUrl = Config.option(Config.Redacted("DATABASE_URL"))
