import { TersorError } from '../../errors.ts'
import type { SessionInput } from '../../model/runtime.ts'
import type { SampleItem } from '../arrays-samples.ts'
import type { SoundRecipe } from './recipe.ts'

export async function soundItems(
  paths: readonly string[],
  _inputs: readonly SessionInput[],
  _recipe: SoundRecipe,
  _skipped: string[],
  _options: { readonly skipBad?: boolean },
): Promise<readonly SampleItem[]> {
  throw new TersorError('E_UNSUPPORTED', `${paths[0]}: sounds are not read yet`)
}
