/** Bytes that `count` codes take: 1, 2, 4 or 8 a byte low bits first, or 5 base-3 digits, the first times 1. */
export function denseBytes(count: number, perByte: number): number {
  return Math.ceil(count / perByte)
}

/** What the digit after the first counts: codes of a byte are its digits in this base. */
function baseOf(perByte: number): number {
  return perByte === 5 ? 3 : 2 ** (8 / perByte)
}

export function packDense(codes: Uint8Array, perByte: number, target: Uint8Array, at: number): void {
  const base = baseOf(perByte)
  for (let i = 0; i < codes.length; i += perByte) {
    let byte = 0
    for (let j = Math.min(perByte, codes.length - i) - 1; j >= 0; j--) byte = byte * base + codes[i + j]!
    target[at + i / perByte] = byte
  }
}

/** The last digit takes what is left of a byte: bytes beyond 242 have a fifth base-3 digit of 3. */
export function unpackDense(bytes: Uint8Array, perByte: number, codes: Uint8Array): void {
  const base = baseOf(perByte)
  for (let i = 0; i < codes.length; i++) {
    const rest = Math.floor(bytes[Math.floor(i / perByte)]! / base ** (i % perByte))
    codes[i] = i % perByte === perByte - 1 ? rest : rest % base
  }
}
