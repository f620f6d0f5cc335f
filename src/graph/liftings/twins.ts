import type { Node } from '../../model/graph.ts'
import { float32, makeNode } from '../lowerings/make.ts'
import { plainName } from './original-names.ts'
import type { Levels, Range, Site } from './site.ts'

const LOWEST: Readonly<Record<string, number>> = { u8: 0, i8: -128, u16: 0, i16: -32768, u4: 0, i4: -8, u2: 0, i2: -2 }
const HIGHEST: Readonly<Record<string, number>> = {
  u8: 255,
  i8: 127,
  u16: 65535,
  i16: 32767,
  u4: 15,
  i4: 7,
  u2: 3,
  i2: 1,
}
const AFTER: Readonly<Record<'relu' | 'relu6', Range>> = {
  relu: { nonNegative: true, atMostSix: false },
  relu6: { nonNegative: true, atMostSix: true },
}

/**
 * The activation that a quantized range stands for. Tools drop a Relu (or a Clip to 0 .. 6) whose result is quantized to a
 * range that begins at 0 (and ends at 6), because saturation does the same; without the codes it must be there again.
 */
export function impliedActivation(levels: Levels | undefined, range: Range): 'relu' | 'relu6' | undefined {
  if (levels === undefined || levels.zero !== LOWEST[levels.dtype]) return undefined
  const end = levels.scale * ((HIGHEST[levels.dtype] ?? 0) - levels.zero)
  if (!range.atMostSix && Math.abs(end - 6) <= 0.51 * levels.scale) return 'relu6'
  return range.nonNegative ? undefined : 'relu'
}

/**
 * Nodes that compute the float twin of an output: `write` gives those that make the product under a name, and the activation
 * that the output's range stands for follows. The twin is registered.
 */
export async function writeTwin(
  site: Site,
  parameters: { readonly scale: string; readonly zero: string; readonly range: Range; readonly output?: number },
  write: (product: string) => readonly Node[],
): Promise<readonly Node[]> {
  const { scale, zero, range, output = 0 } = parameters
  const name = await site.twinName(output, scale, zero)
  const implied = impliedActivation(await site.levels(scale, zero), range)
  const twin = { float: name, scale: site.definition(scale), zero: site.definition(zero) }
  site.register(output, { ...twin, range: implied === undefined ? range : AFTER[implied] })
  if (implied === undefined) return write(name)
  const product = site.fresh(`${name}/linear`)
  return [...write(product), activation(site, implied, product, name)]
}

/** A value quantized as it is, where nothing computes it: the activation alone, or undefined when the value serves. */
export async function activationFor(
  site: Site,
  input: string,
  parameters: { readonly scale: string; readonly zero: string; readonly range: Range },
): Promise<{ readonly node: Node; readonly name: string; readonly range: Range } | undefined> {
  const implied = impliedActivation(await site.levels(parameters.scale, parameters.zero), parameters.range)
  if (implied === undefined) return undefined
  const name = await site.twinName(0, parameters.scale, parameters.zero)
  return { node: activation(site, implied, input, name), name, range: AFTER[implied] }
}

function activation(site: Site, kind: 'relu' | 'relu6', input: string, output: string): Node {
  if (kind === 'relu') return makeNode('Relu', [input], [output])
  if (site.opset < 11) return makeNode('Clip', [input], [output], { min: { float: 0 }, max: { float: 6 } })
  const [low, high] = [site.fresh(`${output}/min`), site.fresh(`${output}/max`)]
  site.addConstant(float32(low, 0))
  site.addConstant(float32(high, 6))
  return makeNode('Clip', [input, low, high], [output])
}

/** The node under its own name (less what tools put behind it), with another operator. */
export function plainNode(
  from: Node,
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  more: Partial<Pick<Node, 'attributes' | 'domain'>> = {},
): Node {
  let used = inputs.length
  while (used > 0 && inputs[used - 1] === '') used--
  return {
    name: plainName(from.name),
    op,
    domain: more.domain ?? '',
    inputs: inputs.slice(0, used),
    outputs,
    attributes: more.attributes ?? [],
  }
}
