import { checkAborted } from '../../bytes/range.ts'
import type { ByteSink } from '../../bytes/types.ts'
import { TersorError } from '../../errors.ts'
import type { FileLayout, Segment } from '../../model/layout.ts'

export interface WriteOptions {
  /** Elements of a tensor of kind 'produced', by its name, in any number of pieces. */
  produce?(tensor: string): AsyncIterable<Uint8Array>
  readonly signal?: AbortSignal
}

const WINDOW_BYTES = 4 * 1024 * 1024

/**
 * Streams one file of a layout into a sink, in order; does not commit it.
 * @throws E_INTERNAL when a produced tensor has another length than the layout says.
 */
export async function writeFile(
  file: FileLayout['files'][number],
  sink: ByteSink,
  options: WriteOptions = {},
): Promise<void> {
  for (const segment of file.segments) {
    checkAborted(options.signal)
    await writeSegment(segment, sink, options)
  }
}

async function writeSegment(segment: Segment, sink: ByteSink, options: WriteOptions): Promise<void> {
  switch (segment.kind) {
    case 'bytes':
      return sink.write(segment.bytes)
    case 'gap':
      return writeZeros(segment.byteLength, sink)
    case 'copy':
      return copy(segment, sink, options.signal)
    case 'produced':
      return writeProduced(segment, sink, options)
  }
}

async function writeZeros(byteLength: number, sink: ByteSink): Promise<void> {
  const zeros = new Uint8Array(Math.min(byteLength, WINDOW_BYTES))
  for (let left = byteLength; left > 0; left -= zeros.length) await sink.write(zeros.subarray(0, left))
}

async function copy(
  segment: Segment & { kind: 'copy' },
  sink: ByteSink,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { source, start } = segment
  const end = start + segment.byteLength
  for (let from = start; from < end; from += WINDOW_BYTES) {
    await sink.write(await source.read(from, Math.min(from + WINDOW_BYTES, end), signal))
  }
}

async function writeProduced(
  segment: Segment & { kind: 'produced' },
  sink: ByteSink,
  { produce, signal }: WriteOptions,
): Promise<void> {
  const { tensor, byteLength } = segment
  if (produce === undefined)
    throw new TersorError('E_INTERNAL', `nothing produces tensor "${tensor}"`, { where: tensor })
  let written = 0
  for await (const chunk of produce(tensor)) {
    checkAborted(signal)
    written += chunk.byteLength
    if (written > byteLength) break
    await sink.write(chunk)
  }
  if (written !== byteLength) {
    throw new TersorError(
      'E_INTERNAL',
      `tensor "${tensor}" was laid out with ${byteLength} bytes, ${written} were produced`,
      {
        where: tensor,
      },
    )
  }
}
