import { describe, expect, it } from 'vitest'
import { configFor } from './config.ts'
import { dtypesOf, makingsOf, partOf, usualSet } from './dtypes.ts'
import { loadingNotes, requireParts } from './parts.ts'

describe('names of transformers.js', () => {
  it('a file is a part in a form', () => {
    expect(partOf('model_q4f16.onnx')).toEqual({ part: 'model', suffix: '_q4f16' })
    expect(partOf('decoder_model_merged_quantized.onnx')).toEqual({
      part: 'decoder_model_merged',
      suffix: '_quantized',
    })
    expect(partOf('encoder_model.onnx')).toEqual({ part: 'encoder_model', suffix: '' })
  })

  it('a set is checked before any work', () => {
    const known = ['int8', 'q4']
    expect(dtypesOf('q8, q4,q8', known).map(({ name, suffix }) => [name, suffix])).toEqual([
      ['q8', '_quantized'],
      ['q4', '_q4'],
    ])
    expect(dtypesOf('fp32,q8', known).map((dtype) => makingsOf(dtype, known))).toEqual([null, [{ to: 'int8' }]])
    const unsigned = dtypesOf('uint8', ['uint8']).flatMap((dtype) => makingsOf(dtype, ['uint8']) ?? [])
    expect(unsigned.map(({ to }) => to)).toEqual(['uint8', 'int8-channel-asym'])
    expect(() => dtypesOf('uint8', known)).toThrow('not made by this version')
    expect(() => dtypesOf('q5', known)).toThrow(/"q5" is no name that transformers.js has/)
    expect(() => dtypesOf('q4,q1', known)).toThrow('the variant "q1" is not made by this version')
    expect(() => dtypesOf(' ,', known)).toThrow('names no variant')
    expect(usualSet(known)).toBe('q8,q4')
    expect(usualSet([...known, 'fp16', 'q4f16', 'q8'])).toBe('q8,fp16,q4,q4f16')
  })
})

describe('config.json', () => {
  const file = (name: string, dtype: string, chunks = 0) => ({ name, dtype, chunks })

  it('says what has data files, in how many chunks, and what to load where the usual file is missing', () => {
    const config = {
      model_type: 'bert',
      'transformers.js_config': { use_external_data_format: true, free_dimension_overrides: { n: 1 } },
    }
    const both = [file('model.onnx', 'fp32', 2), file('model_quantized.onnx', 'q8', 1)]
    expect(configFor(config, both)).toEqual({
      model_type: 'bert',
      'transformers.js_config': {
        free_dimension_overrides: { n: 1 },
        use_external_data_format: { 'model.onnx': 2, 'model_quantized.onnx': true },
      },
    })
    expect(configFor({}, [file('model_q4.onnx', 'q4'), file('model_fp16.onnx', 'fp16')])).toEqual({
      'transformers.js_config': { dtype: 'fp16' },
    })
    expect(configFor({ a: 1 }, [file('model.onnx', 'fp32'), file('model_quantized.onnx', 'q8')])).toEqual({ a: 1 })
  })

  it('keeps a choice that is still there', () => {
    const chosen = (dtype: string) => ({ 'transformers.js_config': { dtype } })
    const files = [file('model_q4.onnx', 'q4'), file('model_quantized.onnx', 'q8')]
    expect(configFor(chosen('q4'), files)).toEqual(chosen('q4'))
    expect(configFor(chosen('fp16'), files)).toEqual(chosen('q8'))
  })
})

describe('parts that belong together', () => {
  const paired = { is_encoder_decoder: true }

  it.each([
    [['encoder_model'], paired, 'encoder_model.onnx, which needs decoder_model_merged.onnx or decoder_model.onnx'],
    [['decoder_model_merged'], paired, 'decoder_model_merged.onnx, which needs encoder_model.onnx'],
    [['decoder_with_past_model'], {}, 'decoder_with_past_model.onnx, which needs decoder_model.onnx'],
    [['embed_tokens', 'vision_encoder'], {}, 'embed_tokens.onnx, which needs decoder_model_merged.onnx'],
    [['prompt_encoder_mask_decoder'], {}, 'which needs vision_encoder.onnx'],
  ])('%s alone is refused', (parts, config, message) => {
    expect(() => requireParts(parts, config, 'dir')).toThrow(message)
  })

  it.each([
    [['model'], {}],
    [['encoder_model'], {}],
    [['encoder_model', 'decoder_model_merged'], paired],
    [['decoder_model_merged', 'embed_tokens', 'vision_encoder'], {}],
    [['text_model', 'vision_model'], {}],
  ])('%s is whole', (parts, config) => {
    expect(() => requireParts(parts, config, 'dir')).not.toThrow()
  })

  it('what transformers.js does not find by itself is said', () => {
    expect(loadingNotes(['encoder_model', 'decoder_model'], paired)[0]).toContain('loads decoder_model_merged.onnx')
    expect(loadingNotes(['decoder_model_merged'], {})[0]).toContain("model_file_name: 'decoder_model_merged'")
    expect(loadingNotes(['model'], {})).toEqual([])
  })
})
