import type { ByteSource } from '../../bytes/types.ts'
import { asTersorError, TersorError } from '../../errors.ts'
import type { Model } from '../../model/graph.ts'
import type { ContentKind } from './content-kind.ts'
import { contentKind } from './content-kind.ts'
import { decodeModel } from './decode-model.ts'
import { Decoder } from './decoder.ts'
import { WireMessage } from './image.ts'
import { MAX_EXTERNAL_FILES } from './limits.ts'
import { readImage } from './read-image.ts'
import { sniff } from './sniff.ts'

export interface ReadOptions {
  /** Opens a file of external data. The location is a relative path inside the model's folder; links are the opener's to refuse. */
  openExternal?(location: string): Promise<ByteSource>
  readonly signal?: AbortSignal
}

const HEAD_BYTES = 512

/**
 * Reads an ONNX model: structure now, tensors as places in files.
 * @throws E_FORMAT for what is no ONNX model or a damaged one, E_LIMIT for one that asks for too much.
 */
export async function read(source: ByteSource, options: ReadOptions = {}): Promise<Model> {
  const { signal } = options
  const head = await source.read(0, Math.min(HEAD_BYTES, source.byteLength), signal)
  const kind = contentKind(head)
  if (!sniff(head)) throw notOnnx(source.label, kind)
  try {
    return await readModel(source, options)
  } catch (thrown) {
    // Some other files start like protobuf; what they are says more than where they stop being it.
    if (kind !== null && thrown instanceof TersorError && thrown.code === 'E_FORMAT')
      throw notOnnx(source.label, kind, thrown)
    throw thrown
  }
}

async function readModel(source: ByteSource, options: ReadOptions): Promise<Model> {
  const image = await readImage(source, options.signal)
  const message = new WireMessage(image, 0, source.byteLength)
  const first = new Decoder(source.label, new Map())
  const model = decodeModel(message, first)
  if (first.missing.size === 0) return model
  // Structure is small: decoding it again is simpler than tensors whose place is filled in later.
  const externals = await openAll(first, options)
  return decodeModel(message, new Decoder(source.label, externals))
}

function notOnnx(label: string, kind: ContentKind | null, cause?: TersorError): TersorError {
  const found = kind === null ? 'found bytes of no kind that is known here' : `found ${kind.name}`
  return new TersorError('E_FORMAT', `${label}: expected an ONNX model, ${found}`, {
    where: label,
    ...(kind?.hint === undefined ? {} : { hint: kind.hint }),
    ...(cause === undefined ? {} : { cause }),
  })
}

async function openAll(decoder: Decoder, options: ReadOptions): Promise<Map<string, ByteSource>> {
  const { openExternal } = options
  const [location, tensor] = [...decoder.missing][0] as [string, string]
  if (openExternal === undefined) {
    throw new TersorError('E_FORMAT', `${decoder.label}: tensor "${tensor}" is in "${location}", which was not given`, {
      where: decoder.label,
      hint: 'Give the data files together with the model.',
    })
  }
  if (decoder.missing.size > MAX_EXTERNAL_FILES) {
    throw new TersorError('E_LIMIT', `${decoder.label}: the model names more than ${MAX_EXTERNAL_FILES} data files`)
  }
  const externals = new Map<string, ByteSource>()
  for (const [path, owner] of decoder.missing) {
    try {
      externals.set(path, await openExternal(path))
    } catch (thrown) {
      for (const source of externals.values()) await source.close?.()
      throw notOpened(decoder.label, owner, path, thrown)
    }
  }
  return externals
}

function notOpened(label: string, tensor: string, path: string, thrown: unknown): TersorError {
  const error = asTersorError(thrown)
  const code = error.code === 'E_ABORTED' || error.code === 'E_LIMIT' ? error.code : 'E_FORMAT'
  return new TersorError(code, `${label}: tensor "${tensor}" is in "${path}": ${error.message}`, {
    where: error.where ?? label,
    hint: error.hint ?? 'Put the data files of the model into its folder.',
    cause: thrown,
  })
}
