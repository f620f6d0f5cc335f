import type { ByteSource } from '../../bytes/types.ts'
import { TersorError } from '../../errors.ts'
import type { DType } from '../../model/dtype.ts'
import type { TensorRef, TensorStorage } from '../../model/graph.ts'
import { decodeEntry } from './decode-entry.ts'
import type { Decoder } from './decoder.ts'
import { wrong } from './decoder.ts'
import { checkLocation, parseCount } from './external-data.ts'
import { FieldCursor } from './fields.ts'
import { WireMessage } from './image.ts'
import { MAX_RANK } from './limits.ts'
import type { TypedRun } from './typed-data.ts'
import { isTypedKey, typedStorage } from './typed-data.ts'
import { dtypeOfCode, packedByteLength, TENSOR } from './types.ts'

/** A tensor's carrier: knows which storage its data fields stand for. */
export class TensorMessage extends WireMessage {
  readonly isInline: boolean
  readonly #dtype: DType
  readonly #storage: TensorStorage

  constructor(message: WireMessage, dtype: DType, storage: TensorStorage, isInline: boolean) {
    super(message.image, message.start, message.end)
    this.#dtype = dtype
    this.#storage = storage
    this.isInline = isInline
  }

  /** True while the tensor's elements are those of this message. */
  holds(tensor: TensorRef): boolean {
    return tensor.storage === this.#storage && tensor.dtype === this.#dtype
  }
}

interface TensorFields {
  name: string
  dims: number[]
  code: number
  raw?: { start: number; end: number; bytes: Uint8Array | undefined }
  typed: TypedRun
  external: Map<string, string>
  isExternal: boolean
  hasSegment: boolean
}

/**
 * TensorProto without its elements. External data goes before `raw_data`, and that before typed fields: when a file holds
 * several, this is the one that runtimes read; the others are kept when the tensor is written back unchanged.
 */
export function decodeTensor(message: WireMessage, decoder: Decoder): TensorRef {
  decoder.charge(message)
  const fields = scanTensor(message)
  const facts = dtypeOfCode(fields.code)
  if (facts === undefined) {
    const found = fields.code === 0 ? 'no data type' : `data type ${fields.code}`
    throw wrong(message, `tensor "${fields.name}" has ${found}`, 'Types up to ONNX opset 26 (codes 1 to 26) are known.')
  }
  const { dtype } = facts
  const elementCount = countElements(message, fields)
  const byteLength = packedByteLength(dtype, elementCount)
  const storage = storageOf(message, fields, dtype, byteLength, decoder)
  const carrier = new TensorMessage(message, dtype, storage, !fields.isExternal)
  return { name: fields.name, dtype, shape: fields.dims, storage, carrier }
}

function scanTensor(message: WireMessage): TensorFields {
  const fields: TensorFields = {
    name: '',
    dims: [],
    code: 0,
    typed: { message, fieldBytes: 0, occurrences: 0, packedStart: -1 },
    external: new Map(),
    isExternal: false,
    hasSegment: false,
  }
  for (const field = new FieldCursor(message); field.next(); ) scanField(fields, field)
  return fields
}

function scanField(fields: TensorFields, field: FieldCursor): void {
  switch (field.key) {
    case TENSOR.dims:
      addDimension(fields, field, field.signed())
      break
    case TENSOR.dimsPacked:
      for (const cursor = field.over(); cursor.remaining > 0; ) {
        cursor.varint()
        addDimension(fields, field, cursor.signed())
      }
      break
    case TENSOR.dataType:
      fields.code = field.number()
      break
    case TENSOR.segment:
      fields.hasSegment = true
      break
    case TENSOR.name:
      fields.name = field.text()
      break
    case TENSOR.rawData:
      fields.raw = { start: field.payload, end: field.end, bytes: field.elided ? undefined : field.bytes() }
      break
    case TENSOR.externalData: {
      const [key, value] = decodeEntry(field.message())
      fields.external.set(key, value)
      break
    }
    case TENSOR.dataLocation:
      fields.isExternal = field.number() === 1
      break
    default:
      if (isTypedKey(field.key)) addTyped(fields.typed, field)
  }
}

function addTyped(run: TypedRun, field: FieldCursor): void {
  run.occurrences++
  run.fieldBytes += field.byteLength
  run.packedStart = field.key % 8 === 2 ? field.payload : -1
}

function addDimension(fields: TensorFields, field: FieldCursor, dimension: number | bigint): void {
  if (fields.dims.length === MAX_RANK) throw field.broken(`a tensor has more than ${MAX_RANK} dimensions`)
  if (typeof dimension === 'bigint' || dimension < 0) {
    throw field.broken(`a tensor dimension must be 0 to 2^53 - 1, found ${dimension}`)
  }
  fields.dims.push(dimension)
}

function countElements(message: WireMessage, fields: TensorFields): number {
  if (fields.dims.includes(0)) return 0
  let count = 1
  for (const dimension of fields.dims) {
    count *= dimension
    // 16 bytes is the largest element.
    if (count > Number.MAX_SAFE_INTEGER / 16) {
      throw wrong(message, `tensor "${fields.name}" of shape [${fields.dims}] claims more than 2^49 elements`)
    }
  }
  return count
}

function storageOf(
  message: WireMessage,
  fields: TensorFields,
  dtype: DType,
  byteLength: number,
  decoder: Decoder,
): TensorStorage {
  const { name, raw, typed } = fields
  if (fields.hasSegment) return { kind: 'opaque', byteLength: message.end - message.start }
  if (fields.isExternal) return externalStorage(message, fields, dtype, byteLength, decoder)
  if (dtype === 'string') return { kind: 'opaque', byteLength: typed.fieldBytes }
  if (raw !== undefined && (raw.end > raw.start || typed.occurrences === 0)) {
    const found = raw.end - raw.start
    if (found !== byteLength) throw wrong(message, mismatch(fields, dtype, byteLength, `raw_data has ${found}`))
    return raw.bytes === undefined
      ? { kind: 'span', source: message.image.source, start: raw.start, byteLength }
      : { kind: 'bytes', bytes: raw.bytes, byteLength }
  }
  if (typed.occurrences === 0 && byteLength > 0) {
    throw wrong(message, mismatch(fields, dtype, byteLength, 'the file has no data for it'))
  }
  return typedStorage(typed, name, dtype, byteLength)
}

function externalStorage(
  message: WireMessage,
  fields: TensorFields,
  dtype: DType,
  byteLength: number,
  decoder: Decoder,
): TensorStorage {
  const { external, name } = fields
  if (dtype === 'string') throw wrong(message, `tensor "${name}" holds strings, which cannot be external data`)
  const location = external.get('location')
  if (location === undefined) throw wrong(message, `tensor "${name}" is external data without a location`)
  const where = { tensor: name, label: decoder.label }
  const path = checkLocation(location, where)
  const start = parseCount(external.get('offset') ?? '0', 'offset', where)
  const length = external.get('length')
  if (length !== undefined && parseCount(length, 'length', where) !== byteLength) {
    throw wrong(message, mismatch(fields, dtype, byteLength, `its external data has length ${length}`))
  }
  const source = decoder.externals.get(path)
  if (source === undefined) {
    if (!decoder.missing.has(path)) decoder.missing.set(path, name)
    return { kind: 'opaque', byteLength }
  }
  checkInside(source, name, start, byteLength)
  return { kind: 'span', source, start, byteLength }
}

function checkInside(source: ByteSource, name: string, start: number, byteLength: number): void {
  if (start + byteLength <= source.byteLength) return
  throw new TersorError(
    'E_FORMAT',
    `tensor "${name}" needs bytes ${start} to ${start + byteLength} of ${source.label}, which has ${source.byteLength}`,
    { where: source.label, hint: 'The data file is truncated or belongs to another model.' },
  )
}

function mismatch(fields: TensorFields, dtype: DType, byteLength: number, found: string): string {
  return `tensor "${fields.name}" of shape [${fields.dims}] and type ${dtype} needs ${byteLength} bytes, ${found}`
}
