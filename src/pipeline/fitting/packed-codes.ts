/** Codes of a byte each, several to a byte where their bits divide it: the first in the lowest bits. */
export function packCodes(codes: Uint8Array, bits: number): Uint8Array {
  const each = codesOfByte(bits)
  if (each === 1) return codes
  const packed = new Uint8Array(Math.ceil(codes.length / each))
  for (let i = 0; i < codes.length; i++) {
    const at = Math.floor(i / each)
    packed[at] = (packed[at] as number) | ((codes[i] as number) << ((i % each) * bits))
  }
  return packed
}

/** The first `count` codes of such bytes. */
export function unpackCodes(packed: Uint8Array, bits: number, count: number): Uint8Array {
  const each = codesOfByte(bits)
  if (each === 1) return packed
  const codes = new Uint8Array(count)
  const most = 2 ** bits - 1
  for (let i = 0; i < count; i++) codes[i] = ((packed[Math.floor(i / each)] as number) >> ((i % each) * bits)) & most
  return codes
}

export function packedLength(count: number, bits: number): number {
  return Math.ceil(count / codesOfByte(bits))
}

function codesOfByte(bits: number): number {
  return bits === 4 || bits === 2 || bits === 1 ? 8 / bits : 1
}
