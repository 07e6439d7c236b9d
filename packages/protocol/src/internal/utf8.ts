/** UTF-8 by the encoders every JavaScript platform has; declared here because this package is compiled without DOM or Node types. */
declare const TextEncoder: new () => { encode: (text: string) => Uint8Array<ArrayBuffer> }
declare const TextDecoder: new () => { decode: (bytes: Uint8Array) => string }

export const textToUtf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)
export const utf8ToText = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
