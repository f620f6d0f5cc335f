import type { Codec, Grouping } from '../../model/array-scheme.ts'

/** What an id says besides its code: the parts are resolved, with the family's defaults filled in. */
export interface SchemeParts {
  /** sym, signed, asym, offset, double ...; '' where the family has one kind only. */
  readonly kind: string
  /** Stored type of scales; '' where the family fixes it. */
  readonly scale: string
}

/** One family of codes in the grammar of ids. */
export interface Family {
  readonly name: string
  /** Matches the code part of an id as a whole. */
  readonly pattern: RegExp
  /** Ids to show in help and to find near names in. */
  readonly examples: readonly string[]
  /** Kinds, the default first; empty: none may be written. */
  kinds(code: RegExpExecArray): readonly string[]
  /** Types of scales, the default first; empty: none may be written. */
  scales(code: RegExpExecArray): readonly string[]
  /** The grouping when the id names none; null: one must be named. */
  readonly grouping: Grouping | null
  /** True: `grouping` is part of the format and none may be named. */
  readonly fixed?: boolean
  make(code: RegExpExecArray, parts: SchemeParts): Codec
}
