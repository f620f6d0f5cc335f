import { TersorError } from '../../errors.ts'
import { removeDead, takeInventory } from '../../graph/index.ts'
import {
  type ChosenSpace,
  type FoundSpaces,
  findSpaces,
  matrixAt,
  type RotatedModel,
  rotateModel,
} from '../../graph/rewrites/rotation/index.ts'
import type { Model } from '../../model/graph.ts'
import { tryParseSchemeId } from '../../schemes/index.ts'
import type { Ask } from '../ask.ts'
import type { Rule } from '../rules.ts'
import type { Prepared } from '../run.ts'
import { Table } from '../table.ts'
import { readRange, readSmall } from '../tensor-bytes.ts'
import { tensorKey } from '../tensor-key.ts'

export interface Rotated {
  readonly prepared: Prepared
  /** With the rules that matrices of the rotation need. */
  readonly ask: Ask
}

/** Whether two models compute the same; null where they could not be run. */
export type SameFunction = (changed: Model) => Promise<boolean | null>

const NAME_LENGTH = 60
/** Spaces that are run one by one, where all at once compute something else. */
const MOST_ALONE = 64

/**
 * The float model with its residual stream, the values of its attention and whatever else only linear layers touch turned by random Hadamard
 * matrices, in front of everything else: large channels are spread over all. Everything is folded into constants. E_PLAN where there is nothing
 * to turn, with the reasons.
 */
export async function rotated(prepared: Prepared, ask: Ask, same: SameFunction): Promise<Rotated> {
  const found = await findSpaces(prepared.model, readSmall)
  if (found.chosen.length === 0) throw nothingToRotate(found)
  const { turned, spaces, notes } = await provenRotation(prepared.model, found, ask.seed, same)
  const model = removeDead(turned.model)
  return {
    prepared: {
      ...prepared,
      model,
      inventory: await takeInventory(model, readSmall),
      table: new Table(),
      remarks: new Map([...(prepared.remarks ?? []), ...remarksOf(spaces, found)]),
      warnings: [...prepared.warnings, ...notes],
    },
    ask: { ...ask, rules: [...ask.rules, ...rulesFor(turned.added, ask)] },
  }
}

interface Proven {
  readonly turned: RotatedModel
  readonly spaces: readonly ChosenSpace[]
  readonly notes: readonly string[]
}

async function provenRotation(model: Model, found: FoundSpaces, seed: number, same: SameFunction): Promise<Proven> {
  const { connections, chosen } = found
  const turn = (spaces: readonly ChosenSpace[]): Promise<RotatedModel | string> =>
    rotateModel(model, { spaces, connections }, { seed, readSmall, readRange })
  const why = new Map<string, number>()
  const works = async (spaces: readonly ChosenSpace[]): Promise<{ turned: RotatedModel; ran: boolean } | null> => {
    const turned = await turn(spaces)
    const isSame = typeof turned === 'string' ? turned : await same(turned.model)
    if (typeof turned !== 'string' && isSame !== false) return { turned, ran: isSame === true }
    const reason = typeof isSame === 'string' ? isSame : 'the model with it computes something else'
    why.set(reason, (why.get(reason) ?? 0) + 1)
    return null
  }
  const all = await works(chosen)
  if (all) return { turned: all.turned, spaces: chosen, notes: notesOf(chosen, all, found) }
  const kept: ChosenSpace[] = []
  for (const space of chosen.slice(0, MOST_ALONE)) if (await works([space])) kept.push(space)
  const rest = kept.length > 0 ? await works(kept) : null
  if (!rest)
    throw new TersorError(
      'E_PLAN',
      `--transform rotate: no rotation of this model holds: ${[...why.keys()].join('; ')}`,
      {
        where: '--transform',
      },
    )
  const note = `${chosen.length - kept.length} of ${chosen.length} rotations were left out: ${[...why.keys()].join('; ')}`
  return { turned: rest.turned, spaces: kept, notes: [note, ...notesOf(kept, rest, found)] }
}

function nothingToRotate({ refused }: FoundSpaces): TersorError {
  const reasons = [...new Set(refused.map(({ why }) => why))].slice(0, 3)
  const text =
    reasons.length > 0 ? reasons.join('; ') : 'no weights lie behind one another with nothing but sums between'
  return new TersorError('E_PLAN', `--transform rotate: nothing in this model can be rotated: ${text}`, {
    where: '--transform',
    hint: 'leave it out',
  })
}

function notesOf(
  spaces: readonly ChosenSpace[],
  { turned, ran }: { readonly turned: RotatedModel; readonly ran: boolean },
  { refused }: FoundSpaces,
): readonly string[] {
  const kinds = new Map<string, number>()
  for (const space of spaces) kinds.set(kindOf(space), (kinds.get(kindOf(space)) ?? 0) + 1)
  const what = [...kinds].map(([kind, count]) => (count > 1 ? `${count} times ${kind}` : kind)).join(', ')
  const notes = [`rotated: ${what}${ran ? '' : '; the float models were not run beside each other'}`]
  const isTurned = spaces.some(({ norms }) => norms > 1)
  const stream = isTurned
    ? undefined
    : (refused.find(({ space }) => space.norms > 1) ?? refused.find(({ space }) => space.norms > 0))
  if (stream) notes.push(`the residual stream is not rotated: ${stream.why}`)
  if (turned.added.length > 0) {
    const names = turned.added.map((name) => `"${name.slice(0, NAME_LENGTH)}"`).join(', ')
    notes.push(`matrices that the rotation adds, where a tied weight or an end of the stream asks for them: ${names}`)
  }
  return notes
}

function kindOf(space: ChosenSpace): string {
  const { unit, norms } = space
  const widest = Math.max(...space.members.map(({ size }) => size as number))
  const width = unit === widest ? `${unit} channels` : `heads or runs of ${unit} of ${widest} channels`
  return norms > 1 ? `the residual stream (${width}, ${norms} norms)` : width
}

/** What was done to each weight, or why nothing. */
function remarksOf(spaces: readonly ChosenSpace[], { refused }: FoundSpaces): ReadonlyMap<string, string> {
  const parts = new Map<string, string[]>()
  const say = (definition: ChosenSpace['members'][number]['definition'], text: string): void => {
    const key = tensorKey(definition.scope.path, definition.name)
    const known = parts.get(key) ?? []
    if (!known.includes(text)) parts.set(key, [...known, text])
  }
  for (const space of spaces)
    for (const { definition } of space.members) {
      if (!matrixAt(definition)) continue
      say(
        definition,
        `${space.read.has(definition) ? 'inputs' : 'outputs'} rotated by Hadamard matrices of ${space.block}`,
      )
    }
  for (const { space, why } of refused)
    for (const definition of space.read) if (matrixAt(definition)) say(definition, `inputs not rotated: ${why}`)
  return new Map([...parts].map(([key, texts]) => [key, texts.join(', ')]))
}

/** Everything behind reads what these matrices give: never fewer than 8 bits. */
function rulesFor(added: readonly string[], { to }: Ask): readonly Rule[] {
  const spec = tryParseSchemeId(to)
  const isLow = to === 'int4-weights' || to === 'int2-weights' || (spec?.family === 'integer' && spec.bits < 8)
  if (!isLow && !['q4', 'q2'].includes(to)) return []
  return added.map((name) => ({ text: `${name}=int8-weights`, pattern: name, what: 'int8-weights' }))
}
