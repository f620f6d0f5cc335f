/**
 * Text as ONNX stores it: UTF-8, but files hold other bytes too (and attribute strings are bytes by definition).
 * A byte that is not UTF-8 becomes the lone surrogate U+DC00 + byte, so decoding loses nothing and different bytes stay different.
 */
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()
// With the u flag, pairs count as one symbol and do not match.
const hasLoneSurrogate = /[\uD800-\uDFFF]/u

export function decodeText(bytes: Uint8Array): string {
  // Most names are short ASCII, and a call of TextDecoder costs more than this.
  if (bytes.length < 64 && isAscii(bytes)) return String.fromCharCode.apply(null, bytes as unknown as number[])
  try {
    return strict.decode(bytes)
  } catch {
    return decodeEscaped(bytes)
  }
}

function isAscii(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) if ((bytes[index] as number) > 127) return false
  return true
}

export function encodeText(text: string): Uint8Array {
  return hasLoneSurrogate.test(text) ? encodeEscaped(text) : encoder.encode(text)
}

function decodeEscaped(bytes: Uint8Array): string {
  const parts: string[] = []
  let start = 0
  while (start < bytes.length) {
    const length = sequenceLength(bytes, start)
    if (length === 0) parts.push(String.fromCharCode(0xdc00 + (bytes[start] as number)))
    else parts.push(strict.decode(bytes.subarray(start, start + length)))
    start += length === 0 ? 1 : length
  }
  return parts.join('')
}

/** Length of the valid sequence at `start`, 0 when there is none. Overlong forms and surrogates are not valid. */
function sequenceLength(bytes: Uint8Array, start: number): number {
  const lead = bytes[start] as number
  if (lead < 0x80) return 1
  const length =
    lead >= 0xf0 && lead <= 0xf4 ? 4 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xc2 && lead < 0xe0 ? 2 : 0
  if (length === 0 || start + length > bytes.length) return 0
  for (let index = 1; index < length; index++) {
    if (((bytes[start + index] as number) & 0xc0) !== 0x80) return 0
  }
  const second = bytes[start + 1] as number
  if (lead === 0xe0 && second < 0xa0) return 0
  if (lead === 0xed && second > 0x9f) return 0
  if (lead === 0xf0 && second < 0x90) return 0
  if (lead === 0xf4 && second > 0x8f) return 0
  return length
}

function encodeEscaped(text: string): Uint8Array {
  const out: number[] = []
  for (const symbol of text) {
    const code = symbol.codePointAt(0) as number
    if (code >= 0xdc80 && code <= 0xdcff) out.push(code - 0xdc00)
    else out.push(...encoder.encode(symbol))
  }
  return Uint8Array.from(out)
}
