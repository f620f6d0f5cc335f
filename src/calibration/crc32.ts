const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let word = byte
  for (let bit = 0; bit < 8; bit += 1) word = (word & 1) === 1 ? (word >>> 1) ^ 0xedb88320 : word >>> 1
  return word
})

/** CRC-32 as zip and gzip use it (reflected, polynomial 0xEDB88320). */
export function crc32(bytes: Uint8Array): number {
  let word = 0xffffffff
  for (let i = 0; i < bytes.byteLength; i += 1) word = (word >>> 8) ^ TABLE[(word ^ bytes[i]!) & 0xff]!
  return (word ^ 0xffffffff) >>> 0
}
