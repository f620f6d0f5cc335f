import type { Verb } from './verbs.ts'

/** How the text after a flag is read. 'switch' takes none; 'name' is one of `choices`; 'path' and 'text' are taken as they are. */
export type FlagKind = 'switch' | 'text' | 'path' | 'name' | 'count' | 'bytes' | 'ratio'

export interface FlagSpec {
  readonly name: string
  readonly short?: string
  readonly kind: FlagKind
  /** What stands for the value in help. */
  readonly value?: string
  readonly repeatable?: true
  /** All that `name` accepts now. */
  readonly choices?: readonly string[]
  /** Files that are accepted besides. */
  readonly ending?: RegExp
  readonly verbs: readonly Verb[]
  readonly about: string
  /** Where the flag means something else for one verb. */
  readonly aboutFor?: Readonly<Partial<Record<Verb, string>>>
  readonly kindFor?: Readonly<Partial<Record<Verb, FlagKind>>>
  readonly valueFor?: Readonly<Partial<Record<Verb, string>>>
  /** Set when the whole flag belongs to a later version: it is refused and not listed. */
  readonly later?: string
}

const EVERY: readonly Verb[] = [
  'inspect',
  'quantize',
  'plan',
  'search',
  'compare',
  'variants',
  'dequantize',
  'explain',
  'demo',
]
const DECIDING: readonly Verb[] = ['quantize', 'plan', 'search']
const JUDGING: readonly Verb[] = ['quantize', 'search', 'compare', 'variants']
const WRITING: readonly Verb[] = ['quantize', 'plan', 'search', 'variants', 'dequantize', 'demo']
const FORCED: readonly Verb[] = [...WRITING, 'compare', 'explain']
const RUNNING: readonly Verb[] = ['quantize', 'search', 'compare', 'variants', 'dequantize', 'demo']

/** Order is the order of help. */
export const FLAGS: readonly FlagSpec[] = [
  {
    name: 'output',
    short: 'o',
    kind: 'path',
    value: 'OUT',
    verbs: WRITING,
    about: 'where to write; default beside the input, named after what was chosen',
    aboutFor: {
      plan: 'write the plan as a recipe',
      demo: 'folder to write to (default tersor-demo)',
      variants: 'folder to write; default beside the input',
      dequantize: 'where to write; default beside the input',
    },
  },
  {
    name: 'to',
    kind: 'text',
    value: 'WHAT',
    verbs: ['quantize', 'plan', 'demo'],
    about:
      'preset or scheme id: auto (default), int8, int8-weights, int4-weights, int2-weights, fp16, fp16-weights, bf16-weights, q8, uint8, q4, q4f16, q2, q2f16, bnb4, int4-block32-sym-f16, nf4-block64, ternary-block128 ...',
  },
  {
    name: 'io',
    kind: 'name',
    value: 'keep|fp16',
    choices: ['keep', 'fp16'],
    verbs: DECIDING,
    about: 'fp16, q4f16: types of inputs and outputs: as they are (default), or f16 where they were f32',
  },
  {
    name: 'set',
    kind: 'text',
    value: 'NAME[,NAME]',
    verbs: ['variants'],
    about:
      'which forms, by the names of transformers.js: fp32, fp16, q8, int8, uint8, q4, q4f16, q2, q2f16, bnb4 (default q8,fp16,q4,q4f16)',
  },
  {
    name: 'target',
    kind: 'text',
    value: 'T[,T]',
    verbs: ['inspect', 'quantize', 'plan', 'search', 'variants'],
    about: 'where it must run: ort (default), ort-node-cpu, ort-web-wasm, ort-web-webgpu',
  },
  {
    name: 'rule',
    kind: 'text',
    value: 'PATTERN=WHAT',
    repeatable: true,
    verbs: DECIDING,
    about: 'for tensors or nodes that match: a name, glob:, re:, op:, first:, last:, from:, to:',
  },
  {
    name: 'recipe',
    kind: 'path',
    value: 'FILE',
    verbs: DECIDING,
    about: 'rules and options as JSON; flags override it',
  },
  {
    name: 'values',
    kind: 'text',
    value: '1,2,3|FILE',
    verbs: ['explain'],
    about: 'the numbers: a list, a .npy, or a text file with one number a line',
  },
  {
    name: 'tensor',
    kind: 'text',
    value: 'MODEL:NAME',
    verbs: ['explain'],
    about: 'a weight of a model instead; quantized ones are decoded first',
  },
  { name: 'bits', kind: 'count', value: 'N', verbs: ['explain'], about: '2^N levels, 1 to 16 (default 8)' },
  { name: 'levels', kind: 'count', value: 'N', verbs: ['explain'], about: 'any number of levels from 2 instead' },
  {
    name: 'range',
    kind: 'text',
    value: 'MIN,MAX',
    verbs: ['explain'],
    about: 'ends of the levels; default the least and the largest value',
  },
  {
    name: 'rounding',
    kind: 'name',
    value: 'MODE',
    choices: ['half-even', 'half-away', 'floor', 'truncate', 'stochastic'],
    verbs: ['explain'],
    about: 'how numbers between two levels become codes: half-even (default), half-away, floor, truncate, stochastic',
  },
  {
    name: 'lang',
    kind: 'name',
    value: 'en|zh',
    choices: ['en', 'zh'],
    verbs: ['explain'],
    about: 'language of the text and of the report: en (default), zh',
  },
  {
    name: 'solver',
    kind: 'name',
    value: 'NAME',
    choices: ['nearest', 'search', 'hqq', 'gptq', 'adaround', 'products'],
    verbs: DECIDING,
    about:
      'how codes are chosen: nearest, search, hqq (few large errors for many small ones); gptq, by what weights do to --calib (default with it); int8-static also: adaround, learned from the data; arrays also: products',
  },
  {
    name: 'lowering',
    kind: 'text',
    value: 'FORM',
    verbs: DECIDING,
    about:
      'prefer one form wherever it fits, such as matmul-nbits, dequantize, expand, lookup; of int8-static: onnx/qdq, onnx/qoperator',
  },
  {
    name: 'attempts',
    kind: 'count',
    value: 'N',
    verbs: ['quantize', 'variants'],
    about: 'how often a refused result is tried again with more precision, the first included (default 6)',
  },
  {
    name: 'calib',
    kind: 'path',
    value: 'PATH',
    verbs: JUDGING,
    about:
      'data: pictures, sounds, texts, .npy or .npz, as a file or a folder; test_data_set_* folders; a module of feeds (.mjs)',
  },
  {
    name: 'calibrator',
    kind: 'name',
    value: 'NAME',
    choices: ['minmax', 'moving', 'percentile', 'aciq', 'entropy', 'mse', 'sqnr'],
    verbs: ['quantize'],
    about: 'int8-static: how ranges of activations are found (default percentile, of 99.999 %)',
  },
  {
    name: 'transform',
    kind: 'text',
    value: 'NAME[,NAME]',
    verbs: ['quantize'],
    about:
      'changes before that keep the function. int8-static: auto (default: what brings the outputs nearer), none, equalize, equalize-weights, split; with --calib: smooth (default), none of int8, awq of weights alone; of weights, with data or without: low-rank, low-rank=RANK, low-rank=SHARE% (corrections behind the codes); of 8 bits and fewer: rotate (Hadamard rotations of residual stream and attention, in front of the others)',
  },
  {
    name: 'statistics',
    kind: 'path',
    value: 'FILE',
    verbs: ['quantize'],
    about:
      'int8-static, and weights found on data: what was seen of the data and found by it; written, or used where FILE exists (the same bytes, nothing is run)',
  },
  {
    name: 'table',
    kind: 'path',
    value: 'FILE',
    verbs: ['quantize'],
    about: 'int8-static: the ranges for another tool: NAME.table for ncnn2int8, NAME.json for onnxruntime in Python',
  },
  {
    name: 'eval',
    kind: 'path',
    value: 'PATH',
    verbs: JUDGING,
    about: 'data to judge on; without it a part of --calib, else synthetic inputs',
  },
  {
    name: 'labels',
    kind: 'path',
    value: 'FILE',
    verbs: JUDGING,
    about:
      'CSV `index,label` or `file,label` for --eval (or --calib); `name`: the file name up to its first _; `folder`: the folder a file is in',
  },
  {
    name: 'classes',
    kind: 'path',
    value: 'FILE',
    verbs: JUDGING,
    about:
      'what labels mean that are words: the classes of the model, one a line; default the words of the data, sorted',
  },
  {
    name: 'preprocess',
    kind: 'text',
    value: 'WHAT',
    verbs: JUDGING,
    about:
      'pictures: imagenet, tf, unit, raw, a preprocessor_config.json, or keys (tf,crop=224; resize=256,scale=1/255,mean=0.5); sounds: wave, stft, logmel, mfcc and keys',
  },
  {
    name: 'tokenizer',
    kind: 'path',
    value: 'FILE',
    verbs: JUDGING,
    about: 'tokenizer.json for texts; default the one beside the model',
  },
  {
    name: 'context',
    kind: 'count',
    value: 'N',
    verbs: JUDGING,
    about: 'texts are joined and cut into windows of N tokens, special ones included; default a line each',
  },
  {
    name: 'stride',
    kind: 'count',
    value: 'N',
    verbs: JUDGING,
    about: 'with --context: tokens from one window to the next, those before only read; default no token twice',
  },
  {
    name: 'float-outputs',
    kind: 'path',
    value: 'FILE',
    verbs: JUDGING,
    about: 'what the float model answers: read where FILE exists, so that it is not run again, else written',
  },
  {
    name: 'metric',
    kind: 'name',
    value: 'NAME|FILE.mjs',
    choices: ['top1', 'cosine', 'kl', 'snr', 'psnr', 'ssim', 'bits', 'boxes'],
    ending: /\.m?js$/,
    verbs: JUDGING,
    about:
      'how outputs are judged: top1, cosine, kl, snr, psnr, ssim, bits, boxes, or a module that gives a number for outputs, sample and label; default by kind of output',
  },
  {
    name: 'samples',
    kind: 'count',
    value: 'N',
    verbs: JUDGING,
    about: 'at most N samples, evenly spread (default 128)',
  },
  {
    name: 'skip-bad',
    kind: 'switch',
    verbs: JUDGING,
    about: 'leave out samples that cannot be read; they are counted',
  },
  { name: 'min-cosine', kind: 'ratio', value: 'X', verbs: JUDGING, about: 'threshold of the verdict' },
  {
    name: 'min-agreement',
    kind: 'ratio',
    value: 'X',
    verbs: JUDGING,
    about: 'threshold of the verdict: share of equal top-1 answers',
  },
  {
    name: 'max-kl',
    kind: 'ratio',
    value: 'X',
    verbs: JUDGING,
    about: 'threshold of the verdict: mean KL divergence, nats',
  },
  {
    name: 'max-loss',
    kind: 'ratio',
    value: 'X',
    verbs: JUDGING,
    about: 'threshold of the verdict: largest drop of the metric against float',
    aboutFor: {
      search: 'instead of --budget: the smallest result that loses no more of the metric against float, such as 1%',
    },
  },
  {
    name: 'no-verify',
    kind: 'switch',
    verbs: ['quantize', 'dequantize', 'search', 'variants'],
    about: 'skip the proof; the result says so',
  },
  {
    name: 'force',
    kind: 'switch',
    verbs: FORCED,
    about: 'write although the file exists or the verdict is refused',
    aboutFor: {
      explain: 'replace a report that exists',
      variants: 'write into a folder that has files, and what is refused too',
    },
  },
  { name: 'dry-run', kind: 'switch', verbs: ['quantize'], about: 'the same as the verb `plan`' },
  {
    name: 'shard-size',
    kind: 'bytes',
    value: 'BYTES',
    verbs: ['quantize', 'plan', 'dequantize', 'search', 'variants'],
    about: 'size of external data files, such as 1900MB',
  },
  {
    name: 'compressed',
    kind: 'switch',
    verbs: ['quantize', 'search', 'variants'],
    about: 'also measure gzip and brotli sizes (slow)',
    aboutFor: { variants: 'also measure gzip and brotli sizes of files above 512 MiB' },
  },
  {
    name: 'threads',
    kind: 'count',
    value: 'N',
    verbs: RUNNING,
    about: 'default all cores; changes no byte of the output',
  },
  {
    name: 'max-memory',
    kind: 'bytes',
    value: 'BYTES',
    verbs: RUNNING,
    about: 'such as 2GB; default no limit; changes no byte of the output',
  },
  {
    name: 'seed',
    kind: 'count',
    value: 'N',
    verbs: [...JUDGING, 'explain'],
    about: 'for synthetic inputs (default 0)',
    aboutFor: { explain: 'for random numbers, stochastic rounding and what is held out (default 0)' },
  },
  {
    name: 'budget',
    kind: 'ratio',
    value: 'BITS',
    verbs: ['quantize', 'search'],
    about: 'arrays: bits a value may take; every family of schemes is tried, the least error wins',
    kindFor: { search: 'bytes' },
    valueFor: { search: 'BYTES' },
    aboutFor: { search: 'how large all files of the result may be, such as 12MB' },
  },
  {
    name: 'effort',
    kind: 'name',
    value: 'HOW',
    choices: ['fast', 'default', 'best'],
    verbs: ['quantize', 'search'],
    about:
      'int8-static: fast is one pass, default refines weights by their products, best also tries ranges one by one; weights fitted to --calib: fast learns nothing, best for ten minutes, without --calib on texts that a decoder writes itself; arrays: fast is a formula, best the least error',
  },
  {
    name: 'importance',
    kind: 'path',
    value: 'F.npy',
    verbs: ['quantize'],
    about: 'arrays: weights of squared errors, one per value or per index of the last dimension',
  },
  {
    name: 'recall',
    kind: 'switch',
    verbs: ['quantize'],
    about: 'arrays: what a search over the rows finds, at 1, 10 and 100, against float',
  },
  {
    name: 'rescore',
    kind: 'text',
    value: 'SCHEME',
    verbs: ['quantize'],
    about: 'arrays, with --recall: a second, finer code that ranks what the first one finds',
  },
  {
    name: 'candidates',
    kind: 'count',
    value: 'N',
    verbs: ['quantize'],
    about: 'arrays, with --rescore: candidates for each wanted row (default 4)',
  },
  {
    name: 'report',
    kind: 'path',
    value: 'F.html',
    verbs: ['quantize', 'plan', 'compare', 'explain', 'search'],
    about: 'a picture report: one file, works offline',
  },
  {
    name: 'manifest',
    kind: 'path',
    value: 'F.json',
    verbs: ['quantize', 'dequantize', 'search'],
    about: 'provenance: hashes, options, decisions, figures',
  },
  { name: 'json', kind: 'switch', verbs: EVERY, about: 'one JSON object on stdout and nothing else there' },
  { name: 'quiet', short: 'q', kind: 'switch', verbs: EVERY, about: 'no progress' },
  {
    name: 'verbose',
    short: 'v',
    kind: 'switch',
    verbs: EVERY,
    about: 'list everything instead of the worst; stack traces of our own bugs',
  },
  { name: 'no-color', kind: 'switch', verbs: EVERY, about: 'plain text (also the variable NO_COLOR)' },
  { name: 'help', short: 'h', kind: 'switch', verbs: EVERY, about: 'this text' },
]

export const flagNamed = (name: string): FlagSpec | undefined => FLAGS.find((flag) => flag.name === name)
export const flagsOf = (verb: Verb): readonly FlagSpec[] =>
  FLAGS.filter((flag) => flag.later === undefined && flag.verbs.includes(verb))
