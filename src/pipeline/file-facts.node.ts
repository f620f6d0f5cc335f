import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { Readable, Transform } from 'node:stream'
import { constants, createBrotliCompress, createGzip } from 'node:zlib'

/** SHA-256 of a file, lower-case hex. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}

/** Sizes after gzip (level 9) and brotli (quality 9), over all files of a result. */
export async function compressedSizes(paths: readonly string[]): Promise<{ gzip: number; brotli: number }> {
  let gzip = 0
  let brotli = 0
  for (const path of paths) {
    gzip += await countThrough(createReadStream(path), createGzip({ level: 9 }))
    brotli += await countThrough(
      createReadStream(path),
      createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
    )
  }
  return { gzip, brotli }
}

async function countThrough(input: Readable, codec: Transform): Promise<number> {
  let bytes = 0
  input.on('error', (error) => codec.destroy(error))
  for await (const chunk of input.pipe(codec)) bytes += (chunk as Uint8Array).length
  return bytes
}
