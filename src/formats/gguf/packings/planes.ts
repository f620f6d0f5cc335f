/** Runs of bits that several block layouts share. All offsets are in bytes or codes of one block. */

/** The low four bits of 2 * `half` codes: byte j holds code j below, and code j + half above. */
export function packNibbles(codes: Uint16Array, first: number, half: number, bytes: Uint8Array, offset: number): void {
  for (let j = 0; j < half; j++) {
    bytes[offset + j] = (codes[first + j]! & 15) | ((codes[first + half + j]! & 15) << 4)
  }
}

export function unpackNibbles(
  bytes: Uint8Array,
  offset: number,
  half: number,
  codes: Uint16Array,
  first: number,
): void {
  for (let j = 0; j < half; j++) {
    const byte = bytes[offset + j]!
    codes[first + j] = byte & 15
    codes[first + half + j] = byte >>> 4
  }
}

/** Bit `bit` of 32 codes, code 0 in the lowest bit of the first byte. */
export function packBitRow(codes: Uint16Array, bit: number, bytes: Uint8Array, offset: number): void {
  for (let j = 0; j < 4; j++) {
    let byte = 0
    for (let k = 0; k < 8; k++) byte |= ((codes[8 * j + k]! >>> bit) & 1) << k
    bytes[offset + j] = byte
  }
}

/** Adds the bits to codes that have their lower ones. */
export function addBitRow(bytes: Uint8Array, offset: number, bit: number, codes: Uint16Array): void {
  for (let j = 0; j < 32; j++) codes[j]! |= ((bytes[offset + (j >>> 3)]! >>> (j & 7)) & 1) << bit
}

/** Two bits, from `shift` up, of 256 codes: byte l of each 32 holds codes l, l + 32, l + 64 and l + 96 of its 128. */
export function packPairs(codes: Uint16Array, shift: number, bytes: Uint8Array, offset: number): void {
  for (let half = 0; half < 2; half++) {
    for (let l = 0; l < 32; l++) {
      let byte = 0
      for (let k = 0; k < 4; k++) byte |= ((codes[128 * half + 32 * k + l]! >>> shift) & 3) << (2 * k)
      bytes[offset + 32 * half + l] = byte
    }
  }
}

/** Adds the pairs to codes that have their lower bits (or to zeros). */
export function addPairs(bytes: Uint8Array, offset: number, shift: number, codes: Uint16Array): void {
  for (let half = 0; half < 2; half++) {
    for (let l = 0; l < 32; l++) {
      const byte = bytes[offset + 32 * half + l]!
      for (let k = 0; k < 4; k++) codes[128 * half + 32 * k + l]! |= ((byte >>> (2 * k)) & 3) << shift
    }
  }
}

/** Bit `bit` of 256 codes: byte l of 32 holds codes l, l + 32, ... l + 224, the first lowest. */
export function packBitColumns(codes: Uint16Array, bit: number, bytes: Uint8Array, offset: number): void {
  for (let l = 0; l < 32; l++) {
    let byte = 0
    for (let k = 0; k < 8; k++) byte |= ((codes[32 * k + l]! >>> bit) & 1) << k
    bytes[offset + l] = byte
  }
}

export function addBitColumns(bytes: Uint8Array, offset: number, bit: number, codes: Uint16Array): void {
  for (let l = 0; l < 32; l++) {
    const byte = bytes[offset + l]!
    for (let k = 0; k < 8; k++) codes[32 * k + l]! |= ((byte >>> k) & 1) << bit
  }
}
