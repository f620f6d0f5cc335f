/**
 * What tools put behind the name of a weight when they store its codes: ours, onnxruntime's and Quark's `_quantized`,
 * and the block formats of onnxruntime and Neural Compressor (`_Q4`, `_Q4G32`, `_DQ_Q4`).
 */
const SUFFIXES = [/\.q(_\d+)?$/, /_quantized$/, /_DQ_Q\d+$/, /_Q\d+(G\d+)?$/, /_Bnb4$/]

/** The name a weight had before its codes were stored under `codes`; undefined when the name shows nothing. */
export function originalName(codes: string): string | undefined {
  for (const suffix of SUFFIXES) {
    const name = codes.replace(suffix, '')
    if (name !== codes && name !== '') return name
  }
  return undefined
}

/** The name of a value or node without what tools put behind it for its codes. */
export function plainName(name: string): string {
  return name.replace(/_quant(ized)?$|_Q\d+(G\d+)?$/, '') || name
}
