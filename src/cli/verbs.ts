/** The verbs that exist. A verb of the contract that does not exist yet is not listed; see `LATER_VERBS`. */
export type Verb =
  | 'inspect'
  | 'quantize'
  | 'plan'
  | 'search'
  | 'compare'
  | 'variants'
  | 'dequantize'
  | 'explain'
  | 'demo'

export interface VerbSpec {
  readonly verb: Verb
  /** One line for the list of verbs. */
  readonly about: string
  /** Names of the positional arguments; all are required. */
  readonly positionals: readonly string[]
  /** Works as pasted in a folder that holds the named file. */
  readonly example: string
  readonly notes?: readonly string[]
}

export const VERBS: readonly VerbSpec[] = [
  {
    verb: 'inspect',
    about: 'what is in a model, where its bytes are, what could be quantized and why not',
    positionals: ['MODEL'],
    example: 'tersor inspect model.onnx',
  },
  {
    verb: 'quantize',
    about: 'make a smaller model and prove on onnxruntime that it still works',
    positionals: ['MODEL'],
    example: 'tersor quantize model.onnx --to int8 --report report.html',
    notes: [
      'Without --eval or --calib the proof runs on synthetic inputs, and every figure made with them says so.',
      'A rule names tensors or nodes and what they become; later rules win:',
      "  --rule 'glob:*/lm_head/*=int8-weights' --rule 'op:Gather=keep' --rule 'last:1=keep'",
      'Instead of a model: arrays in an .npy or .npz, or a picture, to codes in an .npz that numpy reads, too:',
      '  tersor quantize embeddings.npy --to int8-row --recall',
    ],
  },
  {
    verb: 'plan',
    about: 'every decision with its reason and the exact output bytes; runs nothing',
    positionals: ['MODEL'],
    example: 'tersor plan model.onnx --to int4-weights',
  },
  {
    verb: 'search',
    about: 'precision tensor by tensor: the best file under --budget, or the smallest under --max-loss',
    positionals: ['MODEL'],
    example: 'tersor search model.onnx --budget 12MB',
    notes: [
      'Groups of tensors are tried at every width that the target has kernels for; --calib DATA says what matters.',
      'Beside OUT it writes OUT.recipe.json, which quantize --recipe makes the same file of.',
    ],
  },
  {
    verb: 'compare',
    about: 'the same inputs through two models, and their weights; worst first',
    positionals: ['A', 'B'],
    example: 'tersor compare model.onnx model.int8.onnx',
    notes: ['With --min-cosine, --min-agreement, --max-kl or --max-loss the exit code is 5 when the figure is missed.'],
  },
  {
    verb: 'variants',
    about: 'a folder as transformers.js loads it: several forms of one model, with a model card',
    positionals: ['MODEL'],
    example: 'tersor variants model.onnx -o model-variants',
    notes: [
      'MODEL is an .onnx file, or a folder in Hugging Face layout, also of several parts such as',
      'encoder_model and decoder_model_merged. Configuration, tokenizer and licence are copied,',
      'config.json and README.md brought up to date.',
    ],
  },
  {
    verb: 'dequantize',
    about: 'back to plain float',
    positionals: ['MODEL'],
    example: 'tersor dequantize model.int8.onnx -o model.float.onnx',
    notes: ['Also an .npz of arrays that quantize wrote: tersor dequantize embeddings.int8-row.npz'],
  },
  {
    verb: 'explain',
    about: 'the steps of quantization on numbers, from levels to codes and back, with their errors',
    positionals: [],
    example: 'tersor explain --values 0.1,-0.7,2,1.25 --bits 3',
    notes: [
      'Without --values and --tensor it takes 1000 random numbers. A list that starts with a dash is written with =:',
      '  --values=-1,0.5,2 --range=-2,2',
    ],
  },
  {
    verb: 'demo',
    about: 'the whole job on the bundled digit classifier, judged on real pictures',
    positionals: [],
    example: 'tersor demo -o tersor-demo',
  },
]

/** In the contract, not in this version: named in errors, never listed. */
export const LATER_VERBS: readonly string[] = ['check', 'bench', 'gate', 'verify', 'batch', 'serve', 'ui']
