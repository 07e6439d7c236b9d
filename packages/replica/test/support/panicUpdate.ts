/** An update that Loro panics on, with a right checksum: what a hostile member could send. */
import { Result } from "effect"
import { Base64Url } from "effect/encoding"

/** Loro 1.17.1 panics on it; from packages/model/test/Import.test.ts. */
export const panicUpdate = Result.getOrThrow(
  Base64Url.decode(
    "bG9ybwAAAAAAAAAAAAAAANX5uUIABKwDAB4AHgEQAQEAAAAAAAAAAQEAAAAAAAUBAAABAEINBAEAABQEAAAAAAQBAAAWBAAAAAoEAQAA" +
      "GAQAAAAUBAEAABoEAAAAHgQBAAAcBAAAACgEAQAAHgQAAAAyBAEAACCQAQNpZDAFdGl0bGUEZG9uZQR0YWdzAXgDaWQxA2lkMgNpZDMD" +
      "aWQ0A2lkNQt_YWJsZTp0YXNrcw7wn6SdOkAxOjA-dGFncw7wn6SdOkAxOjU-dGFncw7wn6SdOkAxOmE-dGFncw7wn6SdOkAxOmY-dGFn" +
      "cw7wn6SdOkAxOms-dGFncw7wn6SdOkAxOnA-dGFncwBLAQQlAwACBAAFAgMGBAAFAgcKAQAFAgsOBAAFAg8SBAAFAhMWBAABAhwBAAoC" +
      "AQcGAgMECQYCAwYLBgIDCA0GAgMKDwYCAjwLAjwBAGwJAAUCdDABBggATE0BADnhZgEJAAUCdDECBggATE0BABAqIgEJAAUCdDIBBggA" +
      "TE0BABtxrwEJAAUCdDMCBggATE0BADK66wEJAAUCdDQBBggATE0BAHzA9AEJAAUCdDUCBggATE0BAIJLRAE"
  )
)
