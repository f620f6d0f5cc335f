/** Rows of language-bars.mjs: `words` of the command line, `bytes` and `most` at most, `least` at least, `change` against float, by the judge's figures. */
const STORIES = { judge: 'stories', path: 'llm/stories260K.onnx' }
const MINILM = { judge: 'minilm', path: 'minilm/model.onnx' }
const KWT = { judge: 'kwt', path: 'kws/kwt1_mfcc.onnx', least: { agree: 98.5 } }
const STS = { judge: 'sts', path: 'sts-encoder/model.onnx' }
const PRESETS = ['int8', 'int8-weights', 'fp16-weights', 'bf16-weights', 'fp16', 'q8', 'uint8']
const FOUR_BITS = ['int4-weights', 'q4', 'q4f16']

export const ROWS = [
  { ...STORIES, name: 'stories-4-free', words: ['--to', 'int4-weights'], bits: 4, bytes: 262_000, most: { kl: 0.072 } },
  {
    ...STORIES,
    name: 'stories-4-data',
    words: ['--to', 'int4-weights'],
    calib: 'stories',
    bits: 4,
    bytes: 262_000,
    most: { kl: 0.055 },
  },
  {
    ...STORIES,
    name: 'stories-mixed',
    verb: 'search',
    words: ['--budget', '300kB'],
    calib: 'stories',
    bytes: 300_000,
    most: { kl: 0.022 },
  },
  { ...STORIES, name: 'stories-8', words: ['--to', 'int8-weights'], bytes: 345_000, most: { kl: 0.0005 } },
  {
    ...STORIES,
    name: 'stories-2',
    words: ['--to', 'int2-weights'],
    calib: 'stories',
    bits: 2,
    bytes: 225_000,
    most: { ppl: 38 },
  },
  { ...MINILM, name: 'minilm-8', words: ['--to', 'int8-weights'], bytes: 23_000_000, least: { cos: 0.9998 } },
  { ...MINILM, name: 'minilm-int8', words: ['--to', 'int8'], bytes: 23_100_000, least: { cos: 0.998, cosmin: 0.99 } },
  {
    ...MINILM,
    name: 'minilm-4',
    words: ['--to', 'int4-weights'],
    calib: 'sick',
    bits: 4,
    bytes: 19_400_000,
    least: { cos: 0.995 },
  },
  {
    ...MINILM,
    name: 'minilm-4-everywhere',
    words: ['--to', 'int4-weights', '--rule', 'op:Gather=int4-block32-asym-f16'],
    calib: 'sick',
    bits: 4,
    bytes: 14_700_000,
    least: { cos: 0.989 },
  },
  {
    ...MINILM,
    name: 'minilm-2',
    words: ['--to', 'int2-weights'],
    calib: 'sick',
    bits: 2,
    bytes: 16_500_000,
    least: { cos: 0.9 },
  },
  {
    ...MINILM,
    name: 'minilm-mixed',
    verb: 'search',
    words: ['--budget', '12MB'],
    calib: 'sick',
    bytes: 12_000_000,
    least: { cos: 0.975 },
  },
  // Every preset, those of 2 bits too.
  ...[...PRESETS, ...FOUR_BITS, 'bnb4', 'int2-weights'].map((to) => ({
    ...KWT,
    name: `kwt-${to}`,
    words: ['--to', to],
  })),
  ...[...FOUR_BITS, 'bnb4', 'int2-weights'].map((to) => ({
    ...KWT,
    name: `kwt-${to}-data`,
    words: ['--to', to],
    calib: 'kws/espeak_calib.npz',
  })),
  ...PRESETS.map((to) => ({ ...STS, name: `sts-${to}`, words: ['--to', to], change: { P: 0.002 } })),
  ...FOUR_BITS.map((to) => ({ ...STS, name: `sts-${to}`, words: ['--to', to], change: { P: 0.006 } })),
]
