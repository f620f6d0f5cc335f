import { TersorError } from '../../errors.ts'

/** What a model of several parts needs besides a part that is there. `any`: one of them. */
const NEEDS: readonly {
  readonly part: RegExp
  readonly any: readonly string[]
  /** Only where the configuration says that there is an encoder and a decoder. */
  readonly paired?: true
}[] = [
  { part: /^encoder_model$/, any: ['decoder_model_merged', 'decoder_model'], paired: true },
  {
    part: /^decoder_(with_past_)?model(_merged)?$/,
    any: ['encoder_model', 'text_encoder', 'vision_encoder', 'audio_encoder'],
    paired: true,
  },
  { part: /^decoder_with_past_model$/, any: ['decoder_model', 'decoder_model_merged'] },
  { part: /^embed_tokens$/, any: ['decoder_model_merged', 'decoder_model', 'model', 'language_model'] },
  { part: /^prompt_encoder_mask_decoder$/, any: ['vision_encoder'] },
]

/** E_FORMAT when a folder of several parts lacks one that the others need. */
export function requireParts(parts: readonly string[], config: Readonly<Record<string, unknown>>, where: string): void {
  const paired = config.is_encoder_decoder === true
  for (const { part, any, paired: onlyPaired } of NEEDS) {
    const found = parts.find((name) => part.test(name))
    if (found === undefined || (onlyPaired === true && !paired) || any.some((name) => parts.includes(name))) continue
    const missing = any.map((name) => `${name}.onnx`).join(' or ')
    throw new TersorError('E_FORMAT', `${where}: has ${found}.onnx, which needs ${missing}, and there is none`, {
      where,
      hint: `found ${parts.map((name) => `${name}.onnx`).join(', ')}; export the whole model, or give one file instead of the folder`,
    })
  }
}

/** What transformers.js will not find by itself, in words. */
export function loadingNotes(parts: readonly string[], config: Readonly<Record<string, unknown>>): readonly string[] {
  const paired = config.is_encoder_decoder === true
  if (paired && parts.includes('decoder_model') && !parts.includes('decoder_model_merged'))
    return ['transformers.js 4 loads decoder_model_merged.onnx of such a model, and there is only decoder_model.onnx']
  const [only] = parts
  if (parts.length === 1 && only !== undefined && only !== 'model')
    return [`transformers.js loads model.onnx unless it is told otherwise: give { model_file_name: '${only}' }`]
  return []
}
