import { describe, expect, it } from 'vitest'
import { preprocessOfConfig } from './preprocessor-config.ts'

const read = (config: object) => preprocessOfConfig(JSON.stringify(config), 'c.json')
const picture = (config: object) => read({ image_mean: [0.5], image_std: [0.5], ...config }).picture!

describe('preprocessor_config.json', () => {
  it('sizes as the processors mean them', () => {
    expect(picture({ size: { shortest_edge: 256 }, crop_size: { height: 224, width: 224 } })).toMatchObject({
      resize: { kind: 'short', size: 256 },
      crop: { height: 224, width: 224 },
    })
    expect(picture({ size: { height: 224, width: 200 } }).resize).toEqual({ kind: 'exact', height: 224, width: 200 })
    expect(picture({ size: 224 }).resize).toEqual({ kind: 'exact', height: 224, width: 224 })
    expect(picture({ size: 224, do_center_crop: true, crop_size: 200 })).toMatchObject({
      resize: { kind: 'short', size: 224 },
      crop: { height: 200, width: 200 },
    })
    expect(picture({ size: { shortest_edge: 224 }, crop_pct: 0.875 })).toMatchObject({
      resize: { kind: 'short', size: 256 },
      crop: { height: 224, width: 224 },
    })
    const untouched = picture({ do_resize: false, size: 224, do_center_crop: false, crop_size: 224 })
    expect([untouched.resize, untouched.crop]).toEqual([undefined, undefined])
  })

  it('scale, statistics, filter, order of channels', () => {
    expect(picture({ resample: 3, rescale_factor: 0.5, do_flip_channel_order: true })).toEqual({
      resample: 'bicubic',
      scale: 0.5,
      mean: [0.5],
      std: [0.5],
      channels: 'bgr',
    })
    expect(picture({ do_rescale: false, do_normalize: false })).toMatchObject({ scale: 1, mean: [0], std: [1] })
  })

  it('sounds of wav2vec', () => {
    const config = { feature_extractor_type: 'Wav2Vec2FeatureExtractor', sampling_rate: 16000, do_normalize: true }
    expect(read(config).sound).toEqual({ rate: 16000, standardize: true })
  })

  it.each([
    ['no JSON', 'x', 'E_FORMAT', 'is not JSON'],
    ['another file', '{"model_type": "bert"}', 'E_FORMAT', 'expected a preprocessor_config.json'],
    ['a list', '[1]', 'E_FORMAT', 'expected'],
    ['a wrong type', '{"do_resize": "yes"}', 'E_FORMAT', '"do_resize"'],
    ['a size of nothing', '{"size": 0}', 'E_FORMAT', '"size"'],
    ['a std of nothing', '{"image_mean": 1, "image_std": 0}', 'E_FORMAT', 'image_std holds 0'],
    ['a longest edge', '{"size": {"longest_edge": 800}}', 'E_UNSUPPORTED', 'longest edge'],
    ['other sounds', '{"feature_extractor_type": "X", "sampling_rate": 16000}', 'E_UNSUPPORTED', '"X"'],
  ])('%s is refused', (_, text, code, message) => {
    expect(() => preprocessOfConfig(text, 'c.json')).toThrow(expect.objectContaining({ code }))
    expect(() => preprocessOfConfig(text, 'c.json')).toThrow(message)
  })
})
