import type { Node, TensorRef } from '../../../model/graph.ts'
import { constantTensor } from '../../constant-nodes.ts'
import type { Definition } from '../../consumers.ts'
import { isInFunction, type Scope } from '../../walk.ts'
import type { Along, Part, Port } from './axis.ts'
import type { Frame } from './frame.ts'

/** An axis of one value in a space. */
export interface Member extends Along {
  readonly definition: Definition
  readonly frame: Frame
  /** Elements that are rotated; null until it is known. */
  size: number | null
}

/** An input of a node that is a constant vector, rotated for this node alone. */
export interface VectorSite {
  readonly node: Node
  readonly scope: Scope
  readonly index: number
  readonly tensor: TensorRef
  readonly part: Part | null
  readonly frame: Frame
  /** What it is added to, or becomes. */
  readonly beside: Member
}

/** A value at which a rotation ends. */
export interface Border {
  readonly member: Member
  /** 'into': what makes the value is not rotated; 'out of': what reads it is not. */
  readonly side: 'into' | 'out of'
  /** The reader; absent: it is an output. */
  readonly use?: { readonly node: Node; readonly index: number }
  readonly why: string
}

/** A product whose depth has two frames: its input gets a matrix of its own. */
export interface Meeting {
  readonly node: Node
  readonly scope: Scope
  readonly index: number
  readonly from: Member
  readonly to: Member
}

/** A multiplication by a gain that goes into constants. */
export interface RemovedGain {
  readonly node: Node
  readonly scope: Scope
  /** Of an operator that normalises: its gain becomes ones. Else the input that passes through. */
  readonly place:
    | { readonly kind: 'norm'; readonly index: number }
    | { readonly kind: 'product'; readonly input: number }
}

/** Everything that has to be rotated by one matrix. */
export interface Space {
  readonly members: readonly Member[]
  readonly vectors: readonly VectorSite[]
  readonly gains: readonly RemovedGain[]
  readonly borders: readonly Border[]
  readonly meetings: readonly Meeting[]
  readonly norms: number
  /** One of them subtracts the mean. */
  readonly centred: boolean
  /** Constants whose depth is rotated. */
  readonly read: ReadonlySet<Definition>
  /** Pairs of members whose sizes differ or not. */
  readonly resized: readonly (readonly [Member, Member])[]
  readonly heads: readonly { readonly member: Member; readonly heads: number }[]
  /** Why nothing of it can be rotated; null where it can. */
  readonly refusal: string | null
}

export interface Reached {
  readonly scope: Scope
  readonly node: Node
  readonly port: Port
}

/** A constant whose elements are rotated in the file. One that old files list as an input too can be fed no more. */
export function matrixAt(definition: Definition): TensorRef | null {
  return isInFunction(definition.scope) ? null : constantTensor(definition)
}
