/** Every platform we run on has it; the ES library's types leave it to the platform's. */
declare const TextEncoder: new () => { encode: (text: string) => Uint8Array }

/** The UTF-8 bytes of a text. */
export const textToUtf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
