import type { ByteSource } from '../bytes/types.ts'
import type { DType } from './dtype.ts'

/** What a format keeps to write an unchanged thing back byte for byte. Only that format looks inside. */
export type Carrier = unknown

/** A dimension: a number, a symbol, or unknown. */
export type Dimension = number | string | null

export interface ValueInfo {
  readonly name: string
  /** Absent for sequences, maps, optionals and untyped values. */
  readonly dtype?: DType
  /** Absent when the rank is unknown. */
  readonly shape?: readonly Dimension[]
  readonly carrier?: Carrier
}

/** Where the elements of a tensor are. All are little-endian, packed, row-major (as ONNX `raw_data`). */
export type TensorStorage =
  /** A run of bytes in a file: inline raw data or external data. */
  | { readonly kind: 'span'; readonly source: ByteSource; readonly start: number; readonly byteLength: number }
  /** In memory. */
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly byteLength: number }
  /** Needs decoding by the format that read it (typed data fields); small by limit. */
  | { readonly kind: 'field'; readonly byteLength: number; load(): Promise<Uint8Array> }
  /** Does not exist yet: the pipeline produces it while the file is written. */
  | { readonly kind: 'produced'; readonly byteLength: number }
  /** Cannot be read as plain elements (strings). Written back through its carrier. */
  | { readonly kind: 'opaque'; readonly byteLength: number }

export interface TensorRef {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly storage: TensorStorage
  readonly carrier?: Carrier
}

export type Attribute = { readonly name: string; readonly carrier?: Carrier } & (
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'int'; readonly value: number | bigint }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: TensorRef }
  | { readonly kind: 'graph'; readonly value: Graph }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'ints'; readonly value: readonly (number | bigint)[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensors'; readonly value: readonly TensorRef[] }
  | { readonly kind: 'graphs'; readonly value: readonly Graph[] }
  /** Refers to an attribute of the enclosing function; the value is that name. */
  | { readonly kind: 'ref'; readonly value: string }
  /** Sparse tensors, type protos and what later versions add: kept, not understood. */
  | { readonly kind: 'other' }
)

/** One operator call. Identity of the object is identity of the node while a graph is being edited. */
export interface Node {
  readonly name: string
  readonly op: string
  /** '' is ai.onnx. */
  readonly domain: string
  /** '' marks an input that is left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: readonly Attribute[]
  readonly carrier?: Carrier
}

export interface Graph {
  readonly name: string
  readonly nodes: readonly Node[]
  readonly initializers: readonly TensorRef[]
  /** Names of sparse initializers: kept as they are. */
  readonly sparseInitializers: readonly string[]
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly values: readonly ValueInfo[]
  readonly carrier?: Carrier
}

/** A model-local function (ONNX FunctionProto). Its body has no initializers. */
export interface FunctionBody {
  readonly domain: string
  readonly name: string
  readonly nodes: readonly Node[]
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly opsets: readonly OpsetImport[]
  readonly carrier?: Carrier
}

export interface OpsetImport {
  readonly domain: string
  readonly version: number
  readonly carrier?: Carrier
}

export interface Model {
  readonly format: 'onnx'
  readonly label: string
  readonly irVersion: number
  readonly opsets: readonly OpsetImport[]
  readonly producer: string
  readonly metadata: ReadonlyMap<string, string>
  readonly graph: Graph
  readonly functions: readonly FunctionBody[]
  /** Bytes of the model with its external data. */
  readonly byteLength: number
  /** Labels of the external data files that were opened. */
  readonly externalFiles: readonly string[]
  readonly carrier?: Carrier
}

/**
 * Where a graph sits: [] is the main graph, ['If_3', 'then_branch'] the body of a node's attribute,
 * and so on inwards; functions are ['function', 'domain::name']. Steps are node keys (name, or `op#index` when unnamed).
 */
export type ScopePath = readonly string[]
