import { TersorError } from '../errors.ts'
import { packings } from '../formats/onnx/packings/index.ts'
import { lowerings } from '../graph/lowerings/index.ts'
import type { Node } from '../model/graph.ts'
import type { Inventory, WeightFacts, WeightUse } from '../model/inventory.ts'
import type { IntegerSpec, PackedPart, Packing } from '../model/packing.ts'
import type { Decision, LoweringId, Reason } from '../model/plan.ts'
import type { SchemeSpec, SolverId } from '../model/scheme.ts'
import { didYouMean } from '../near-names.ts'
import { commonSchemeIds, formatSchemeId, parseFewBits, parseSchemeId, tryParseSchemeId } from '../schemes/index.ts'
import { adaptersOf } from './adapters.ts'
import { type Ask, PRESETS } from './ask.ts'
import type { FittedWeight } from './fitting/fitted.ts'
import { forms, partOf, usesByLowering } from './forms.ts'
import { keptSingle } from './half/kept-single.ts'
import { insteadOf } from './instead-of.ts'
import { labelOf, labelsOf } from './labels.ts'
import { lowRankOpset } from './low-rank/factor-bits.ts'
import { type Option, optionsOf, optionsOfScheme, outerOptions, resolveAuto } from './options.ts'
import { affordableEnds } from './outer-layers.ts'
import { matchRule, type Rule, type RuleContext } from './rules.ts'
import { cheapest, slopeFor, Table } from './table.ts'
import { tensorKey } from './tensor-key.ts'

/** A weight that changes its form: what quantize and lower need. */
export interface WeightWork {
  readonly weight: WeightFacts
  readonly form: string
  readonly spec: SchemeSpec
  readonly solver: SolverId
  readonly packing: Packing | null
  readonly parts: readonly PackedPart[]
  readonly groups: ReadonlyMap<LoweringId, readonly WeightUse[]>
  /** Multiplies the weight along its depth before it is quantized; zero for rows that stay float. */
  readonly balance?: Float32Array
  /** Multiplies what the weight multiplies; where it is not zero, the reciprocal of the balance. Absent: all ones. */
  readonly inverse?: Float32Array
  /** Rows along the depth that stay float: their indices, and values row after row, as the product sees them. */
  readonly floatRows?: { readonly indices: readonly number[]; readonly values: Float32Array }
  /** Lower bounds of activations, by the node that multiplies them. */
  readonly least?: ReadonlyMap<Node, number>
  /** Codes that were found before: they are packed as they are. */
  readonly fitted?: FittedWeight
}

export interface Plan {
  readonly version: 1
  readonly preset: string
  readonly presetBecause: string
  readonly decisions: readonly Decision[]
  readonly work: readonly WeightWork[]
  /** ai.onnx version that the chosen nodes need. */
  readonly minOpset: number
}

const FLOATS = new Set(['f32', 'f16', 'bf16', 'f64'])
/** Names, dimensions and framing of one more node and its tensors in the file; measured on real files, 90 to 260 bytes. */
const NODE_BYTES = 200
/** Fewest elements of a matrix worth a decision of its own. */
const LEAST_ELEMENTS = 256

/** Magnitudes from here on round to infinity in f16. */
const F16_OVERFLOW = 65520

/** What a weight is asked to become, before feasibility. */
interface Wish {
  readonly weight: WeightFacts
  readonly what: string
  readonly rule: string | null
  readonly relaxed?: string
  /** A layer at an end of the model that may keep more bits than the preset says. */
  readonly outer?: boolean
  /** A thin matrix of a pair beside a full one. */
  readonly adapter?: boolean
}

/** Resolves `auto`, presets and rules to one wish a weight. Throws E_USAGE. */
export function wishes(inventory: Inventory, ask: Ask): { preset: string; because: string; wishes: readonly Wish[] } {
  let preset = ask.to
  let because = 'asked for'
  if (preset === 'auto') {
    const linear = inventory.weights.filter((weight) => partOf(weight) === 'linear')
    const elements = linear.reduce((sum, weight) => sum + weight.elementCount, 0)
    const wide = linear.reduce(
      (sum, weight) => sum + ((weight.uses[0]?.view?.depth ?? 0) >= 192 ? weight.elementCount : 0),
      0,
    )
    const chosen = resolveAuto(inventory.family, elements / Math.max(1, inventory.parameterCount), wide * 2 > elements)
    preset = chosen.preset
    because = chosen.because
  }
  checkWhat(preset)
  const what = inventory.weights.map(() => preset)
  const rule: (string | null)[] = inventory.weights.map(() => null)
  const context = ruleContext(inventory)
  const matched = ask.rules.map((one) => ({ one, ...matchRule(one, context) }))
  for (const pass of [false, true]) {
    for (const { one, exact, matches } of matched) {
      if (exact !== pass) continue
      const ofStatic = preset === 'int8-static' && (one.what === WIDE || parseFewBits(one.what) !== null)
      if (one.what !== 'keep' && !ofStatic) checkWhat(one.what)
      for (const i of matches) {
        what[i] = one.what
        rule[i] = one.text
      }
    }
  }
  const ends = affordableEnds(inventory)
  const adapters = ask.everything ? new Set<WeightFacts>() : adaptersOf(inventory)
  return {
    preset,
    because,
    wishes: inventory.weights.map((weight, i): Wish => {
      const relaxed = rule[i] === null ? ask.relaxed?.get(tensorKey(weight.scope, weight.name)) : undefined
      if (relaxed) return { weight, what: relaxed.what, rule: null, relaxed: relaxed.text }
      if (rule[i] === null && adapters.has(weight)) return { weight, what: preset, rule: null, adapter: true }
      if (rule[i] === null && ends.has(weight)) return { weight, what: preset, rule: null, outer: true }
      return { weight, what: what[i] as string, rule: rule[i] as string | null }
    }),
  }
}

/** What a rule of int8-static says: 8-bit weights, activations of 16 bits by two integer products. */
export const WIDE = 'int8-static-a16'

/** What is left to be asked of a model whose static integers are in place: rules that have done their work are gone. */
export function afterStatic(ask: Ask, inventory: Inventory): Ask {
  const context = ruleContext(inventory)
  const isLeft = (rule: Rule): boolean => {
    if (rule.what === 'int8-static' || rule.what === WIDE) return false
    if (parseFewBits(rule.what) === null) return true
    if (tryParseSchemeId(rule.what)?.family !== 'integer') return false
    try {
      return matchRule(rule, context).matches.size > 0
    } catch {
      return false
    }
  }
  return { ...ask, rules: ask.rules.filter(isLeft) }
}

function ruleContext({ weights, nodes }: Inventory): RuleContext {
  return { weights, nodeLabels: nodes.map(labelOf), labelOf: labelsOf }
}

function checkWhat(what: string): void {
  if ((PRESETS as readonly string[]).includes(what) || tryParseSchemeId(what) !== null) return
  if (what === WIDE) {
    throw new TersorError(
      'E_USAGE',
      `${WIDE} says how products of static integers read: it is for rules of --to int8-static`,
    )
  }
  if (parseFewBits(what) !== null) {
    throw new TersorError(
      'E_UNSUPPORTED',
      `${what} needs data to find its codes with: it is for rules of --to int8-static`,
      {
        hint:
          didYouMean(what, commonSchemeIds()) ??
          "for example --to int8-static --calib DATA --rule 'op:Conv=int3-channel-sym'",
      },
    )
  }
  const shown = what.slice(0, 60)
  const instead = insteadOf(shown)
  if (instead !== null)
    throw new TersorError('E_UNSUPPORTED', `${shown} is a scheme of arrays, not of weights`, instead)
  throw new TersorError('E_USAGE', `expected a preset or a scheme such as "int4-block32-asym-f16", found "${shown}"`, {
    hint: didYouMean(shown, [...PRESETS, ...commonSchemeIds()]) ?? `presets: ${PRESETS.join(', ')}`,
  })
}

/** The candidates that measurement has to compare, per weight: only where an option lists several. */
export function measurements(inventory: Inventory, ask: Ask): { weight: WeightFacts; specs: readonly IntegerSpec[] }[] {
  // Plain rounding was asked for: the first spec of each option, no search and no comparison.
  if (ask.solver === 'nearest') return []
  const result: { weight: WeightFacts; specs: readonly IntegerSpec[] }[] = []
  for (const wish of wishes(inventory, ask).wishes) {
    if (wish.what === 'keep' || refusal(wish.weight, ask) !== null) continue
    for (const option of optionsFor(wish, ask)) {
      if (option.specs.length < 2) break
      const feasible = option.specs.filter(
        (spec) => feasibility(wish.weight, option.form, spec, ask) === null,
      ) as IntegerSpec[]
      if (feasible.length > 1) result.push({ weight: wish.weight, specs: feasible })
      if (feasible.length > 0) break
    }
  }
  return result
}

/** Weights whose range has to be known: half precision must not overflow. */
export function halves(inventory: Inventory, ask: Ask): readonly WeightFacts[] {
  // What computes in f16 was looked at before.
  if (ask.half !== undefined) return []
  return wishes(inventory, ask).wishes.flatMap((wish) => {
    if (wish.what === 'keep' || refusal(wish.weight, ask) !== null) return []
    const spec = optionsFor(wish, ask)[0]?.specs[0]
    return spec?.family === 'half' && spec.dtype === 'f16' && wish.weight.dtype !== 'f16' ? [wish.weight] : []
  })
}

function optionsFor(wish: Wish, ask: Ask): readonly Option[] {
  const preset = (PRESETS as readonly string[]).includes(wish.what)
  let options = preset
    ? optionsOf(wish.what, wish.weight, ask.target)
    : optionsOfScheme(parseSchemeId(wish.what), wish.weight, wish.what)
  if (ask.lowering !== undefined) {
    // The same schemes on the form that was asked for, in front; where it does not fit the usual order goes on.
    const asked = options.flatMap((option) =>
      option.specs[0]?.family !== 'half' ? [{ ...option, form: ask.lowering as string }] : [],
    )
    options = [...asked, ...options]
  }
  const { rule, relaxed } = wish
  if (wish.outer) return [...outerOptions(wish.what, wish.weight, ask.target), ...options]
  if (relaxed !== undefined)
    return options.map((option) => ({ ...option, because: { code: 'relaxed' as const, text: relaxed } }))
  return rule === null
    ? options
    : options.map((option) => ({ ...option, because: { code: 'asked' as const, text: `rule ${rule}` } }))
}

/** Why a weight stays float whatever is wished; null when it may change. */
function refusal(weight: WeightFacts, ask: Ask): Reason | null {
  if (!FLOATS.has(weight.dtype)) return { code: 'not-float', text: `${weight.dtype} constants are not weights` }
  if (weight.uses.length === 0) return { code: 'dead', text: 'no node uses it' }
  if (weight.spelling === 'sparse') return { code: 'unsupported-use', text: 'sparse tensors are kept as they are' }
  if (weight.pinned) return { code: 'pinned', text: 'it is an output of a graph or can be overridden by the caller' }
  // What computes in f16 takes its smallest constants in f16 too.
  if (weight.elementCount < LEAST_ELEMENTS && !ask.everything && ask.half === undefined)
    return { code: 'too-small', text: `fewer than ${LEAST_ELEMENTS} elements: codes would not save bytes` }
  return null
}

/** Ops whose second-to-none input is a weight in the sense of a matrix product. */
const PRODUCTS = new Set([
  'Einsum',
  'Attention',
  'QAttention',
  'FusedMatMul',
  'MultiHeadAttention',
  'FusedConv',
  'FusedGemm',
  'EmbedLayerNormalization',
  'Gather',
  'GatherElements',
  'GatherND',
  'DecoderMaskedSelfAttention',
  'MoE',
])

/** Fewest elements of a table whose codes save more than the nodes that gather them take (five, and their names). */
const LEAST_TABLE = 2048

function integerRefusal(weight: WeightFacts, ask: Ask): Reason | null {
  const part = partOf(weight)
  const table = part === 'table' || weight.uses.every(({ node }) => node.op === 'EmbedLayerNormalization')
  if (table && weight.elementCount < LEAST_TABLE && !ask.everything)
    return { code: 'too-small', text: `a table of fewer than ${LEAST_TABLE} elements: codes would not save bytes` }
  if (part === 'bias') return { code: 'bias', text: 'biases are few and sensitive' }
  if (weight.shape.length < 2)
    return { code: 'norm', text: 'vectors (norms, slopes, tables of one dimension) are few and sensitive' }
  if (part !== 'other') return null
  const ops = new Set(weight.uses.map((use) => use.node.op))
  const linearUses = weight.uses.every(
    (use) => use.role !== 'other' || use.movedIntoProduct === true || PRODUCTS.has(use.node.op),
  )
  if (linearUses) return null
  return { code: 'unsupported-use', text: `used as a value by ${[...ops].sort().join(', ')}, not as a weight` }
}

/** Null when the spec can live on the form for every use. */
function feasibility(weight: WeightFacts, formId: string, spec: SchemeSpec, ask: Ask): string | null {
  const form = forms.get(formId)
  if (!form) return `unknown form ${formId}`
  const groups = usesByLowering(form, weight.uses)
  if (!groups) return `not every use of it fits ${formId}`
  if (spec.family !== 'half') {
    const view = weight.uses[0]?.view
    if (!view) return 'no single matrix view of this tensor'
    if (
      weight.uses.some(
        (use) =>
          !use.view ||
          use.view.channels !== view.channels ||
          use.view.depth !== view.depth ||
          use.view.along !== view.along,
      )
    ) {
      return 'its uses see it as different matrices'
    }
    const packing = form.packing === null ? undefined : packings.get(form.packing)
    if (!packing) return `no packing for ${formId}`
    const refused = packing.accepts(spec, view, weight.shape)
    if (refused) return refused.text
  }
  for (const [id, uses] of groups) {
    const lowering = lowerings.get(id)
    if (!lowering) return `no lowering ${id}`
    const needs = lowering.minOpset(spec, weight)
    if (ask.maxOpset !== undefined && needs > ask.maxOpset)
      return `needs opset ${needs}, and this model stays at ${ask.maxOpset}`
    const checks = lowering.kind === 'value' ? [undefined] : uses
    for (const use of checks) {
      const refused = lowering.accepts(weight, use, spec, ask.target)
      if (refused) return refused.text
    }
  }
  return null
}

/** Pure: inventory, table and ask in; every decision with its reason out. */
export function plan(inventory: Inventory, table: Table, ask: Ask): Plan {
  const resolved = wishes(inventory, ask)
  const chosen = resolved.wishes.map((wish) => decide(wish, table, ask))
  const settled = settlePairs(chosen, ask)
  const work = settled.flatMap((one) => (one.work ? [one.work] : []))
  let minOpset = 0
  for (const one of work) {
    for (const id of one.groups.keys())
      minOpset = Math.max(minOpset, lowerings.get(id)?.minOpset(one.spec, one.weight) ?? 0)
  }
  minOpset = Math.max(minOpset, lowRankOpset(ask, work))
  return {
    version: 1,
    preset: resolved.preset,
    presetBecause: resolved.because,
    decisions: settled.map((one) => one.decision),
    work,
    minOpset,
  }
}

interface Chosen {
  readonly wish: Wish
  readonly decision: Decision
  readonly work?: WeightWork
}

function keep(wish: Wish, because: Reason): Chosen {
  const { weight } = wish
  return {
    wish,
    decision: {
      action: 'keep',
      tensor: { scope: weight.scope, name: weight.name },
      consumers: labelsOf(weight),
      op: weight.uses[0]?.node.op ?? '',
      because,
      bytesBefore: weight.byteLength,
      bytesAfter: because.code === 'dead' ? 0 : weight.byteLength,
    },
  }
}

function decide(wish: Wish, table: Table, ask: Ask, skipForms: ReadonlySet<string> = new Set()): Chosen {
  const { weight } = wish
  if (wish.what === 'keep') return keep(wish, { code: 'kept-by-rule', text: `rule ${wish.rule}` })
  const refused = refusal(weight, ask)
  if (refused) return keep(wish, refused)
  const integerRefused: Reason | null = wish.adapter
    ? { code: 'default', text: 'a pair of thin matrices beside a full one (an adapter such as LoRA) stays float' }
    : integerRefusal(weight, ask)
  let lastRefusal = 'no option'
  const options = optionsFor(wish, ask)
  if (options.length === 0)
    return keep(wish, { code: 'default', text: `${wish.what} changes the weights of linear layers only` })
  for (const option of options) {
    if (skipForms.has(option.form)) continue
    if (option.specs[0]?.family !== 'half' && integerRefused && wish.rule === null) return keep(wish, integerRefused)
    const feasible: SchemeSpec[] = []
    for (const spec of option.specs) {
      const largest =
        spec.family === 'half' && spec.dtype === 'f16' ? table.largest(weight.scope, weight.name) : undefined
      const single = spec.family === 'half' && ask.half !== undefined ? keptSingle(ask.half, weight) : null
      if (single !== null) return keep(wish, single)
      if (largest !== undefined && largest >= F16_OVERFLOW) {
        return keep(wish, { code: 'range', text: `holds ${largest}, more than half precision can (65504)` })
      }
      const refusedBy = feasibility(weight, option.form, spec, ask)
      if (refusedBy === null) feasible.push(spec)
      else lastRefusal = refusedBy
    }
    if (feasible.length === 0) continue
    const spec = pick(weight, feasible, table)
    const made = workOf(weight, option.form, spec, ask)
    const bytesAfter = bytesOf(made, ask)
    const isPlain = spec.family === 'half' && ask.half !== undefined
    if (bytesAfter >= weight.byteLength && !ask.everything && !isPlain) {
      return keep(wish, {
        code: 'too-small',
        text: `codes, scales and nodes would take ${bytesAfter} bytes, the float tensor ${weight.byteLength}`,
      })
    }
    const first = [...made.groups.keys()][0] as LoweringId
    const shared = {
      tensor: { scope: weight.scope, name: weight.name },
      consumers: labelsOf(weight),
      op: weight.uses[0]?.node.op ?? '',
      because: option.because,
      bytesBefore: weight.byteLength,
      bytesAfter,
    }
    const schemeId = formatSchemeId(spec)
    return {
      wish,
      work: made,
      decision:
        spec.family === 'half'
          ? { ...shared, action: 'cast', scheme: spec, lowering: first, schemeId }
          : {
              ...shared,
              action: 'quantize',
              scheme: spec,
              lowering: first,
              packing: made.packing?.id ?? '',
              solver: made.solver,
              corrections: [],
              schemeId,
            },
    }
  }
  return keep(wish, integerRefused ?? { code: 'unsupported-use', text: lastRefusal })
}

function pick(weight: WeightFacts, specs: readonly SchemeSpec[], table: Table): SchemeSpec {
  const rows = specs.flatMap((spec) => {
    const measured = table.get(Table.key(weight.scope, weight.name, formatSchemeId(spec)))
    return measured ? [{ spec, measured }] : []
  })
  return rows.length === specs.length && rows.length > 1
    ? cheapest(rows, slopeFor(weight.elementCount)).spec
    : (specs[0] as SchemeSpec)
}

function workOf(weight: WeightFacts, formId: string, spec: SchemeSpec, ask: Ask): WeightWork {
  const form = forms.get(formId)
  const groups = form && usesByLowering(form, weight.uses)
  if (!form || !groups) throw new TersorError('E_INTERNAL', `form ${formId} does not fit ${weight.name}`)
  const packing = form.packing === null ? null : (packings.get(form.packing) ?? null)
  const view = weight.uses[0]?.view
  const parts: readonly PackedPart[] =
    spec.family === 'half'
      ? [{ part: 'codes', dtype: spec.dtype, shape: weight.shape, byteLength: weight.elementCount * 2 }]
      : packing && view
        ? packing.parts(spec, view, weight.shape)
        : []
  return { weight, form: formId, spec, solver: ask.solver ?? 'search', packing, parts, groups }
}

function bytesOf(work: WeightWork, ask: Ask): number {
  let nodes = 0
  // Read as it is: no Cast behind it.
  if (work.spec.family === 'half' && ask.half !== undefined)
    return work.parts.reduce((sum, part) => sum + part.byteLength, 0)
  for (const [id, uses] of work.groups) nodes += lowerings.get(id)?.kind === 'value' ? 1 : uses.length
  return work.parts.reduce((sum, part) => sum + part.byteLength, 0) + nodes * NODE_BYTES
}

/** DynamicQuantizeLSTM needs W and R of a node alike, and of all nodes that share them: where one did not fit, the other steps back too. */
function settlePairs(chosen: readonly Chosen[], ask: Ask): readonly Chosen[] {
  const partners = new Map<object, Chosen[]>()
  for (const one of chosen) {
    for (const use of one.wish.weight.uses) {
      if (use.role !== 'lstm-w' && use.role !== 'lstm-r') continue
      const list = partners.get(use.node)
      if (list) list.push(one)
      else partners.set(use.node, [one])
    }
  }
  const step = new Set<Chosen>()
  for (const list of partners.values()) {
    const ready = list.length === 2 && list.every((one) => one.work?.form === 'dynamic-lstm' && sameNodes(one, list[0]))
    if (!ready) for (const one of list) if (one.work?.form === 'dynamic-lstm') step.add(one)
  }
  if (step.size === 0) return chosen
  return chosen.map((one) => (step.has(one) ? decide(one.wish, new Table(), ask, new Set(['dynamic-lstm'])) : one))
}

function sameNodes(a: Chosen, b: Chosen | undefined): boolean {
  const [left, right] = [a.wish.weight.uses, b?.wish.weight.uses ?? []]
  return left.length === right.length && left.every(({ node }, index) => node === right[index]?.node)
}
