import type { ByteSource } from '../bytes/types.ts'
import { TersorError } from '../errors.ts'
import { contentKind, read, sniff } from '../formats/onnx/index.ts'
import { checkGraph } from '../graph/index.ts'
import type { Model } from '../model/graph.ts'

export interface Loaded {
  readonly model: Model
  readonly source: ByteSource
  readonly warnings: readonly string[]
}

/**
 * Header and graph of a model; tensors stay in the file. Throws E_FORMAT for what is no ONNX model, with what it looks like
 * instead, and for graphs no runtime can execute (cycles, missing inputs, names written twice).
 */
export async function load(
  source: ByteSource,
  openExternal: ((location: string) => Promise<ByteSource>) | undefined,
  signal?: AbortSignal,
): Promise<Loaded> {
  const head = await source.read(0, Math.min(512, source.byteLength), signal)
  if (!sniff(head)) {
    const kind = contentKind(head)
    throw new TersorError(
      'E_FORMAT',
      `"${source.label}" is not an ONNX model${kind ? `; it looks like ${kind.name}` : ''}`,
      {
        where: source.label,
        hint: kind?.hint ?? 'give the path of an .onnx file',
      },
    )
  }
  const model = await read(source, { ...(openExternal ? { openExternal } : {}), ...(signal ? { signal } : {}) })
  const checked = checkGraph(model)
  return { model: checked.model, source, warnings: checked.warnings }
}
