import { Cursor } from '../../bytes/cursor.ts'
import { checkAborted } from '../../bytes/range.ts'
import type { ByteSource } from '../../bytes/types.ts'
import { TersorError } from '../../errors.ts'
import { readKey, runsPast } from './fields.ts'
import { Image } from './image.ts'
import { MAX_DEPTH, MAX_LEAF_BYTES, MAX_STRUCTURE_BYTES, MAX_TEXT_BYTES, SMALL_BYTES } from './limits.ts'
import {
  ATTRIBUTE,
  BYTES,
  FIXED64,
  FUNCTION,
  GRAPH,
  MODEL,
  NODE,
  SPARSE_TENSOR,
  TENSOR,
  VALUE_INFO,
  VARINT,
} from './types.ts'

/** What becomes of a large payload: walk into it, keep it, or (when absent) leave it in the file. */
type Treatment = Shape | 'keep' | 'text'
interface Shape {
  readonly fields: Map<number, Treatment>
}

const shape = (): Shape => ({ fields: new Map() })
const model = shape()
const graph = shape()
const node = shape()
const attribute = shape()
const tensor = shape()
const value = shape()
const sparse = shape()
const body = shape()
const fill = (target: Shape, entries: readonly (readonly [number, Treatment])[]): void => {
  for (const [key, treatment] of entries) target.fields.set(key, treatment)
}
fill(model, [
  [MODEL.producerName, 'keep'],
  [MODEL.graph, graph],
  [MODEL.opsetImport, 'keep'],
  [MODEL.metadataProps, 'keep'],
  [MODEL.functions, body],
])
fill(graph, [
  [GRAPH.node, node],
  [GRAPH.name, 'keep'],
  [GRAPH.initializer, tensor],
  [GRAPH.input, value],
  [GRAPH.output, value],
  [GRAPH.valueInfo, value],
  [GRAPH.sparseInitializer, sparse],
])
fill(node, [
  [NODE.input, 'keep'],
  [NODE.output, 'keep'],
  [NODE.name, 'keep'],
  [NODE.opType, 'keep'],
  [NODE.attribute, attribute],
  [NODE.domain, 'keep'],
])
fill(attribute, [
  [ATTRIBUTE.name, 'keep'],
  [ATTRIBUTE.s, 'text'],
  [ATTRIBUTE.t, tensor],
  [ATTRIBUTE.g, graph],
  [ATTRIBUTE.floatsPacked, 'keep'],
  [ATTRIBUTE.intsPacked, 'keep'],
  [ATTRIBUTE.strings, 'text'],
  [ATTRIBUTE.tensors, tensor],
  [ATTRIBUTE.graphs, graph],
  [ATTRIBUTE.refAttrName, 'keep'],
])
fill(tensor, [
  [TENSOR.dimsPacked, 'keep'],
  [TENSOR.name, 'keep'],
  [TENSOR.externalData, 'keep'],
])
fill(value, [
  [VALUE_INFO.name, 'keep'],
  [VALUE_INFO.type, 'keep'],
])
fill(sparse, [[SPARSE_TENSOR.values, tensor]])
fill(body, [
  [FUNCTION.name, 'keep'],
  [FUNCTION.input, 'keep'],
  [FUNCTION.output, 'keep'],
  [FUNCTION.node, node],
  [FUNCTION.opsetImport, 'keep'],
  [FUNCTION.domain, 'keep'],
])

/** After a payload that was left out only this much is read; the window grows while structure goes on. */
const MIN_WINDOW = 16 * 1024
const MAX_WINDOW = 1024 * 1024
/** A key and a length, at their widest. */
const HEAD_BYTES = 20

/**
 * Reads the structure of a model file in one pass and leaves large payloads where they are: about 16 KiB are read for each of
 * those. The time and memory depend on the structure, not on the size of the file.
 */
export async function readImage(source: ByteSource, signal?: AbortSignal): Promise<Image> {
  const reader = new ImageReader(source, signal)
  await reader.walk()
  return reader.image()
}

class ImageReader {
  readonly #source: ByteSource
  readonly #signal: AbortSignal | undefined
  readonly #starts: number[] = []
  readonly #before: number[] = [0]
  #bytes = new Uint8Array(MIN_WINDOW)
  #used = 0
  /** File offset of what comes next, and of the window's first byte. */
  #position = 0
  #windowStart = 0
  #window: Cursor
  #windowBytes = MIN_WINDOW

  constructor(source: ByteSource, signal: AbortSignal | undefined) {
    this.#source = source
    this.#signal = signal
    this.#window = new Cursor(new Uint8Array(0), source.label)
  }

  image(): Image {
    return new Image(this.#source, this.#bytes.slice(0, this.#used), this.#starts, this.#before)
  }

  async walk(): Promise<void> {
    const stack: { shape: Shape; end: number }[] = [{ shape: model, end: this.#source.byteLength }]
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { shape: Shape; end: number }
      if (this.#position === top.end) {
        stack.pop()
        continue
      }
      const ahead = Math.min(HEAD_BYTES, top.end - this.#position)
      if (this.#buffered < ahead) await this.#refill(ahead)
      const key = this.#header(top.end)
      if (key % 8 !== BYTES) continue
      const length = this.#length
      const treatment = length <= SMALL_BYTES ? 'keep' : top.shape.fields.get(key)
      if (typeof treatment === 'object') {
        if (stack.length === MAX_DEPTH) throw this.#tooMuch(`more than ${MAX_DEPTH} messages inside one another`)
        stack.push({ shape: treatment, end: this.#position + length })
      } else if (treatment === 'keep' || (treatment === 'text' && length <= MAX_TEXT_BYTES)) {
        if (length > MAX_LEAF_BYTES) throw this.#tooMuch(`a name or list of ${length} bytes`)
        await this.#keep(length)
      } else this.#leaveOut(length)
    }
  }

  #length = 0

  get #buffered(): number {
    return this.#windowStart + this.#window.array.length - this.#position
  }

  /** Takes the key and what follows it up to the payload; sets `#length` for a payload. */
  #header(end: number): number {
    const cursor = this.#window
    const from = this.#position - this.#windowStart
    cursor.position = from
    cursor.base = this.#windowStart
    cursor.limit = Math.min(cursor.array.length, end - this.#windowStart)
    const key = readKey(cursor)
    const wire = key % 8
    if (wire === BYTES) {
      this.#length = cursor.varint()
      if (this.#length > end - this.#windowStart - cursor.position) throw runsPast(cursor, key, this.#length, end)
    } else if (wire === VARINT) cursor.varint()
    else cursor.skip(wire === FIXED64 ? 8 : 4)
    this.#append(cursor.array.subarray(from, cursor.position))
    this.#position = this.#windowStart + cursor.position
    return key
  }

  async #keep(byteLength: number): Promise<void> {
    const end = this.#position + byteLength
    while (this.#position < end) {
      if (this.#buffered <= 0) await this.#refill(1)
      const from = this.#position - this.#windowStart
      const part = this.#window.array.subarray(from, Math.min(this.#window.array.length, end - this.#windowStart))
      this.#append(part)
      this.#position += part.length
    }
  }

  #leaveOut(byteLength: number): void {
    this.#starts.push(this.#position)
    this.#before.push((this.#before[this.#before.length - 1] as number) + byteLength)
    this.#position += byteLength
    this.#windowBytes = MIN_WINDOW
  }

  /** Makes `needed` bytes available, which the file is known to have. */
  async #refill(needed: number): Promise<void> {
    checkAborted(this.#signal)
    const start = this.#position
    const end = Math.min(this.#source.byteLength, start + Math.max(needed, this.#windowBytes))
    this.#windowBytes = Math.min(this.#windowBytes * 2, MAX_WINDOW)
    const bytes = await this.#source.read(start, end, this.#signal)
    this.#window = new Cursor(bytes, this.#source.label)
    this.#windowStart = start
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#used + bytes.length
    if (needed > this.#bytes.length) {
      if (needed > MAX_STRUCTURE_BYTES) throw this.#tooMuch(`more than ${MAX_STRUCTURE_BYTES} bytes beside its tensors`)
      const grown = new Uint8Array(Math.min(Math.max(needed, this.#bytes.length * 2), MAX_STRUCTURE_BYTES))
      grown.set(this.#bytes.subarray(0, this.#used))
      this.#bytes = grown
    }
    this.#bytes.set(bytes, this.#used)
    this.#used = needed
  }

  #tooMuch(what: string): TersorError {
    const { label } = this.#source
    return new TersorError('E_LIMIT', `${label}: the model has ${what}`, { where: `${label}, byte ${this.#position}` })
  }
}
