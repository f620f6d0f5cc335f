import type { Inventory, WeightFacts } from '../../model/inventory.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import type { Decision } from '../../model/plan.ts'
import type { SchemeSpec } from '../../model/scheme.ts'
import type { Target } from '../../model/target.ts'
import { formatSchemeId } from '../../schemes/index.ts'
import type { Ask } from '../ask.ts'
import { plan } from '../plan.ts'
import type { Rule } from '../rules.ts'
import type { Table } from '../table.ts'
import { tensorKey } from '../tensor-key.ts'
import type { Group } from './groups.ts'

/** What a weight may become: what a rule says, and what the plan makes of it. */
export interface Candidate {
  /** A scheme, a preset or `keep`, as rules say it. */
  readonly what: string
  /** Null: it stays as it is. */
  readonly spec: SchemeSpec | null
  /** Bytes of codes, scales and zeros, and of the nodes that read them. */
  readonly bytes: number
}

/** Every weight of a group with the same candidates. */
export interface GroupCandidates {
  readonly group: Group
  readonly whats: readonly string[]
  /** By weight (`tensorKey`), parallel to `whats`. */
  readonly byWeight: ReadonlyMap<string, readonly Candidate[]>
}

/** Forms whose weights are read at the speed of float or better; others save bytes and cost time on every run. */
const FORMS = new Set(['onnx/matmul-nbits', 'onnx/gather-block', 'onnx/gather-rows', 'onnx/expand', 'onnx/half'])

/** Beside schemes in blocks. */
const PRESETS = ['int8-weights', 'fp16-weights', 'keep']
const BLOCKS = [16, 32, 64, 128]
/** From here on scales are f32, for the kernels that need them as constants (decision 0019). */
const LARGE = 1 << 20

function isLargeProduct({ elementCount, uses }: WeightFacts): boolean {
  return elementCount >= LARGE && uses.some(({ role }) => role !== 'gather')
}

/** Schemes in blocks that a target's kernels take, by whether a weight is large. */
function schemesOf(target: Target, large: boolean): readonly string[] {
  const kernels = [target.matmulNBits, target.gatherBlockQuantized].filter((one) => one !== null)
  const bits = [...new Set(kernels.flatMap((kernel) => kernel.bits))].sort((a, b) => a - b)
  const sizes = BLOCKS.filter((size) => kernels.some(({ blockSizes }) => blockSizes.includes(size)))
  const half = !large && target.matmulNBits?.halfScalesBehindCast !== false
  return bits.flatMap((bit) =>
    sizes.flatMap((size) => ['sym', 'asym'].map((kind) => `int${bit}-block${size}-${kind}${half ? '-f16' : ''}`)),
  )
}

/** The rule that gives one weight one scheme: exact names win over everything. */
export function ruleFor(name: string, what: string): Rule {
  return { text: `${name}=${what}`, pattern: name, what }
}

/**
 * What each group may become, found by planning every scheme for all weights at once: a candidate is what the plan does as
 * asked, for every weight of the group, in a form that costs no time. `base` is what `ask` makes without rules of the search.
 */
export function candidatesOf(
  groups: readonly Group[],
  inventory: Inventory,
  table: Table,
  ask: Ask,
): readonly GroupCandidates[] {
  const weights = groups.flatMap((group) => group.weights)
  const whats = [...new Set([...schemesOf(ask.target, false), ...schemesOf(ask.target, true)]), ...PRESETS]
  const found = new Map<string, Map<string, Candidate>>(
    weights.map((weight) => [tensorKey(weight.scope, weight.name), new Map()]),
  )
  const names = [...new Set(weights.map(({ name }) => name))]
  for (const what of whats) {
    const rules = names.map((name) => ruleFor(name, what))
    for (const decision of plan(inventory, table, { ...ask, rules: [...ask.rules, ...rules] }).decisions) {
      const candidate = candidateOf(decision, what)
      if (candidate) found.get(tensorKey(decision.tensor.scope, decision.tensor.name))?.set(what, candidate)
    }
  }
  return groups.map((group) => {
    const own = group.weights.map((weight) => found.get(tensorKey(weight.scope, weight.name)) as Map<string, Candidate>)
    const schemes = schemesOf(ask.target, group.weights.some(isLargeProduct))
    const shared = [...schemes, ...PRESETS].filter((what) => own.every((one) => one.has(what)))
    return {
      group,
      whats: shared,
      byWeight: new Map(
        group.weights.map((weight, i) => [
          tensorKey(weight.scope, weight.name),
          shared.map((what) => (own[i] as Map<string, Candidate>).get(what) as Candidate),
        ]),
      ),
    }
  })
}

function candidateOf(decision: Decision, what: string): Candidate | null {
  if (decision.action === 'keep') {
    return what === 'keep' ? { what, spec: null, bytes: decision.bytesAfter } : null
  }
  if (what === 'keep' || !FORMS.has(decision.lowering)) return null
  const preset = what === 'int8-weights' || what === 'fp16-weights'
  if (!preset && decision.schemeId !== what) return null
  if (what === 'fp16-weights' && decision.action !== 'cast') return null
  return { what, spec: decision.scheme, bytes: decision.bytesAfter }
}

/** The integer specs to be measured on each weight. */
export function specsOf(
  candidates: readonly GroupCandidates[],
): { weight: WeightFacts; specs: readonly IntegerSpec[] }[] {
  return candidates.flatMap(({ group, byWeight }) =>
    group.weights.map((weight) => {
      const specs = new Map<string, IntegerSpec>()
      for (const { spec } of byWeight.get(tensorKey(weight.scope, weight.name)) ?? []) {
        if (spec?.family === 'integer') specs.set(formatSchemeId(spec), spec)
      }
      return { weight, specs: [...specs.values()] }
    }),
  )
}
