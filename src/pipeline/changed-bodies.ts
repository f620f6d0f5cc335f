import { type BodyModel, bodiesAsModels, moveConstantsInward, nameOwners, withBodies } from '../graph/bodies/index.ts'
import { isStandard } from '../graph/index.ts'
import type { Model } from '../model/graph.ts'
import { readSmall } from './tensor-bytes.ts'

const PRODUCTS: ReadonlySet<string> = new Set(['Conv', 'MatMul', 'Gemm', 'ConvTranspose'])

/** Bodies of If, Loop and Scan that compute products of their own, ready to be quantized one by one, and the model they are of. */
export interface PreparedBodies {
  /** The same function; constants that one body alone reads are in it, and nodes that hold bodies have names. */
  readonly model: Model
  readonly bodies: readonly BodyModel[]
}

/** Finds bodies worth the work. Constants have to be folded before. */
export async function preparedBodies(given: Model): Promise<PreparedBodies> {
  const model = nameOwners(moveConstantsInward(given))
  const all = await bodiesAsModels(model, readSmall)
  const bodies = all.filter(({ model: { graph } }) =>
    graph.nodes.some((node) => isStandard(node) && PRODUCTS.has(node.op)),
  )
  return { model, bodies }
}

/** The model with bodies as `change` gives them, one after the other; null leaves one as it is. */
export async function changeBodies(
  { model, bodies }: PreparedBodies,
  change: (body: BodyModel) => Promise<Model | null>,
): Promise<Model> {
  const changed = new Map<string, Model>()
  for (const body of bodies) {
    const now = await change(body)
    if (now !== null && now !== body.model) changed.set(body.key, now)
  }
  return withBodies(model, changed)
}
