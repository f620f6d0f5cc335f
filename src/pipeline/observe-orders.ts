import type { Kernels } from '../model/kernels.ts'
import type { Look, Looked, WantedRanges } from './observe-places.ts'
import type { Watched } from './value-watch.ts'

/** A sample for a thread: for each part the file of the model that gives its values, null where nothing has to run; or the one that gives ranges. */
export interface ThreadLook extends Omit<Look, 'parts' | 'ranges'> {
  readonly parts: readonly { readonly path: string | null; readonly values: readonly string[] }[]
  readonly ranges?: WantedRanges & { readonly path: string }
}

/** What a thread that observes is asked for, in this order: `look` and `take` any number of times. */
export type ObserveOrder =
  | {
      readonly order: 'begin'
      readonly axes: ReadonlyMap<string, number>
      readonly kernels: Kernels['id']
      readonly least: number | undefined
    }
  | { readonly order: 'look'; readonly look: ThreadLook }
  | { readonly order: 'take' }
  | { readonly order: 'end' }

export type ObserveAnswer = Looked | Watched | null
