/** What a file of the folder is, for `config.json`. */
export interface WrittenFile {
  /** Without folder: `model_q4.onnx`. */
  readonly name: string
  readonly dtype: string
  /** Files of external data beside it. */
  readonly chunks: number
}

type Json = Readonly<Record<string, unknown>>

/** Loaded where nobody says what: on wasm `q8`, elsewhere `fp32`. */
const BY_DEFAULT = ['q8', 'fp32']
/** What to name instead, best first. */
const PREFERRED = ['q8', 'fp32', 'int8', 'uint8', 'fp16', 'q4', 'q4f16', 'bnb4', 'q2', 'q2f16']

/**
 * `config.json` for the new folder: the same, with `transformers.js_config` telling which files have external data and in how many
 * chunks, and, where a file that would be loaded by default is not there, which to load.
 */
export function configFor(config: Json, files: readonly WrittenFile[]): Json {
  const key = 'transformers.js_config'
  const before = isObject(config[key]) ? config[key] : {}
  const { use_external_data_format: _old, dtype: saidBefore, ...kept } = before
  const external = Object.fromEntries(
    files.filter(({ chunks }) => chunks > 0).map(({ name, chunks }) => [name, chunks === 1 ? true : chunks]),
  )
  const has = (dtype: unknown) => files.some((file) => file.dtype === dtype)
  const missing = BY_DEFAULT.some((dtype) => !has(dtype))
  const dtype =
    typeof saidBefore === 'string' && has(saidBefore) ? saidBefore : missing ? PREFERRED.find(has) : undefined
  const custom = {
    ...kept,
    ...(dtype === undefined ? {} : { dtype }),
    ...(Object.keys(external).length === 0 ? {} : { use_external_data_format: external }),
  }
  const { [key]: _custom, ...rest } = config
  return Object.keys(custom).length === 0 ? rest : { ...rest, [key]: custom }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
