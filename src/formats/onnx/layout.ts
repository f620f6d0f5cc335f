import { TersorError } from '../../errors.ts'
import type { Model, TensorRef } from '../../model/graph.ts'
import type { FileLayout, Segment } from '../../model/layout.ts'
import { encodeModel } from './encode-model.ts'
import type { Place, Placement } from './encode-tensor.ts'
import { MAX_INLINE_FILE, MAX_MESSAGE_BYTES, SMALL_BYTES } from './limits.ts'
import { WireWriter } from './writer.ts'

export interface LayoutOptions {
  /** File name of the model, without folders. */
  readonly name: string
  /** Largest external data file, bytes; a single tensor may exceed it. Default: no limit. */
  readonly shardBytes?: number
  /** Where tensors of 1 KiB or more go. 'auto' (default): outside when the model file would reach 1.9 GB. */
  readonly external?: 'auto' | 'never' | 'always'
  /** What the name of a data file has behind the model's: `.data` (default), or `_data` as transformers.js looks for it. */
  readonly dataSuffix?: '.data' | '_data'
  /** Start of each external tensor is a multiple of this. Default 4096, a page. */
  readonly alignment?: number
}

/**
 * The files of a model with every offset known before the first byte exists. Data files are `<name>.data`, `<name>.data_1` and so on
 * (`<name>_data` ... on request).
 * @throws E_LIMIT when the model file itself would exceed protobuf's 2 GiB.
 */
export function layout(model: Model, options: LayoutOptions): FileLayout {
  const { external = 'auto', name } = options
  let files = external === 'always' ? null : [inlineFile(model, name)]
  if (
    files === null ||
    (external === 'auto' && (files[0] as FileLayout['files'][number]).byteLength >= MAX_INLINE_FILE)
  ) {
    files = externalFiles(model, options)
  }
  const [main] = files as [FileLayout['files'][number]]
  if (main.byteLength > MAX_MESSAGE_BYTES) {
    throw new TersorError(
      'E_LIMIT',
      `${name} would have ${main.byteLength} bytes, protobuf ends at ${MAX_MESSAGE_BYTES}`,
      {
        where: name,
        hint:
          external === 'never'
            ? 'Allow external data.'
            : 'Too much of the model is not in tensors that can be moved out.',
      },
    )
  }
  return { files }
}

function inlineFile(model: Model, name: string): FileLayout['files'][number] {
  return modelFile(model, name, () => undefined)
}

function modelFile(model: Model, name: string, placement: Placement): FileLayout['files'][number] {
  const writer = new WireWriter()
  encodeModel(writer, model, placement)
  const { byteLength } = writer
  return { name, byteLength, segments: writer.finish() }
}

function externalFiles(model: Model, options: LayoutOptions): FileLayout['files'][number][] {
  const data = new DataFiles(options)
  const main = modelFile(model, options.name, (tensor, payload) => data.place(tensor, payload))
  return [main, ...data.files]
}

interface DataFile {
  readonly name: string
  byteLength: number
  readonly segments: Segment[]
}

class DataFiles {
  readonly files: DataFile[] = []
  readonly #name: string
  readonly #suffix: string
  readonly #alignment: number
  readonly #shardBytes: number

  constructor(options: LayoutOptions) {
    const { name, alignment = 4096, shardBytes = Number.MAX_SAFE_INTEGER, dataSuffix = '.data' } = options
    if (!(Number.isSafeInteger(alignment) && alignment >= 1) || !(shardBytes >= 1)) {
      throw new TersorError('E_USAGE', `alignment ${alignment} and shard size ${shardBytes} must be 1 or more`)
    }
    this.#name = name
    this.#suffix = dataSuffix
    this.#alignment = alignment
    this.#shardBytes = shardBytes
  }

  place(tensor: TensorRef, payload: () => Segment): Place | undefined {
    const { byteLength } = tensor.storage
    if (byteLength < SMALL_BYTES || tensor.storage.kind === 'opaque') return undefined
    let file = this.files[this.files.length - 1]
    if (file === undefined || this.#aligned(file.byteLength) + byteLength > this.#shardBytes) {
      const number = this.files.length
      file = { name: `${this.#name}${this.#suffix}${number === 0 ? '' : `_${number}`}`, byteLength: 0, segments: [] }
      this.files.push(file)
    }
    const offset = this.#aligned(file.byteLength)
    if (offset > file.byteLength) file.segments.push({ kind: 'gap', byteLength: offset - file.byteLength })
    file.segments.push(payload())
    file.byteLength = offset + byteLength
    return { location: file.name, offset }
  }

  #aligned(position: number): number {
    return Math.ceil(position / this.#alignment) * this.#alignment
  }
}
