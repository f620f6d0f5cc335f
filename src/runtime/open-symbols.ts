import type { SessionInput } from '../model/runtime.ts'

/** Names that exporters and people give to every size they leave open. */
const PLACEHOLDER = /^(\?|-1|none|null|any|auto|unknown|unk|undefined|dyn(amic)?(_?(dim|axis|size))?)$/i

/**
 * Inputs whose symbols mean a size: one that says only "open" is no symbol (null), and neither is one that stands twice in one shape
 * and in no other input. onnxruntime takes different sizes there.
 */
export function withoutPlaceholders(inputs: readonly SessionInput[]): readonly SessionInput[] {
  const used = new Map<string, number>()
  for (const { shape } of inputs) {
    for (const size of new Set(shape)) if (typeof size === 'string') used.set(size, (used.get(size) ?? 0) + 1)
  }
  const says = (size: SessionInput['shape'][number], shape: SessionInput['shape']): boolean =>
    typeof size !== 'string' ||
    (!PLACEHOLDER.test(size) && (used.get(size) !== 1 || shape.filter((other) => other === size).length === 1))
  return inputs.map((input) => ({
    ...input,
    shape: input.shape.map((size) => (says(size, input.shape) ? size : null)),
  }))
}
