import { type Allocation, allocationCurve, type Choice } from '../../allocation/allocate.ts'
import type { KindHints } from '../../evaluation/index.ts'
import type { Runtime } from '../../model/runtime.ts'
import type { SearchFacts } from '../../model/search-facts.ts'
import type { Tools } from '../../model/tools.ts'
import type { Ask } from '../ask.ts'
import type { Evidence } from '../evidence.ts'
import { measure, measureSpecs } from '../measure.ts'
import { Phases } from '../phases.ts'
import { plan } from '../plan.ts'
import type { ProducePool } from '../produce/produce-pool.node.ts'
import { decide, type Prepared } from '../run.ts'
import { layoutOf } from '../save.ts'
import { tensorKey } from '../tensor-key.ts'
import { type Candidate, candidatesOf, type GroupCandidates, ruleFor, specsOf } from './candidates.ts'
import { bitsOf, choicesOf, standIn } from './choices.ts'
import { type Group, groupsOf } from './groups.ts'
import { measureGroups, type Pass } from './measure-groups.node.ts'

/** What outputs are measured with; absent where no executor runs the model. */
export interface SearchEvidence {
  readonly runtime: Runtime
  readonly evidence: Evidence
  readonly hints: KindHints
}

/** All that a budget is spent on: what each group may become, with bytes and losses. */
export interface SearchTable {
  readonly groups: readonly Group[]
  readonly choices: readonly (readonly Choice[])[]
  readonly metric: string
  /** Bytes of all files of an allocation, laid out as they would be written. */
  bytesOf(allocation: Allocation): Promise<number>
  /** PATTERN=WHAT, one a tensor. */
  rulesOf(allocation: Allocation): readonly string[]
}

/** Measures every candidate of every group. `ask` is what tensors outside the search become; `fitted`: codes will be found on data. */
export async function searchTable(
  prepared: Prepared,
  ask: Ask,
  judged: SearchEvidence | undefined,
  pool: ProducePool,
  tools: Tools,
  { fitted, shardBytes }: { readonly fitted: boolean; readonly shardBytes?: number },
): Promise<SearchTable> {
  const { inventory, table } = prepared
  await measure(inventory, ask, tools, table)
  const base = plan(inventory, table, ask)
  const ruled = new Set(
    base.decisions
      .filter(({ because }) => because.code === 'asked' && because.text.startsWith('rule '))
      .map(({ tensor }) => tensorKey(tensor.scope, tensor.name)),
  )
  const free = base.work.filter(({ weight }) => !ruled.has(tensorKey(weight.scope, weight.name)))
  const groups = groupsOf(inventory, { ...base, work: free })
  const candidates = candidatesOf(groups, inventory, table, ask)
  await measureSpecs(specsOf(candidates), ask.solver ?? 'search', tools, table)
  const passes = passesOf(candidates)
  const measured = judged && (await measureGroups(prepared, ask, passes, judged, pool, tools))
  const losses = new Map([...(measured ?? [])].map(([pass, byGroup]) => [pass.bits, lossesOf(byGroup)]))
  const metric = [...(measured?.values() ?? [])].flatMap((byGroup) => [...byGroup.values()])[0]?.metric ?? 'weights'
  const choices = candidates.map((one) => choicesOf(one, losses, inventory.parameterCount, table, fitted))
  const rulesOf = ({ chosen }: Allocation): readonly string[] =>
    groups.flatMap((group, g) => {
      const what = choices[g]?.[chosen[g] ?? 0]?.id ?? 'keep'
      return [...new Set(group.weights.map(({ name }) => ruleFor(name, what).text))]
    })
  const quiet: Tools = { ...tools, notify: () => undefined }
  const bytesOf = async (allocation: Allocation): Promise<number> => {
    const rules = groups.flatMap((group, g) => {
      const what = choices[g]?.[allocation.chosen[g] ?? 0]?.id ?? 'keep'
      return [...new Set(group.weights.map(({ name }) => name))].map((name) => ruleFor(name, what))
    })
    const decided = await decide(prepared, { ...ask, rules: [...ask.rules, ...rules] }, quiet, new Phases(quiet.notify))
    const { files } = layoutOf(decided.output, 'model.onnx', shardBytes)
    return files.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }
  return { groups, choices, metric, bytesOf, rulesOf }
}

function lossesOf(byGroup: ReadonlyMap<Group, { readonly loss: number }>): ReadonlyMap<Group, number> {
  return new Map([...byGroup].map(([group, { loss }]) => [group, loss]))
}

/** One pass for each width that codes may have. */
function passesOf(candidates: readonly GroupCandidates[]): readonly Pass[] {
  const widths = new Set<number>()
  for (const { byWeight } of candidates)
    for (const one of [...byWeight.values()][0] ?? []) if (bitsOf(one as Candidate) <= 8) widths.add(bitsOf(one))
  return [...widths]
    .sort((a, b) => b - a)
    .map((bits): Pass => {
      const whats = new Map<Group, string>()
      for (const one of candidates) {
        const stand = standIn(one, bits)
        if (stand >= 0) whats.set(one.group, one.whats[stand] as string)
      }
      return { bits, whats }
    })
}

/** Points of the curve that are shown. */
const CURVE_POINTS = 48

/** What the report says of a search. `offset`: bytes of the file that belong to no choice. */
export function searchFacts(
  table: SearchTable,
  found: { readonly allocation: Allocation; readonly bytes: number },
  judged: SearchEvidence | undefined,
): Omit<SearchFacts, 'budget' | 'maxLoss'> {
  const offset = found.bytes - found.allocation.bytes
  const curve = allocationCurve(table.choices, CURVE_POINTS).map(({ bytes, loss }) => ({ bytes: bytes + offset, loss }))
  return {
    leastBytes: curve[0]?.bytes ?? found.bytes,
    metric: table.metric,
    samples: judged?.evidence.samples.length ?? 0,
    data: judged?.evidence.data ?? 'none',
    loss: found.allocation.loss,
    curve,
    groups: table.groups.map(({ weights }, g) => ({
      tensors: weights.map(({ name }) => name),
      chosen: table.choices[g]?.[found.allocation.chosen[g] ?? 0]?.id ?? 'keep',
      choices: (table.choices[g] ?? []).map(({ id, bytes, loss }) => ({ what: id, bytes, loss })),
    })),
  }
}
